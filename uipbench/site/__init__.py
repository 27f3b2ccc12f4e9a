"""The leaderboard site: static files made from result records and reference cases alone."""

from __future__ import annotations

from uipbench.site.build import build_site

__all__ = ["build_site"]
