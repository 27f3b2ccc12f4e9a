"""Committed results of the registered models, in ``results/``."""
