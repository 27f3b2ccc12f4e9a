"""The documentation: complete, and right wherever it can be run."""
