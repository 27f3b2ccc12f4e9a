"""Scripts of other projects, taken from their Python packages when a site is built."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PLOTLY = "plotly.min.js"
THREE_D_MOL = "chemiscope.min.js"

_BUNDLE = "chemiscope/sphinx/static/chemiscope.min.js"
_LICENCES = "chemiscope/static/chemiscope-widget.mjs.LICENSE.txt"
_GLOBAL = b"window.$3Dmol="
_NOTICE = """\
The file contains 3Dmol.js, Copyright (c) 2014, University of Pittsburgh and contributors, under the
conditions below, and chemiscope under the same conditions:

"""


def library_files() -> dict[str, bytes]:
    """Names and contents of the scripts, and the licences that they ask to be kept with them.

    Plotly is always there. 3Dmol is part of chemiscope's bundle, which comes with the extra
    ``site``; without that package, or with a version of it that no longer offers 3Dmol to the page,
    structures are drawn by Plotly.
    """
    from plotly.offline import get_plotlyjs

    return {PLOTLY: get_plotlyjs().encode(), **_three_d_mol()}


def _three_d_mol() -> dict[str, bytes]:
    # Importing chemiscope would start the machinery of notebooks; only its files are wanted.
    try:
        package = distribution("chemiscope")
        bundle = Path(str(package.locate_file(_BUNDLE))).read_bytes()
        licences = Path(str(package.locate_file(_LICENCES))).read_bytes()
    except (PackageNotFoundError, OSError):
        return {}
    if _GLOBAL not in bundle:
        return {}
    own = f"{_NOTICE}{package.read_text('licenses/LICENSE') or ''}\n"
    return {THREE_D_MOL: bundle, f"{THREE_D_MOL}.LICENSE.txt": own.encode() + licences}
