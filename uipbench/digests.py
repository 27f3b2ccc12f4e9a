"""Digests of code, so that results of changed code are recognised as stale."""

from __future__ import annotations

import ast
import hashlib


def code_digest(*sources: str) -> str:
    """sha256 of Python sources without comments, layout and docstrings.

    Raises:
        SyntaxError: A source is not Python.
    """
    text = "\n".join(_canonical(source) for source in sources)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = _without_docstring(node.body)
    return ast.dump(tree)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:]
    return body
