# /// script
# requires-python = ">=3.11"
# dependencies = ["orb-models==0.5.5", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# family = "Orb"
# licence = "Apache-2.0"
# xc = "PBE(+U)"
# elements = "1-83, 89-94"
# url = "https://github.com/orbital-materials/orb-models"
# approximate = ["rotation"]
#
# [tool.uipbench.variants.orb-v3-conservative-inf-omat]
# title = "Orb v3 (conservative, all neighbours; OMat24)"
# checkpoint = "orb-v3-conservative-inf-omat"
# training-data = "OMat24"
# parameters = 25510582
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# citation = "doi:10.48550/arXiv.2504.06231"
# [tool.uipbench.variants.orb-v3-conservative-inf-omat.weights]
# url = "https://orbitalmaterials-public-models.s3.us-west-1.amazonaws.com/forcefields/orb-v3/orb-v3-conservative-inf-omat-20250404.ckpt"
# file = "${CACHED_PATH_CACHE_ROOT:-~/.cache/cached_path}/16d80a128fbe5cb7*.*[0-9a-f]"
#
# [tool.uipbench.variants.orb-v3-conservative-20-omat]
# title = "Orb v3 (conservative, 20 neighbours; OMat24)"
# checkpoint = "orb-v3-conservative-20-omat"
# training-data = "OMat24"
# parameters = 25510582
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# citation = "doi:10.48550/arXiv.2504.06231"
# [tool.uipbench.variants.orb-v3-conservative-20-omat.weights]
# url = "https://orbitalmaterials-public-models.s3.us-west-1.amazonaws.com/forcefields/orb-v3/orb-v3-conservative-20-omat-20250404.ckpt"
# file = "${CACHED_PATH_CACHE_ROOT:-~/.cache/cached_path}/a5c176337468f4f5*.*[0-9a-f]"
#
# [tool.uipbench.variants.orb-v3-direct-inf-omat]
# title = "Orb v3 (direct forces, all neighbours; OMat24)"
# checkpoint = "orb-v3-direct-inf-omat"
# training-data = "OMat24"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# citation = "doi:10.48550/arXiv.2504.06231"
# approximate = ["forces", "stress", "rotation"]
# [tool.uipbench.variants.orb-v3-direct-inf-omat.weights]
# url = "https://orbitalmaterials-public-models.s3.us-west-1.amazonaws.com/forcefields/orb-v3/orb-v3-direct-inf-omat-20250404.ckpt"
# file = "${CACHED_PATH_CACHE_ROOT:-~/.cache/cached_path}/217c2dc5b76cf602*.*[0-9a-f]"
#
# [tool.uipbench.variants.orb-v3-direct-20-omat]
# title = "Orb v3 (direct forces, 20 neighbours; OMat24)"
# checkpoint = "orb-v3-direct-20-omat"
# training-data = "OMat24"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# citation = "doi:10.48550/arXiv.2504.06231"
# approximate = ["forces", "stress", "rotation"]
# [tool.uipbench.variants.orb-v3-direct-20-omat.weights]
# url = "https://orbitalmaterials-public-models.s3.us-west-1.amazonaws.com/forcefields/orb-v3/orb-v3-direct-20-omat-20250404.ckpt"
# file = "${CACHED_PATH_CACHE_ROOT:-~/.cache/cached_path}/89f1bd9a65fcaff3*.*[0-9a-f]"
#
# [tool.uipbench.variants.orb-v3-conservative-inf-mpa]
# title = "Orb v3 (conservative, all neighbours; MPtrj + Alexandria)"
# checkpoint = "orb-v3-conservative-inf-mpa"
# training-data = "MPtrj (2022.9) and Alexandria"
# parameters = 25510582
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.48550/arXiv.2504.06231"
# [tool.uipbench.variants.orb-v3-conservative-inf-mpa.weights]
# url = "https://orbitalmaterials-public-models.s3.us-west-1.amazonaws.com/forcefields/orb-v3/orb-v3-conservative-inf-mpa-20250404.ckpt"
# file = "${CACHED_PATH_CACHE_ROOT:-~/.cache/cached_path}/e3106cc9506964e2*.*[0-9a-f]"
#
# [tool.uipbench.variants.orb-v2]
# title = "Orb v2"
# checkpoint = "orb-v2"
# training-data = "MPtrj (2022.9) and Alexandria"
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.48550/arXiv.2410.22570"
# approximate = ["forces", "stress", "rotation"]
# [tool.uipbench.variants.orb-v2.weights]
# url = "https://orbitalmaterials-public-models.s3.us-west-1.amazonaws.com/forcefields/orb-v2-20241011.ckpt"
# file = "${CACHED_PATH_CACHE_ROOT:-~/.cache/cached_path}/11be2a8c51472ff7*.*[0-9a-f]"
# ///
"""Orb, computed in full single precision: the package's default on a GPU is TF32."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from orb_models.forcefield.atomic_system import ase_atoms_to_atom_graphs
from orb_models.forcefield.base import batch_graphs
from orb_models.forcefield.calculator import ORBCalculator
from orb_models.forcefield.pretrained import ORB_PRETRAINED_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms

PRECISIONS = {"default": "float32-highest", "float32": "float32-highest", "float64": "float64"}


@cache
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> ORBCalculator:
    """ASE calculator of the potential; a checkpoint of one's own has the variant's architecture."""
    weights = {} if checkpoint is None else {"weights_path": checkpoint}
    model = ORB_PRETRAINED_MODELS[variant](
        device=device, precision=PRECISIONS[dtype], compile=False, **weights
    )
    calculator = ORBCalculator(model, device=device)
    calculator.dtype = "float64" if dtype == "float64" else "float32"
    return calculator


def load_batch(checkpoint: str | None, device: str, dtype: str, variant: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    calculator = load(checkpoint, device, dtype, variant)
    conservative = calculator.conservative
    forces_name = calculator.model.grad_forces_name if conservative else "forces"
    stress_name = calculator.model.grad_stress_name if conservative else "stress"

    def evaluate(structures: list[Atoms], _: tuple[str, ...]) -> list[dict[str, Any]]:
        graphs = [
            ase_atoms_to_atom_graphs(
                atoms, system_config=calculator.system_config, device=calculator.device
            )
            for atoms in structures
        ]
        out = calculator.model.predict(batch_graphs(graphs).to(calculator.device), split=True)
        return [
            {
                "energy": out["energy"][i].detach().cpu().numpy(),
                "forces": out[forces_name][i].detach().cpu().numpy(),
                "stress": out[stress_name][i].detach().cpu().numpy().reshape(6),
            }
            for i in range(len(structures))
        ]

    return evaluate
