"""Digests of code, so that results of changed code are recognised as stale."""

from __future__ import annotations

import ast
import hashlib
import json
from functools import cache


def code_digest(*sources: str) -> str:
    """sha256 of Python sources without comments, layout and docstrings.

    Raises:
        SyntaxError: A source is not Python.
    """
    text = "\n".join(_canonical(source) for source in sources)
    return hashlib.sha256(text.encode()).hexdigest()


@cache  # a file with several models is read once for each
def _canonical(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = _without_docstring(node.body)
    return _dump(tree)


def content_digest(content: object) -> str:
    """sha256 of a JSON value, whatever its layout and the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _dump(node: object) -> str:
    """Text of a syntax tree that does not depend on the version of Python.

    Empty and absent fields are left out, since later versions have more of them.
    """
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in sorted(node._fields))
        kept = [f"{name}={_dump(value)}" for name, value in fields if value not in (None, [])]
        return f"{type(node).__name__}({', '.join(kept)})"
    if isinstance(node, list):
        return f"[{', '.join(_dump(item) for item in node)}]"
    return repr(node)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:]
    return body
