# /// script
# requires-python = ">=3.11"
# dependencies = ["sevenn==0.13.0", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# unpickles = true
# name = "sevennet-0-22may2024"
# title = "SevenNet-0 (22May2024)"
# family = "SevenNet"
# checkpoint = "7net-0_22May2024"
# licence = "MIT"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 842440
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections (uncorrected_total_energy of MPtrj)"
# citation = "doi:10.1021/acs.jctc.4c00190"
# url = "https://github.com/MDIL-SNU/SevenNet"
#
# [tool.uipbench.environment]
# SEVENNET_ENABLE_CUEQ = "0"
# SEVENNET_ENABLE_FLASH = "0"
# SEVENNET_ENABLE_OEQ = "0"
#
# [tool.uipbench.weights]
# package = "sevenn"
# file = "pretrained_potentials/SevenNet_0__22May2024/checkpoint_sevennet_0.pth"
# sha256 = "5d389fafd512e6ae2830d74d0b66ffc49a55d3832653ff8e7bf7f1343013c1d1"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.84213
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90130
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.08173
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.41066
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.62628
# ///
"""SevenNet-0 of 22 May 2024, the first release."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sevenn._keys as keys
from sevenn.atom_graph_data import AtomGraphData
from sevenn.calculator import SevenNetCalculator
from sevenn.train.dataload import unlabeled_atoms_to_graph
from torch_geometric.data import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms


@cache
def load(checkpoint: str | None, device: str, dtype: str) -> SevenNetCalculator:
    """ASE calculator of the potential, without dispersion; its stress costs nothing extra.

    Raises:
        ValueError: Not in single precision, the only one of the checkpoint.
    """
    if dtype not in {"default", "float32"}:
        msg = f"SevenNet computes in float32 alone, not in {dtype}"
        raise ValueError(msg)
    calculator = SevenNetCalculator(checkpoint or "7net-0_22May2024", device=device)
    calculator.dtype = "float32"
    return calculator


def load_batch(checkpoint: str | None, device: str, dtype: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    calculator = load(checkpoint, device, dtype)

    def evaluate(structures: list[Atoms], _: tuple[str, ...]) -> list[dict[str, Any]]:
        graphs = [
            AtomGraphData.from_numpy_dict(
                unlabeled_atoms_to_graph(atoms, calculator.cutoff, with_shift=False)
            )
            for atoms in structures
        ]
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
        starts = out["ptr"].cpu().numpy()
        return [
            {
                "energy": energies[i],
                "forces": forces[starts[i] : starts[i + 1]],
                "stress": -stresses[i][[0, 1, 2, 4, 5, 3]],  # the package's own sign and order
            }
            for i in range(len(structures))
        ]

    return evaluate
