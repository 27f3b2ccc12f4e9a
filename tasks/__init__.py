"""The task plugins, one folder each; imported as ``uipbench.tasks``."""
