# /// script
# requires-python = ">=3.11"
# dependencies = ["fairchem-core==2.24.0", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# unpickles = true
# family = "UMA"
# licence = "FAIR Chemistry License (gated)"
# elements = "1-83, 89-94"
# citation = "doi:10.48550/arXiv.2506.23971"
# url = "https://huggingface.co/facebook/UMA"
#
# [tool.uipbench.variants.uma-s-1p1]
# title = "UMA small 1.1 (task omat)"
# checkpoint = "uma-s-1p1"
# training-data = "OMat24, OMol25, OC20, ODAC, OMC; asked for OMat24"
# xc = "PBE(+U)"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# [tool.uipbench.variants.uma-s-1p1.weights]
# url = "https://huggingface.co/facebook/UMA/resolve/main/checkpoints/uma-s-1p1.pt"
# file = "${FAIRCHEM_CACHE_DIR:-~/.cache/fairchem}/models--facebook--UMA/snapshots/*/checkpoints/uma-s-1p1.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/UMA, then hf auth login or set HF_TOKEN"
#
# [tool.uipbench.variants.uma-m-1p1]
# title = "UMA medium 1.1 (task omat)"
# checkpoint = "uma-m-1p1"
# training-data = "OMat24, OMol25, OC20, ODAC, OMC; asked for OMat24"
# xc = "PBE(+U)"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# [tool.uipbench.variants.uma-m-1p1.weights]
# url = "https://huggingface.co/facebook/UMA/resolve/main/checkpoints/uma-m-1p1.pt"
# file = "${FAIRCHEM_CACHE_DIR:-~/.cache/fairchem}/models--facebook--UMA/snapshots/*/checkpoints/uma-m-1p1.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/UMA, then hf auth login or set HF_TOKEN"
#
# [tool.uipbench.variants.uma-s-1p2]
# title = "UMA small 1.2 (task omat)"
# checkpoint = "uma-s-1p2"
# training-data = "OMat24, OMol25, OC20, OC25, ODAC, OMC; asked for OMat24"
# xc = "PBE(+U)"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# [tool.uipbench.variants.uma-s-1p2.weights]
# url = "https://huggingface.co/facebook/UMA/resolve/main/checkpoints/uma-s-1p2.pt"
# file = "${FAIRCHEM_CACHE_DIR:-~/.cache/fairchem}/models--facebook--UMA/snapshots/*/checkpoints/uma-s-1p2.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/UMA, then hf auth login or set HF_TOKEN"
#
# [tool.uipbench.variants.uma-s-1p2p1]
# title = "UMA small 1.2.1 (task omat)"
# checkpoint = "uma-s-1p2p1"
# training-data = "OMat24, OMol25, OC20, OC25, ODAC, OMC; asked for OMat24"
# xc = "PBE(+U)"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# [tool.uipbench.variants.uma-s-1p2p1.weights]
# url = "https://huggingface.co/facebook/UMA/resolve/main/checkpoints/uma-s-1p2p1.pt"
# file = "${FAIRCHEM_CACHE_DIR:-~/.cache/fairchem}/models--facebook--UMA/snapshots/*/checkpoints/uma-s-1p2p1.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/UMA, then hf auth login or set HF_TOKEN"
# ///
"""UMA, asked for its OMat24 task.

With the settings "batch": the package's default merges the experts for one composition and is
allowed reduced precision on a GPU; a benchmark's structures are many, and one precision is wanted.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fairchem.core.calculate.ase_calculator import FAIRChemCalculator
from fairchem.core.calculate.pretrained_mlip import get_predict_unit
from fairchem.core.datasets.atomic_data import atomicdata_list_to_batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms

TASK = "omat"


@cache
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> FAIRChemCalculator:
    """ASE calculator of the potential.

    Raises:
        ValueError: Not in single precision, the one that the checkpoints were trained in.
    """
    if dtype not in {"default", "float32"}:
        msg = f"UMA is run in float32 here, not in {dtype}"
        raise ValueError(msg)
    unit = get_predict_unit(checkpoint or variant, inference_settings="batch", device=device)
    calculator = FAIRChemCalculator(unit, task_name=TASK)
    calculator.device = device
    calculator.dtype = "float32"
    return calculator


def load_batch(checkpoint: str | None, device: str, dtype: str, variant: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    calculator = load(checkpoint, device, dtype, variant)

    def evaluate(structures: list[Atoms], properties: tuple[str, ...]) -> list[dict[str, Any]]:
        for atoms in structures:
            calculator.predictor.validate_atoms_data(atoms, TASK)
        batch = atomicdata_list_to_batch([calculator.a2g(atoms) for atoms in structures])
        out = calculator.predictor.predict(batch)
        energies = out["energy"].detach().cpu().numpy()
        forces = out["forces"].detach().cpu().numpy()
        results = []
        start = 0
        for i, atoms in enumerate(structures):
            end = start + len(atoms)
            results.append({"energy": energies[i], "forces": forces[start:end]})
            start = end
        if "stress" in properties:
            stresses = out["stress"].detach().cpu().numpy().reshape(-1, 3, 3)
            for result, stress in zip(results, stresses, strict=True):
                result["stress"] = stress
        return results

    return evaluate
