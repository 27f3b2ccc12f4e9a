"""What the pages say of a model's level of theory beside those of the references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uipbench.theory import mismatches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uipbench.case import Case


def xc_mismatch(model_xc: str, cases: Iterable[Case]) -> str:
    """Levels of theory of the cases that differ from the model's; empty if none does."""
    shown = (f"{m.reference}{m.share}" for m in mismatches(model_xc, cases))
    return ", ".join(dict.fromkeys(shown))


def xc_reasons(model_xc: str, cases: Iterable[Case]) -> str:
    """What differs, in words."""
    return "; ".join(f"{m.reason}{m.share}" for m in mismatches(model_xc, cases))
