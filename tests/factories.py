"""Cases made by hand, for tests of everything that is not physics."""

from __future__ import annotations

import numpy as np
from ase.build import fcc111

from uipbench.case import Case, ReferenceStructure
from uipbench.casefiles import LevelOfTheory, Quantity

THEORY = LevelOfTheory(
    xc="PBE",
    hubbard_u_ev={},
    code="none",
    paw={},
    cutoff_ev=1.0,
    kpts={},
    smearing=("fermi-dirac", 0.1),
    spin_polarised=False,
    dispersion="none",
)


def theory_of(found) -> LevelOfTheory:
    """Level of theory of DFT structures by role, without the code and its sets."""
    settings = next(iter(found.values())).settings
    return THEORY.model_copy(
        update={
            "hubbard_u_ev": settings.hubbard_u_ev,
            "cutoff_ev": settings.cutoff_ev,
            "kpts": {role: structure.settings.kpts for role, structure in found.items()},
            "smearing": ("fermi-dirac", settings.smearing_ev),
            "spin_polarised": settings.spin_polarised,
        }
    )


def structure(atoms, energy=0.0) -> ReferenceStructure:
    return ReferenceStructure(atoms, energy, np.zeros((len(atoms), 3)))


def make_case(case_id="cu_111", value=1.3, *, tier="quick", material="Cu", digest="d") -> Case:
    """A Cu(111) slab with a made-up reference value."""
    slab = fcc111("Cu", (1, 1, 4), a=3.6, vacuum=6.0)
    slab.pbc = True
    oriented = fcc111("Cu", (1, 1, 3), a=3.6)
    oriented.set_cell([*oriented.cell[:2], [0, 0, 3.6 * np.sqrt(3)]])
    oriented.pbc = True
    return Case(
        task="surface_energy",
        id=case_id,
        title=case_id,
        material=material,
        elements=("Cu",),
        chemistry="fcc metal",
        tier=tier,
        protocols=("fixed", "relaxed"),
        structures={
            "bulk": structure(oriented),
            "slab_unrelaxed": structure(slab),
            "slab": structure(slab),
        },
        references={"surface_energy": Quantity(value=value, unit="J/m^2", uncertainty=0.02)},
        theory=THEORY,
        digest=digest,
    )
