"""Templates, with every text escaped and no script inside a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from uipbench.site import text

_HERE = Path(__file__).parent
ASSETS = _HERE / "assets"
_JSON_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def environment() -> Environment:
    """The template environment of the site."""
    env = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (
        text.number,
        text.signed,
        text.amount,
        text.unit,
        text.words,
        text.named,
        text.meaning,
        text.note,
        text.role,
        text.clip,
        text.label,
        text.key_unit,
        text.percent,
        text.letter,
    )
    env.filters.update({function.__name__: function for function in filters})
    env.filters.update(embedded=embedded_json, doi=text.doi_url, web=text.web_url)
    return env


def _finalize(value: Any) -> Any:  # noqa: ANN401 - whatever a template prints
    """Foreign texts lose their control characters; markup made by templates stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return text.clean(value)
    return value


def embedded_json(value: object) -> Markup:
    """JSON that can stand inside a ``<script type="application/json">`` element."""
    dump = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(dump.translate(_JSON_ESCAPES))  # noqa: S704 - escaped in the line above


def content_security_policy(*, plots: bool) -> str:
    """Policy of a page: its own files only; Plotly writes style rules and makes images."""
    style = "'self' 'unsafe-inline'" if plots else "'self'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src {style}",
            "img-src 'self' data: blob:" if plots else "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
