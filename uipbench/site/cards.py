"""What the pages read out of a model card."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uipbench.case import Case


def xc_mismatch(model_xc: str, cases: Iterable[Case]) -> str:
    """Functionals of the cases that differ from the model's; empty if none does.

    Only the functional's name is compared: ``PBE+U`` and ``PBE (Materials Project)`` agree with
    ``PBE``; ``PBE-D3``, ``PBEsol`` and ``r2SCAN`` do not.
    """
    ours = functional(model_xc)
    return ", ".join(sorted({c.theory.xc for c in cases if functional(c.theory.xc) != ours}))


def functional(xc: str) -> str:
    """Name of the functional alone, in lower case."""
    return re.split(r"[\s+(/,;]", xc.strip(), maxsplit=1)[0].casefold().replace("²", "2")
