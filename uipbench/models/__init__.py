"""One file a model, read and never imported by the harness; see :mod:`uipbench.modelfile`."""
