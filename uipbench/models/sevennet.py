# /// script
# requires-python = ">=3.11"
# dependencies = ["sevenn==0.13.0", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# family = "SevenNet"
# licence = "MIT"
# url = "https://github.com/MDIL-SNU/SevenNet"
# unpickles = true
#
# [tool.uipbench.environment]
# SEVENNET_ENABLE_CUEQ = "0"
# SEVENNET_ENABLE_FLASH = "0"
# SEVENNET_ENABLE_OEQ = "0"
#
# [tool.uipbench.variants.sevennet-0]
# title = "SevenNet-0 (11Jul2024)"
# checkpoint = "7net-0_11Jul2024"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 842440
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections (uncorrected_total_energy of MPtrj)"
# citation = "doi:10.1021/acs.jctc.4c00190"
# [tool.uipbench.variants.sevennet-0.weights]
# package = "sevenn"
# file = "pretrained_potentials/SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth"
# sha256 = "7052cb42b7b3be42b40b97fa0d21077a48c54b5548948fc4dcf346629f813c36"
#
# [[tool.uipbench.variants.sevennet-0.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83356
#
# [[tool.uipbench.variants.sevennet-0.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.91492
#
# [[tool.uipbench.variants.sevennet-0.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.09619
#
# [[tool.uipbench.variants.sevennet-0.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.40083
#
# [[tool.uipbench.variants.sevennet-0.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.59696
#
# [tool.uipbench.variants.sevennet-0-22may2024]
# title = "SevenNet-0 (22May2024)"
# checkpoint = "7net-0_22May2024"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 842440
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections (uncorrected_total_energy of MPtrj)"
# citation = "doi:10.1021/acs.jctc.4c00190"
# [tool.uipbench.variants.sevennet-0-22may2024.weights]
# package = "sevenn"
# file = "pretrained_potentials/SevenNet_0__22May2024/checkpoint_sevennet_0.pth"
# sha256 = "5d389fafd512e6ae2830d74d0b66ffc49a55d3832653ff8e7bf7f1343013c1d1"
#
# [[tool.uipbench.variants.sevennet-0-22may2024.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.84213
#
# [[tool.uipbench.variants.sevennet-0-22may2024.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90130
#
# [[tool.uipbench.variants.sevennet-0-22may2024.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.08173
#
# [[tool.uipbench.variants.sevennet-0-22may2024.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.41066
#
# [[tool.uipbench.variants.sevennet-0-22may2024.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.62628
#
# [tool.uipbench.variants.sevennet-l3i5]
# title = "SevenNet-l3i5"
# checkpoint = "7net-l3i5"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 1171144
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections (uncorrected_total_energy of MPtrj)"
# citation = "doi:10.1021/acs.jctc.4c00190"
# [tool.uipbench.variants.sevennet-l3i5.weights]
# package = "sevenn"
# file = "pretrained_potentials/SevenNet_l3i5/checkpoint_l3i5.pth"
# sha256 = "a7ff190d41efe5b8317a03d20a468e4036a1a3e64e0b14fdbab64ac3f4bfc09d"
#
# [[tool.uipbench.variants.sevennet-l3i5.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83399
#
# [[tool.uipbench.variants.sevennet-l3i5.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90245
#
# [[tool.uipbench.variants.sevennet-l3i5.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.09205
#
# [[tool.uipbench.variants.sevennet-l3i5.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.42186
#
# [[tool.uipbench.variants.sevennet-l3i5.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.60840
#
# [tool.uipbench.variants.sevennet-mf-0]
# title = "SevenNet-MF-0 (PBE)"
# checkpoint = "7net-mf-0"
# training-data = "MPtrj, and r2SCAN relaxations of the Materials Project (multi-fidelity)"
# xc = "PBE(+U)"
# parameters = 845896
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections (uncorrected_total_energy of MPtrj)"
# citation = "doi:10.1021/jacs.4c14455"
# [tool.uipbench.variants.sevennet-mf-0.weights]
# package = "sevenn"
# file = "pretrained_potentials/SevenNet_MF_0/checkpoint_sevennet_mf_0.pth"
# sha256 = "81791329b37d445f46b531578c182c41792d98c7814222c9e5dde276402225fd"
#
# [[tool.uipbench.variants.sevennet-mf-0.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83015
#
# [[tool.uipbench.variants.sevennet-mf-0.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90322
#
# [[tool.uipbench.variants.sevennet-mf-0.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.08514
#
# [[tool.uipbench.variants.sevennet-mf-0.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.37556
#
# [[tool.uipbench.variants.sevennet-mf-0.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.52739
# ///
"""SevenNet: SevenNet-0 of July and of May 2024, l3i5 (harmonics up to l = 3), and MF-0.

MF-0 is asked for PBE; its other fidelity is r2SCAN, and neither is a default.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import sevenn._keys as keys
from sevenn.atom_graph_data import AtomGraphData
from sevenn.calculator import SevenNetCalculator
from sevenn.train.dataload import unlabeled_atoms_to_graph
from torch_geometric.data import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms

FIDELITIES = {"7net-mf-0": "PBE"}


@cache
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> SevenNetCalculator:
    """ASE calculator of the potential, without dispersion; its stress costs nothing extra.

    Raises:
        ValueError: Not in single precision, the only one of the checkpoints.
    """
    if dtype not in {"default", "float32"}:
        msg = f"SevenNet computes in float32 alone, not in {dtype}"
        raise ValueError(msg)
    modal = FIDELITIES.get(variant)
    calculator = SevenNetCalculator(checkpoint or variant, device=device, modal=modal)
    calculator.dtype = "float32"
    return calculator


def load_batch(checkpoint: str | None, device: str, dtype: str, variant: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass.

    The energies of the atoms are added in double precision: the package's sums, in single, are up
    to 2e-5 eV off each other at 70 eV.
    """
    calculator = load(checkpoint, device, dtype, variant)

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
            for key in (keys.ATOMIC_ENERGY, keys.PRED_FORCE, keys.PRED_STRESS)
        )
        starts = out["ptr"].cpu().numpy()
        return [
            {
                "energy": energies[starts[i] : starts[i + 1]].sum(dtype=np.float64),
                "forces": forces[starts[i] : starts[i + 1]],
                "stress": -stresses[i][[0, 1, 2, 4, 5, 3]],  # the package's own sign and order
            }
            for i in range(len(structures))
        ]

    return evaluate


def _graph(calculator: SevenNetCalculator, atoms: Atoms) -> AtomGraphData:
    numbers = unlabeled_atoms_to_graph(atoms, calculator.cutoff, with_shift=False)
    graph = AtomGraphData.from_numpy_dict(numbers)
    if calculator.modal:
        graph[keys.DATA_MODALITY] = calculator.modal
    return graph
