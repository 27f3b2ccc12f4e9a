"""Reference sets of others: pulled when asked for, by digest, into the format of own data."""

from uipbench.external.pulling import fetch, pull
from uipbench.external.registry import ExternalSet, read_sets

__all__ = ["ExternalSet", "fetch", "pull", "read_sets"]
