# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "matgl==4.1.2", "torch-geometric==2.8.1", "torch~=2.13.0", "ase>=3.26,<4",
# ]
#
# [tool.uipbench]
# licence = "BSD-3-Clause"
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy of MatPES (PBE_64 sets) without corrections"
#
# [tool.uipbench.variants."tensornet-matpes-pbe-2025.2"]
# title = "TensorNet MatPES-PBE (2025.2)"
# family = "TensorNet"
# checkpoint = "TensorNet-PES-MatPES-PBE-2025.2"
# training-data = "MatPES-PBE 2025.2"
# xc = "PBE"
# citation = "doi:10.48550/arXiv.2503.04070"
# url = "https://huggingface.co/materialyze/TensorNet-PES-MatPES-PBE-2025.2"
# [tool.uipbench.variants."tensornet-matpes-pbe-2025.2".weights]
# url = "https://huggingface.co/materialyze/TensorNet-PES-MatPES-PBE-2025.2/resolve/main/state.pt"
# file = "~/.cache/matgl/models--materialyze--TensorNet-PES-MatPES-PBE-2025.2/snapshots/*/state.pt"
#
# [tool.uipbench.variants."tensornet-matpes-r2scan-2025.2"]
# title = "TensorNet MatPES-r2SCAN (2025.2)"
# family = "TensorNet"
# checkpoint = "TensorNet-PES-MatPES-r2SCAN-2025.2"
# training-data = "MatPES-r2SCAN 2025.2"
# xc = "r2SCAN"
# citation = "doi:10.48550/arXiv.2503.04070"
# url = "https://huggingface.co/materialyze/TensorNet-PES-MatPES-r2SCAN-2025.2"
# [tool.uipbench.variants."tensornet-matpes-r2scan-2025.2".weights]
# url = "https://huggingface.co/materialyze/TensorNet-PES-MatPES-r2SCAN-2025.2/resolve/main/state.pt"
# file = "~/.cache/matgl/models--materialyze--TensorNet-PES-MatPES-r2SCAN-2025.2/snapshots/*/state.pt"
#
# [tool.uipbench.variants."tensornet-matpes-pbe-2025.2-m"]
# title = "TensorNet MatPES-PBE (2025.2, medium)"
# family = "TensorNet"
# checkpoint = "TensorNet-PES-MatPES-PBE-2025.2-m"
# training-data = "MatPES-PBE 2025.2"
# xc = "PBE"
# parameters = 1067906
# citation = "doi:10.48550/arXiv.2503.04070"
# url = "https://huggingface.co/materialyze/TensorNet-PES-MatPES-PBE-2025.2-m"
# [tool.uipbench.variants."tensornet-matpes-pbe-2025.2-m".weights]
# url = "https://huggingface.co/materialyze/TensorNet-PES-MatPES-PBE-2025.2-m/resolve/main/state.pt"
# file = "~/.cache/matgl/models--materialyze--TensorNet-PES-MatPES-PBE-2025.2-m/snapshots/*/state.pt"
#
# [tool.uipbench.variants."tensornet-matpes-r2scan-2025.2-m"]
# title = "TensorNet MatPES-r2SCAN (2025.2, medium)"
# family = "TensorNet"
# checkpoint = "TensorNet-PES-MatPES-r2SCAN-2025.2-m"
# training-data = "MatPES-r2SCAN 2025.2"
# xc = "r2SCAN"
# parameters = 1067906
# citation = "doi:10.48550/arXiv.2503.04070"
# url = "https://huggingface.co/materialyze/TensorNet-PES-MatPES-r2SCAN-2025.2-m"
# [tool.uipbench.variants."tensornet-matpes-r2scan-2025.2-m".weights]
# url = "https://huggingface.co/materialyze/TensorNet-PES-MatPES-r2SCAN-2025.2-m/resolve/main/state.pt"
# file = "~/.cache/matgl/models--materialyze--TensorNet-PES-MatPES-r2SCAN-2025.2-m/snapshots/*/state.pt"
#
# [tool.uipbench.variants."qet-matpes-pbe-2025.2"]
# title = "QET MatPES-PBE (2025.2)"
# family = "QET"
# checkpoint = "QET-PES-MatPES-PBE-2025.2"
# training-data = "MatPES-PBE 2025.2"
# xc = "PBE"
# parameters = 905492
# citation = "doi:10.48550/arXiv.2511.07249"
# url = "https://huggingface.co/materialyze/QET-PES-MatPES-PBE-2025.2"
# [tool.uipbench.variants."qet-matpes-pbe-2025.2".weights]
# url = "https://huggingface.co/materialyze/QET-PES-MatPES-PBE-2025.2/resolve/main/state.pt"
# file = "~/.cache/matgl/models--materialyze--QET-PES-MatPES-PBE-2025.2/snapshots/*/state.pt"
#
# [tool.uipbench.variants."qet-matpes-r2scan-2025.2"]
# title = "QET MatPES-r2SCAN (2025.2)"
# family = "QET"
# checkpoint = "QET-PES-MatPES-r2SCAN-2025.2"
# training-data = "MatPES-r2SCAN 2025.2"
# xc = "r2SCAN"
# parameters = 905492
# citation = "doi:10.48550/arXiv.2511.07249"
# url = "https://huggingface.co/materialyze/QET-PES-MatPES-r2SCAN-2025.2"
# [tool.uipbench.variants."qet-matpes-r2scan-2025.2".weights]
# url = "https://huggingface.co/materialyze/QET-PES-MatPES-r2SCAN-2025.2/resolve/main/state.pt"
# file = "~/.cache/matgl/models--materialyze--QET-PES-MatPES-r2SCAN-2025.2/snapshots/*/state.pt"
# ///
"""The potentials on MatPES 2025.2, with the matgl that they were released for.

The package leaves them as for training, where each call builds a second-order graph. The energies of
the atoms are added in double precision, so that neither the size of a structure nor its place in a
batch rounds them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from ase.units import GPa
from matgl import load_model
from matgl.ext.ase import PESCalculator
from torch_geometric.data import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms
    from matgl.apps.pes import Potential


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
    calculator = load_package_calculator(checkpoint, device, dtype, variant)
    potential: Potential = calculator.potential.requires_grad_(False).eval()
    potential.model.final_layer.register_forward_hook(lambda _module, _given, out: out.double())
    if potential.element_refs is not None:
        potential.element_refs.double()
    return calculator


def load_package_calculator(
    checkpoint: str | None, device: str, dtype: str, variant: str
) -> Calculator:
    """The calculator with the potential as the package loads it.

    Raises:
        ValueError: Not in single precision, the one of the checkpoints.
    """
    if dtype not in {"default", "float32"}:
        msg = f"the checkpoints are in float32, not in {dtype}"
        raise ValueError(msg)
    potential = load_model(checkpoint or variant).to(device)
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


def _check_periodicity(atoms: Atoms) -> None:
    if atoms.pbc.any() and not atoms.pbc.all():
        msg = "matgl computes structures that are periodic in all directions or in none"
        raise ValueError(msg)
