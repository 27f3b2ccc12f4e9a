# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matgl==2.1.2", "torch-geometric==2.8.1", "torch~=2.13.0", "ase>=3.26,<4",
# ]
#
# [tool.uipbench]
# unpickles = true
# family = "TensorNet"
# licence = "BSD-3-Clause"
# parameters = 837378
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy of MatPES (PBE_64 sets) without corrections"
# citation = "doi:10.48550/arXiv.2503.04070"
# url = "https://github.com/materialsvirtuallab/matgl/tree/main/pretrained_models"
#
# [tool.uipbench.variants.tensornet-matpes-pbe]
# title = "TensorNet MatPES-PBE (v2025.1)"
# checkpoint = "TensorNet-MatPES-PBE-v2025.1-PES"
# training-data = "MatPES-PBE 2025.1: 435 k static calculations, sampled from 300 K dynamics"
# xc = "PBE"
# [tool.uipbench.variants.tensornet-matpes-pbe.weights]
# url = "https://github.com/materialsvirtuallab/matgl/tree/main/pretrained_models/TensorNet-MatPES-PBE-v2025.1-PES"
# file = "~/.cache/matgl/TensorNet-MatPES-PBE-v2025.1-PES"
# [tool.uipbench.variants.tensornet-matpes-pbe.weights.files]
# "model.json" = "cf7d1db6c89da617245021a8fde16fb79db5bc06f7b6e11ee837f06eb32137d8"
# "model.pt" = "1cba95766c872082eec349a7e417a28461aea450b655a0301eec060a985fdd71"
# "state.pt" = "d2dfa51a65d23a47fd935eb0628177d2a1088584562091ef3350ce3a002fce6a"
#
# [[tool.uipbench.variants.tensornet-matpes-pbe.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.78471
#
# [[tool.uipbench.variants.tensornet-matpes-pbe.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.88754
#
# [[tool.uipbench.variants.tensornet-matpes-pbe.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -3.75935
#
# [[tool.uipbench.variants.tensornet-matpes-pbe.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.24074
#
# [[tool.uipbench.variants.tensornet-matpes-pbe.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -6.21012
#
# [tool.uipbench.variants.tensornet-matpes-r2scan]
# title = "TensorNet MatPES-r2SCAN (v2025.1)"
# checkpoint = "TensorNet-MatPES-r2SCAN-v2025.1-PES"
# training-data = "MatPES-r2SCAN 2025.1: 388 k static calculations, sampled from 300 K dynamics"
# xc = "r2SCAN"
# [tool.uipbench.variants.tensornet-matpes-r2scan.weights]
# url = "https://github.com/materialsvirtuallab/matgl/tree/main/pretrained_models/TensorNet-MatPES-r2SCAN-v2025.1-PES"
# file = "~/.cache/matgl/TensorNet-MatPES-r2SCAN-v2025.1-PES"
# [tool.uipbench.variants.tensornet-matpes-r2scan.weights.files]
# "model.json" = "408b29cb197ae7ebfb72cff6685745bb112018be983ab23040669a4c7c4b87df"
# "model.pt" = "0444e7e9396e1b34be25e33821373c93eedacd214b23d686323e19740495c23d"
# "state.pt" = "b1f87297bac09ada6f0e2f41d362d784f894ff0f1f031478187c55ec661b71ba"
#
# [[tool.uipbench.variants.tensornet-matpes-r2scan.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -5.91593
#
# [[tool.uipbench.variants.tensornet-matpes-r2scan.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -2.37797
#
# [[tool.uipbench.variants.tensornet-matpes-r2scan.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -10.81977
#
# [[tool.uipbench.variants.tensornet-matpes-r2scan.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -8.57714
#
# [[tool.uipbench.variants.tensornet-matpes-r2scan.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -8.66173
# ///
"""TensorNet on MatPES 2025.1, with the last matgl that reads these files rightly.

matgl 2.2.1 and later load them without an error and predict LiF 1.9 eV/atom too high. The files
are those of the repository, where the package keeps them; the hub may have later ones.

Energies, forces and stress are the package's, by one first-order backward pass: its own builds a
second-order graph. The energies of the atoms are added in double precision, so that neither the
size of a structure nor its place in a batch rounds them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from ase.calculators.calculator import Calculator, all_changes
from matgl import load_model
from matgl.config import PRETRAINED_MODELS_BASE_URL
from matgl.ext.ase import Atoms2Graph, PESCalculator
from matgl.utils.io import RemoteFile
from torch_geometric.data import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ase import Atoms
    from matgl.apps.pes import Potential

FILES = ("model.pt", "state.pt", "model.json")


class Evaluator(Calculator):  # type: ignore[misc]
    """Energy by one forward pass, forces and stress by one first-order backward pass.

    Args:
        potential: The package's potential, which is changed.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]
    dtype = "float32"

    def __init__(self, potential: Potential) -> None:
        super().__init__()
        self.potential = _for_inference(potential)
        self.convert = Atoms2Graph(potential.model.element_types, potential.model.cutoff)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy", "forces"),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's hook."""
        super().calculate(atoms, list(properties), list(system_changes))
        (self.results,) = self.evaluate([self.atoms], properties)

    def evaluate(
        self, structures: Sequence[Atoms], properties: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Energy (eV), forces (eV/Å) and, where asked for, stress (eV/Å^3) of each structure.

        Raises:
            ValueError: A structure is periodic in one or two directions only.
        """
        for atoms in structures:
            _check_periodicity(atoms)
        graphs, lattices, states = zip(*map(self.convert.get_graph, structures), strict=True)
        batch = Batch.from_data_list(list(graphs))
        lattice = torch.cat([cell.reshape(1, 3, 3) for cell in lattices]).requires_grad_()
        positions = batch.frac_coords.requires_grad_()
        energies = self.potential(batch, lattice, torch.as_tensor(states[0]))[0].reshape(-1)
        leaves = [positions, lattice] if "stress" in properties else [positions]
        gradients = torch.autograd.grad(energies.sum(), leaves)
        by_position = np.split(gradients[0].cpu().double().numpy(), batch.ptr[1:-1].cpu().numpy())
        cells = lattice.detach().cpu().double().numpy()
        # Rows r = f L, so dE/dr = dE/df L^-T; a strain L → L (1 + ε) gives dE/dε = L^T dE/dL.
        results: list[dict[str, Any]] = [
            {"energy": energy, "forces": -np.linalg.solve(cell, gradient.T).T}
            for energy, cell, gradient in zip(energies.tolist(), cells, by_position, strict=True)
        ]
        if "stress" in properties:
            by_lattice = gradients[1].cpu().double().numpy()
            for result, cell, gradient in zip(results, cells, by_lattice, strict=True):
                stress = cell.T @ gradient / abs(np.linalg.det(cell))
                result["stress"] = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        return results


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


@cache
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> Evaluator:
    """ASE calculator of the potential.

    Raises:
        ValueError: Not in single precision, the one of the checkpoints.
    """
    return Evaluator(_potential(checkpoint, device, dtype, variant))


def load_batch(checkpoint: str | None, device: str, dtype: str, variant: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    return load(checkpoint, device, dtype, variant).evaluate


def load_package_calculator(
    checkpoint: str | None, device: str, dtype: str, variant: str
) -> PackageCalculator:
    """The package's own calculator, stress in eV/Å^3.

    Raises:
        ValueError: Not in single precision, the one of the checkpoints.
    """
    potential = _potential(checkpoint, device, dtype, variant)
    return PackageCalculator(potential, stress_unit="eV/A3", use_voigt=True)


def _potential(checkpoint: str | None, device: str, dtype: str, variant: str) -> Potential:
    if dtype not in {"default", "float32"}:
        msg = f"TensorNet's checkpoints are in float32, not in {dtype}"
        raise ValueError(msg)
    return load_model(checkpoint or _folder(variant)).to(device)


def _for_inference(potential: Potential) -> Potential:
    """No gradients of its own or of parameters; the energies of atoms are added in float64."""
    potential.calc_forces = potential.calc_stresses = False
    potential.model.final_layer.register_forward_hook(lambda _module, _given, out: out.double())
    if potential.element_refs is not None:
        potential.element_refs.double()
    return potential.requires_grad_(False).eval()


def _folder(name: str) -> Path:
    """Folder of a release, downloaded from the repository by the package where it is missing."""
    paths: list[Path] = [
        RemoteFile(f"{PRETRAINED_MODELS_BASE_URL}{name}/{file}").local_path for file in FILES
    ]
    return paths[0].parent


def _check_periodicity(atoms: Atoms) -> None:
    if atoms.pbc.any() and not atoms.pbc.all():
        msg = "matgl computes structures that are periodic in all directions or in none"
        raise ValueError(msg)
