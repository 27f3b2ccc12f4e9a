"""Recipes of the voltage-profile references.

Cell and positions of every ordering are relaxed at the cutoff of the case, to the pressure that
the finite basis adds (one calculation at a higher cutoff each); lithium metal is that of the
surface-energy set, from the same steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from uipbench.reference.convergence import AS_USED
from uipbench.reference_data.voltage_profile.hosts import HOSTS
from uipbench.reference_data.voltage_profile.recipe import VoltageRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence

QUICK = frozenset({"li_al", "lixtio2", "lixtis2", "lixcoo2", "li_mg", "li_ag", "lixfepo4"})


def recipes() -> Sequence[VoltageRecipe]:
    """All cases, in the order of the queue."""
    return tuple(
        VoltageRecipe(host=host, tier="quick" if host.id in QUICK else "full") for host in HOSTS
    )


def convergence_cases() -> Sequence[str]:
    """Cases whose convergence is tested: an alloy, a sulfide, oxides without and with +U."""
    return ("li_al", "lixtis2", "lixtio2", "lixcoo2", "lixfepo4")


def convergence_variants(recipe: VoltageRecipe) -> dict[str, VoltageRecipe]:
    """The recipe with one setting at a time made finer."""
    return {
        AS_USED: recipe,
        "cutoff x 1.3": replace(recipe, cutoff_factor=1.3),
        "k-points x 1.5": replace(recipe, kpoint_factor=1.5),
    }
