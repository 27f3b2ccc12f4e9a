# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "torch~=2.13.0", "ase>=3.26,<4", "deprecated>=1.2", "e3nn==0.6.0", "loguru>=0.7",
#   "numpy>=2", "opt_einsum_fx>=0.1.4", "pymatgen==2026.10.24", "requests>=2.32",
#   "scikit-learn>=1.5", "torch-ema>=0.3", "torch-geometric==2.8.1", "torch-runstats>=0.2",
#   "torchmetrics>=1.4",
# ]
#
# [tool.uipbench]
# unpickles = true
# family = "MatterSim"
# licence = "MIT"
# training-data = "MatterSim: 17 M structures of active learning, 0 to 5000 K, up to 1000 GPa"
# xc = "PBE(+U)"
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.48550/arXiv.2405.04967"
# url = "https://github.com/microsoft/mattersim"
# no-deps = ["mattersim==1.2.3"]
#
# [tool.uipbench.variants.mattersim-v1-1m]
# title = "MatterSim v1.0.0 (1M)"
# checkpoint = "MatterSim-v1.0.0-1M"
# [tool.uipbench.variants.mattersim-v1-1m.weights]
# url = "https://raw.githubusercontent.com/microsoft/mattersim/main/pretrained_models/mattersim-v1.0.0-1M.pth"
# file = "~/.local/mattersim/pretrained_models/mattersim-v1.0.0-1M.pth"
#
# [tool.uipbench.variants.mattersim-v1-5m]
# title = "MatterSim v1.0.0 (5M)"
# checkpoint = "MatterSim-v1.0.0-5M"
# [tool.uipbench.variants.mattersim-v1-5m.weights]
# url = "https://raw.githubusercontent.com/microsoft/mattersim/main/pretrained_models/mattersim-v1.0.0-5M.pth"
# file = "~/.local/mattersim/pretrained_models/mattersim-v1.0.0-5M.pth"
# ///
"""MatterSim v1, without the half of its dependencies that only workflows and training need."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ase.units import GPa
from mattersim.datasets.utils.build import build_dataloader
from mattersim.forcefield.potential import MatterSimCalculator, Potential

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms


@cache
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> MatterSimCalculator:
    """ASE calculator of the potential.

    Raises:
        ValueError: Not in single precision, the one of the checkpoints.
    """
    if dtype not in {"default", "float32"}:
        msg = f"MatterSim computes in float32 alone, not in {dtype}"
        raise ValueError(msg)
    potential = Potential.from_checkpoint(
        checkpoint or variant, device=device, load_training_state=False
    )
    calculator = MatterSimCalculator(potential=potential, device=device)
    calculator.dtype = "float32"
    return calculator


def load_batch(checkpoint: str | None, device: str, dtype: str, variant: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    potential = load(checkpoint, device, dtype, variant).potential
    cutoffs = {name: potential.model.model_args[name] for name in ("cutoff", "threebody_cutoff")}

    def evaluate(structures: list[Atoms], properties: tuple[str, ...]) -> list[dict[str, Any]]:
        stress = "stress" in properties
        graphs = build_dataloader(
            structures, batch_size=len(structures), only_inference=True, **cutoffs
        )
        energies, forces, stresses = potential.predict_properties(
            graphs, include_forces=True, include_stresses=stress
        )
        results = [{"energy": e, "forces": f} for e, f in zip(energies, forces, strict=True)]
        for result, value in zip(results, stresses, strict=stress):
            result["stress"] = value * GPa
        return results

    return evaluate
