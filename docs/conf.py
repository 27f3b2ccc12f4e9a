"""Sphinx configuration: ``sphinx-build -W docs FOLDER``; needs the extra ``uipbench[docs]``."""

from __future__ import annotations

from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils.nodes import Element
    from sphinx.application import Sphinx

project = "uipbench"
author = "The uipbench developers"
version = release = installed("uipbench")
copyright = author  # noqa: A001 - Sphinx's name
html_show_copyright = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["_build"]
root_doc = "index"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_mock_imports = ["gpaw"]
napoleon_use_rtype = False

html_theme = "furo"
html_title = "uipbench"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "board.html",  # the site has the documentation in its folder docs
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_favicon = "../uipbench/site/assets/favicon.svg"
html_copy_source = False
html_math_renderer = "mathml"
smartquotes = False  # they would turn the dashes of options into others
pygments_style = "default"
pygments_dark_style = "monokai"


def _math(node: Element, *, display: bool) -> str:
    """The formula as MathML, which browsers draw without a script."""
    from docutils.utils.math.latex2mathml import tex2mathml

    return tex2mathml(node.astext(), as_block=display)


def _visit_inline(self: Any, node: Element) -> None:  # noqa: ANN401 - Sphinx's translator
    from docutils.nodes import SkipNode

    self.body.append(_math(node, display=False))
    raise SkipNode


def _visit_block(self: Any, node: Element) -> None:  # noqa: ANN401
    from docutils.nodes import SkipNode

    self.body.append(f'<div class="math">{_math(node, display=True)}</div>')
    raise SkipNode


def _keep_colons(  # noqa: PLR0913, PLR0917 - Sphinx's signature
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Napoleon would take what stands before the colon of a constant's docstring for its type."""
    del app, name, obj, options
    if what == "data" and lines:
        lines[0] = lines[0].replace(": ", " – ")


FOR_SCREEN_READERS = {
    'class="caption" role="heading">': 'class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Documentation">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="This page">',
    "<pre>": '<pre tabindex="0">',  # it scrolls where a line is long
}
"""What axe misses in the pages of Sphinx and its theme."""


def _for_screen_readers(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            text = path.read_text(encoding="utf-8")
            for old, new in FOR_SCREEN_READERS.items():
                text = text.replace(old, new)
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register the renderer of formulas, and what is mended in finished pages."""
    app.connect("build-finished", _for_screen_readers)
    app.connect("autodoc-process-docstring", _keep_colons, priority=100)
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
