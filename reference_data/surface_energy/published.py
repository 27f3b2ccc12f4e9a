"""Published surface energies to compare with, and the uncertainty of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uipbench.casefiles import CaseFile


def annotate(file: CaseFile) -> CaseFile:
    """The case with published values and uncertainties filled in."""
    return file
