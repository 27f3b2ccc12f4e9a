"""A case: structures with their DFT energies, and the reference values derived from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from ase import Atoms

    from uipbench.casefiles import LevelOfTheory, Published, Quantity


@dataclass(frozen=True, slots=True)
class ReferenceStructure:
    """A structure with its DFT evaluation.

    Attributes:
        energy: DFT energy in eV, extrapolated to zero smearing.
        forces: (n, 3) DFT forces in eV/Å.
        magmoms: (n,) DFT site moments in µB, or None.
    """

    _atoms: Atoms
    energy: float
    forces: np.ndarray
    magmoms: np.ndarray | None = None

    @property
    def atoms(self) -> Atoms:
        """A fresh copy without calculator; changing it does not change the case."""
        return self._atoms.copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing a potential is asked for.

    Attributes:
        task: Name of the task.
        id: Identifier within the task, such as ``al_111``.
        title: What people read, such as ``Al(111)``.
        material: Cases of one material are not independent; statistics resample materials.
        elements: Sorted chemical symbols.
        chemistry: Class such as ``fcc metal`` or ``halide``.
        tier: ``quick`` cases are also relaxed in the quick tier.
        protocols: Protocols in which the case can be scored.
        structures: Structures by role (``bulk``, ``slab``, …).
        references: Reference values by quantity.
        tags: Task-specific facts such as ``miller_index``.
        details: Task-specific numbers that are not scored.
        theory: Level of theory of the reference.
        published: Values from the literature, for comparison only.
        recipe: Where the recipe is.
        digest: sha256 of the structures, which is what predictions depend on.
    """

    task: str
    id: str
    title: str
    material: str
    elements: tuple[str, ...]
    chemistry: str
    tier: str
    protocols: tuple[str, ...]
    structures: Mapping[str, ReferenceStructure]
    references: Mapping[str, Quantity]
    theory: LevelOfTheory
    digest: str
    tags: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, float] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    recipe: str = ""
    comment: str = ""

    def atoms(self, role: str) -> Atoms:
        """A fresh copy of the structure with this role.

        Raises:
            KeyError: No such role.
        """
        return self.structures[role].atoms

    def reference(self, quantity: str) -> float:
        """Reference value of a quantity, in the unit of ``references[quantity]``.

        Raises:
            KeyError: No such quantity.
        """
        return self.references[quantity].value
