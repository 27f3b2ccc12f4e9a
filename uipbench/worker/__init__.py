"""What runs inside a model's own environment; imports nothing of uipbench."""
