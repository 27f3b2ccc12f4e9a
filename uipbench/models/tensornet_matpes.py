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
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from ase.units import GPa
from matgl import load_model
from matgl.config import PRETRAINED_MODELS_BASE_URL
from matgl.ext.ase import PESCalculator
from matgl.utils.io import RemoteFile
from torch_geometric.data import Batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ase import Atoms

FILES = ("model.pt", "state.pt", "model.json")


class Calculator(PESCalculator):  # type: ignore[misc]
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
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> Calculator:
    """ASE calculator of the potential, stress in eV/Å^3.

    Raises:
        ValueError: Not in single precision, the one of the checkpoints.
    """
    if dtype not in {"default", "float32"}:
        msg = f"TensorNet's checkpoints are in float32, not in {dtype}"
        raise ValueError(msg)
    potential = load_model(checkpoint or _folder(variant)).to(device)
    return Calculator(potential, stress_unit="eV/A3", use_voigt=True)


def load_batch(checkpoint: str | None, device: str, dtype: str, variant: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    calculator = load(checkpoint, device, dtype, variant)

    def evaluate(structures: list[Atoms], _: tuple[str, ...]) -> list[dict[str, Any]]:
        for atoms in structures:
            _check_periodicity(atoms)
        graphs, lattices, states = zip(
            *(calculator._atoms2graph.get_graph(atoms) for atoms in structures),  # noqa: SLF001
            strict=True,
        )
        batch = Batch.from_data_list(list(graphs))
        lattice = torch.stack([torch.as_tensor(lat).reshape(3, 3) for lat in lattices])
        out = calculator.potential(batch, lattice, torch.as_tensor(states[0]))
        energies, forces, stresses = (part.detach().cpu().numpy() for part in out[:3])
        starts = batch.ptr.cpu().numpy()
        return [
            {
                "energy": energies[i],
                "forces": forces[starts[i] : starts[i + 1]],
                "stress": stresses[3 * i : 3 * i + 3] * GPa,
            }
            for i in range(len(structures))
        ]

    return evaluate


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
