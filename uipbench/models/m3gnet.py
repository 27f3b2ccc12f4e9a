# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "ase==3.24.0", "boto3>=1.35", "dgl==1.1.3", "lightning==2.6.6", "numpy==1.26.4",
#   "pydantic>=2.9", "pymatgen==2026.10.24", "torch~=2.13.0",
# ]
#
# [tool.uipbench]
# unpickles = true
# name = "m3gnet-mp-2021"
# title = "M3GNet MP-2021.2.8"
# family = "M3GNet"
# checkpoint = "M3GNet-MP-2021.2.8-PES"
# licence = "BSD-3-Clause"
# training-data = "MPF.2021.2.8: 188 k frames of 63 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 288157
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.1038/s43588-022-00349-3"
# url = "https://github.com/materialsvirtuallab/matgl/tree/main/pretrained_models"
# no-deps = ["matgl==1.2.7"]
#
# [tool.uipbench.environment]
# DGLBACKEND = "pytorch"
# TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD = "1"
#
# [tool.uipbench.weights]
# url = "https://github.com/materialsvirtuallab/matgl/tree/main/pretrained_models/M3GNet-MP-2021.2.8-PES"
# file = "~/.cache/matgl/M3GNet-MP-2021.2.8-PES"
# [tool.uipbench.weights.files]
# "model.json" = "05e7db8676ceb37eb07848aff49c556b188699e1035f3df0cbbf1a2c4959148f"
# "model.pt" = "62678f76fbc5d8997ea1d7f3c4bf086df200102125c802b32b08ce14fbcde25b"
# "state.pt" = "a9aa723705bd1a242ec8749332f137811c4a94e17995a564f8f94a9aca68061b"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83402
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90191
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.09640
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.41785
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.62266
# ///
"""M3GNet of the Materials Project 2021.2.8, with the last matgl on DGL.

Later releases read the file wrongly. matgl 1.2.7 pins a torch and a DGL that cannot be installed
together any more, so it comes without its dependencies; its ``model.pt`` is a pickle.

Energies, forces and stress are the package's, by one first-order backward pass: its own builds a
second-order graph. The energies of the atoms are added in double precision. There is no batch: in
one, the package's network gives forces that differ by up to 2e-4 eV/Å from those of one structure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from ase.calculators.calculator import Calculator, all_changes
from matgl import load_model
from matgl.ext.ase import Atoms2Graph, PESCalculator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from matgl.apps.pes import Potential


class Evaluator(Calculator):  # type: ignore[misc]
    """Energy by one forward pass, forces and stress by one first-order backward pass.

    Args:
        potential: The package's potential, which is changed.
        device: Where it is.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]
    dtype = "float32"

    def __init__(self, potential: Potential, device: str) -> None:
        super().__init__()
        self.device = device
        self.potential = _for_inference(potential)
        self.convert = Atoms2Graph(potential.model.element_types, potential.model.cutoff)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy", "forces"),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's hook: energy (eV), forces (eV/Å) and, where asked for, stress (eV/Å^3).

        Raises:
            ValueError: Periodic in one or two directions only.
        """
        super().calculate(atoms, list(properties), list(system_changes))
        _check_periodicity(self.atoms)
        graph, lattice, state = self.convert.get_graph(self.atoms)
        positions = graph.ndata["frac_coords"].requires_grad_()
        graph.ndata["frac_coords"] = positions
        leaves = [positions, lattice.requires_grad_()]
        energy = self.potential(graph.to(self.device), lattice.to(self.device), state)[0]
        wanted = leaves if "stress" in properties else leaves[:1]
        by_position, *rest = (
            gradient.double().numpy() for gradient in torch.autograd.grad(energy, wanted)
        )
        # Rows r = f L, so dE/dr = dE/df L^-T; a strain L → L (1 + ε) gives dE/dε = L^T dE/dL.
        cell = lattice.detach().double().numpy().reshape(3, 3)
        forces = -np.linalg.solve(cell, by_position.T).T
        self.results = {"energy": energy.item(), "forces": forces}
        for by_lattice in rest:
            stress = cell.T @ by_lattice.reshape(3, 3) / abs(np.linalg.det(cell))
            self.results["stress"] = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]


class PackageCalculator(PESCalculator):  # type: ignore[misc]
    """The package's calculator takes a partly periodic structure for a molecule."""

    dtype = "float32"

    def calculate(
        self,
        atoms: Atoms,
        properties: list[str] | None = None,
        system_changes: list[str] | None = None,
    ) -> None:
        """ASE's hook.

        Raises:
            ValueError: Periodic in one or two directions only.
        """
        _check_periodicity(atoms)
        super().calculate(atoms, properties, system_changes)


def load(checkpoint: str | None, device: str, dtype: str) -> Evaluator:
    """ASE calculator of the potential.

    Raises:
        ValueError: Not in single precision, the one of the checkpoint.
    """
    return Evaluator(_potential(checkpoint, device, dtype), device)


def load_package_calculator(checkpoint: str | None, device: str, dtype: str) -> PackageCalculator:
    """The package's own calculator, stress in eV/Å^3.

    Raises:
        ValueError: Not in single precision, the one of the checkpoint.
    """
    potential = _potential(checkpoint, device, dtype)
    return PackageCalculator(potential, stress_unit="eV/A3", use_voigt=True)


def _potential(checkpoint: str | None, device: str, dtype: str) -> Potential:
    if dtype not in {"default", "float32"}:
        msg = f"M3GNet's checkpoint is in float32, not in {dtype}"
        raise ValueError(msg)
    return load_model(checkpoint or "M3GNet-MP-2021.2.8-PES").to(device)


def _for_inference(potential: Potential) -> Potential:
    """No gradients of its own or of parameters; the energies of atoms are added in float64."""
    potential.calc_forces = potential.calc_stresses = False
    potential.model.final_layer.register_forward_hook(lambda _module, _given, out: out.double())
    if potential.element_refs is not None:
        potential.element_refs.double()
    return potential.requires_grad_(False).eval()


def _check_periodicity(atoms: Atoms) -> None:
    if atoms.pbc.any() and not atoms.pbc.all():
        msg = "matgl computes structures that are periodic in all directions or in none"
        raise ValueError(msg)
