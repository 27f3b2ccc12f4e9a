"""Tests of :mod:`uipbench.site`."""
