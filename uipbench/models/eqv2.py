# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "torch~=2.13.0", "ase>=3.26,<4", "e3nn==0.6.0", "huggingface-hub>=0.27.1", "hydra-core>=1.3",
#   "lmdb>=1.5", "matplotlib>=3.9", "numba>=0.60", "orjson>=3.10", "pydantic>=2.10",
#   "pymatgen==2026.10.24", "pyyaml>=6", "requests>=2.32", "submitit>=1.5", "tensorboard>=2.18",
#   "torch-geometric==2.8.1", "torchtnt>=0.2.4", "tqdm>=4", "wandb>=0.19",
# ]
#
# [tool.uipbench]
# unpickles = true
# family = "eqV2"
# licence = "Meta's own, in the repository of the weights (gated)"
# xc = "PBE(+U)"
# elements = "1-83, 89-94"
# citation = "doi:10.48550/arXiv.2410.12771"
# url = "https://huggingface.co/facebook/OMAT24"
# approximate = ["forces", "stress"]
# no-deps = ["fairchem-core==1.10.0"]
#
# [tool.uipbench.environment]
# TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD = "1"
# WANDB_MODE = "disabled"
#
# [tool.uipbench.variants.eqv2-31m-omat]
# title = "eqV2 31M (OMat24)"
# checkpoint = "EquiformerV2-31M-OMAT24"
# training-data = "OMat24"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# [tool.uipbench.variants.eqv2-31m-omat.weights]
# url = "https://huggingface.co/facebook/OMAT24/resolve/main/eqV2_31M_omat.pt"
# file = "${HF_HOME:-~/.cache/huggingface}/hub/models--facebook--OMAT24/snapshots/*/eqV2_31M_omat.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/OMAT24, then hf auth login or set HF_TOKEN"
#
# [tool.uipbench.variants.eqv2-31m-omat-mp-salex]
# title = "eqV2 31M (OMat24, MPtrj, sAlex)"
# checkpoint = "EquiformerV2-31M-OMAT24-MP-sAlex"
# training-data = "OMat24, then MPtrj (2022.9) and a part of Alexandria (sAlex)"
# energy-convention = "VASP total energy without corrections"
# [tool.uipbench.variants.eqv2-31m-omat-mp-salex.weights]
# url = "https://huggingface.co/facebook/OMAT24/resolve/main/eqV2_31M_omat_mp_salex.pt"
# file = "${HF_HOME:-~/.cache/huggingface}/hub/models--facebook--OMAT24/snapshots/*/eqV2_31M_omat_mp_salex.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/OMAT24, then hf auth login or set HF_TOKEN"
#
# [tool.uipbench.variants.eqv2-86m-omat]
# title = "eqV2 86M (OMat24)"
# checkpoint = "EquiformerV2-86M-OMAT24"
# training-data = "OMat24"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# [tool.uipbench.variants.eqv2-86m-omat.weights]
# url = "https://huggingface.co/facebook/OMAT24/resolve/main/eqV2_86M_omat.pt"
# file = "${HF_HOME:-~/.cache/huggingface}/hub/models--facebook--OMAT24/snapshots/*/eqV2_86M_omat.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/OMAT24, then hf auth login or set HF_TOKEN"
#
# [tool.uipbench.variants.eqv2-86m-omat-mp-salex]
# title = "eqV2 86M (OMat24, MPtrj, sAlex)"
# checkpoint = "EquiformerV2-86M-OMAT24-MP-sAlex"
# training-data = "OMat24, then MPtrj (2022.9) and a part of Alexandria (sAlex)"
# energy-convention = "VASP total energy without corrections"
# parameters = 86589068
# [tool.uipbench.variants.eqv2-86m-omat-mp-salex.weights]
# url = "https://huggingface.co/facebook/OMAT24/resolve/main/eqV2_86M_omat_mp_salex.pt"
# file = "${HF_HOME:-~/.cache/huggingface}/hub/models--facebook--OMAT24/snapshots/*/eqV2_86M_omat_mp_salex.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/OMAT24, then hf auth login or set HF_TOKEN"
#
# [tool.uipbench.variants.eqv2-153m-omat]
# title = "eqV2 153M (OMat24)"
# checkpoint = "EquiformerV2-153M-OMAT24"
# training-data = "OMat24"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# [tool.uipbench.variants.eqv2-153m-omat.weights]
# url = "https://huggingface.co/facebook/OMAT24/resolve/main/eqV2_153M_omat.pt"
# file = "${HF_HOME:-~/.cache/huggingface}/hub/models--facebook--OMAT24/snapshots/*/eqV2_153M_omat.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/OMAT24, then hf auth login or set HF_TOKEN"
#
# [tool.uipbench.variants.eqv2-153m-omat-mp-salex]
# title = "eqV2 153M (OMat24, MPtrj, sAlex)"
# checkpoint = "EquiformerV2-153M-OMAT24-MP-sAlex"
# training-data = "OMat24, then MPtrj (2022.9) and a part of Alexandria (sAlex)"
# energy-convention = "VASP total energy without corrections"
# [tool.uipbench.variants.eqv2-153m-omat-mp-salex.weights]
# url = "https://huggingface.co/facebook/OMAT24/resolve/main/eqV2_153M_omat_mp_salex.pt"
# file = "${HF_HOME:-~/.cache/huggingface}/hub/models--facebook--OMAT24/snapshots/*/eqV2_153M_omat_mp_salex.pt"
# access = "gated: ask for access on https://huggingface.co/facebook/OMAT24, then hf auth login or set HF_TOKEN"
# ///
"""EquiformerV2 on OMat24, with the last fairchem-core that has it, which pins torch 2.4.

So it is installed without its dependencies. It imports torch_scatter, of which the package index has
sources alone, and gets the one function of it that these networks use; the package's other networks,
which need more of it and torch_sparse, are not imported. Forces and stress are predicted, not derived.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch_geometric.utils import scatter as pyg_scatter

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
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

import fairchem.core.models.equiformer_v2.equiformer_v2  # noqa: E402  # after its scatter
import fairchem.core.models.equiformer_v2.trainers.forces_trainer  # noqa: E402, F401
from fairchem.core.common.registry import registry  # noqa: E402
from fairchem.core.common.relaxation.ase_utils import OCPCalculator  # noqa: E402
from fairchem.core.datasets import data_list_collater  # noqa: E402

registry.register("imports_setup", True)  # or the calculator imports every network


@cache
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> OCPCalculator:
    """ASE calculator of the potential.

    Raises:
        ValueError: Not in single precision, the one of the checkpoints.
    """
    if dtype not in {"default", "float32"}:
        msg = f"eqV2 computes in float32 alone, not in {dtype}"
        raise ValueError(msg)
    source = {"checkpoint_path": checkpoint} if checkpoint else {"model_name": variant}
    calculator = OCPCalculator(**source, local_cache="", cpu=device == "cpu", seed=0)
    calculator.device = device
    calculator.dtype = "float32"
    return calculator


def load_batch(checkpoint: str | None, device: str, dtype: str, variant: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    calculator = load(checkpoint, device, dtype, variant)

    def evaluate(structures: list[Atoms], _: tuple[str, ...]) -> list[dict[str, Any]]:
        graphs = [calculator.a2g.convert(atoms) for atoms in structures]
        batch = data_list_collater(graphs, otf_graph=True)
        out = calculator.trainer.predict(batch, per_image=False, disable_tqdm=True)
        energies, forces, stresses = (
            out[key].cpu().numpy() for key in ("energy", "forces", "stress")
        )
        results = []
        start = 0
        for i, atoms in enumerate(structures):
            end = start + len(atoms)
            stress = stresses[i].reshape(3, 3)
            results.append({"energy": energies[i], "forces": forces[start:end], "stress": stress})
            start = end
        return results

    return evaluate
