"""Sphinx configuration: ``sphinx-build -W docs FOLDER``; needs the extra ``uipbench[docs]``."""

from __future__ import annotations

from importlib.metadata import version as installed
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


def setup(app: Sphinx) -> None:
    """Register the renderer of formulas."""
    app.connect("autodoc-process-docstring", _keep_colons, priority=100)
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
