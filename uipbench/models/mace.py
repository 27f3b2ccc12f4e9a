# /// script
# requires-python = ">=3.11"
# dependencies = ["mace-torch==0.3.16", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# unpickles = true
# family = "MACE"
# elements = "1-83, 89-94"
# url = "https://github.com/ACEsuit/mace-foundations"
#
# [tool.uipbench.variants.mace-mp-0-small]
# title = "MACE-MP-0 small"
# checkpoint = "small"
# licence = "MIT"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.48550/arXiv.2401.00096"
# [tool.uipbench.variants.mace-mp-0-small.weights]
# url = "https://github.com/ACEsuit/mace-mp/releases/download/mace_mp_0/2023-12-10-mace-128-L0_energy_epoch-249.model"
# file = "${XDG_CACHE_HOME:-~/.cache}/mace/20231210mace128L0_energy_epoch249model"
#
# [tool.uipbench.variants.mace-mp-0-medium]
# title = "MACE-MP-0 medium"
# checkpoint = "medium"
# licence = "MIT"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 4688656
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.48550/arXiv.2401.00096"
# [tool.uipbench.variants.mace-mp-0-medium.weights]
# url = "https://github.com/ACEsuit/mace-mp/releases/download/mace_mp_0/2023-12-03-mace-128-L1_epoch-199.model"
# file = "${XDG_CACHE_HOME:-~/.cache}/mace/20231203mace128L1_epoch199model"
#
# [tool.uipbench.variants.mace-mp-0-large]
# title = "MACE-MP-0 large"
# checkpoint = "large"
# licence = "MIT"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.48550/arXiv.2401.00096"
# [tool.uipbench.variants.mace-mp-0-large.weights]
# url = "https://github.com/ACEsuit/mace-mp/releases/download/mace_mp_0/MACE_MPtrj_2022.9.model"
# file = "${XDG_CACHE_HOME:-~/.cache}/mace/MACE_MPtrj_20229model"
#
# [tool.uipbench.variants.mace-mpa-0]
# title = "MACE-MPA-0 medium"
# checkpoint = "medium-mpa-0"
# licence = "MIT"
# training-data = "MPtrj (2022.9) and sAlex, the Alexandria subset"
# xc = "PBE(+U)"
# parameters = 9063204
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.48550/arXiv.2401.00096"
# [tool.uipbench.variants.mace-mpa-0.weights]
# url = "https://github.com/ACEsuit/mace-mp/releases/download/mace_mpa_0/mace-mpa-0-medium.model"
# file = "${XDG_CACHE_HOME:-~/.cache}/mace/macempa0mediummodel"
#
# [tool.uipbench.variants.mace-omat-0-small]
# title = "MACE-OMAT-0 small"
# checkpoint = "small-omat-0"
# licence = "ASL (academic use)"
# training-data = "OMat24"
# xc = "PBE(+U)"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# citation = "doi:10.48550/arXiv.2401.00096"
# [tool.uipbench.variants.mace-omat-0-small.weights]
# url = "https://github.com/ACEsuit/mace-mp/releases/download/mace_omat_0/mace-omat-0-small.model"
# file = "${XDG_CACHE_HOME:-~/.cache}/mace/maceomat0smallmodel"
#
# [tool.uipbench.variants.mace-omat-0]
# title = "MACE-OMAT-0 medium"
# checkpoint = "medium-omat-0"
# licence = "ASL (academic use)"
# training-data = "OMat24"
# xc = "PBE(+U)"
# energy-convention = "VASP total energy of OMat24 (PBE_54 sets) without corrections"
# citation = "doi:10.48550/arXiv.2401.00096"
# [tool.uipbench.variants.mace-omat-0.weights]
# url = "https://github.com/ACEsuit/mace-mp/releases/download/mace_omat_0/mace-omat-0-medium.model"
# file = "${XDG_CACHE_HOME:-~/.cache}/mace/maceomat0mediummodel"
#
# [tool.uipbench.variants.mace-matpes-pbe-0]
# title = "MACE-MatPES-PBE-0"
# checkpoint = "mace-matpes-pbe-0"
# licence = "ASL (academic use)"
# training-data = "MatPES-PBE 2025.1, fine-tuned from MACE-OMAT-0"
# xc = "PBE"
# energy-convention = "VASP total energy of MatPES (PBE_64 sets) without corrections"
# citation = "doi:10.48550/arXiv.2401.00096"
# [tool.uipbench.variants.mace-matpes-pbe-0.weights]
# url = "https://github.com/ACEsuit/mace-foundations/releases/download/mace_matpes_0/MACE-matpes-pbe-omat-ft.model"
# file = "${XDG_CACHE_HOME:-~/.cache}/mace/MACEmatpespbeomatftmodel"
#
# [tool.uipbench.variants.mace-matpes-r2scan-0]
# title = "MACE-MatPES-r2SCAN-0"
# checkpoint = "mace-matpes-r2scan-0"
# licence = "ASL (academic use)"
# training-data = "MatPES-r2SCAN 2025.1, fine-tuned from MACE-OMAT-0"
# xc = "r2SCAN"
# energy-convention = "VASP total energy of MatPES (PBE_64 sets) without corrections"
# citation = "doi:10.48550/arXiv.2401.00096"
# [tool.uipbench.variants.mace-matpes-r2scan-0.weights]
# url = "https://github.com/ACEsuit/mace-foundations/releases/download/mace_matpes_0/MACE-matpes-r2scan-omat-ft.model"
# file = "${XDG_CACHE_HOME:-~/.cache}/mace/MACEmatpesr2scanomatftmodel"
# ///
"""The MACE foundation models for materials, without dispersion.

Their precision is that of the checkpoint unless another is asked for.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import mace  # noqa: F401  # first: it lets torch read checkpoints that are pickled models
from mace import data
from mace.calculators import MACECalculator
from mace.calculators.foundations_models import download_mace_mp_checkpoint
from mace.tools import torch_geometric, torch_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms


@cache
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> MACECalculator:
    """ASE calculator of the potential; of several heads the one named default."""
    calculator = MACECalculator(
        model_paths=checkpoint or download_mace_mp_checkpoint(variant),
        device=device,
        default_dtype="" if dtype == "default" else dtype,
    )
    calculator.dtype = calculator.default_dtype
    return calculator


def load_batch(checkpoint: str | None, device: str, dtype: str, variant: str) -> Callable[..., Any]:
    """Evaluator of many structures in one forward pass."""
    calculator = load(checkpoint, device, dtype, variant)

    def evaluate(structures: list[Atoms], properties: tuple[str, ...]) -> list[dict[str, Any]]:
        with torch_tools.default_dtype(calculator.default_dtype):
            graphs = [_graph(calculator, atoms) for atoms in structures]
        batch = torch_geometric.Batch.from_data_list(graphs).to(calculator.device)
        out = calculator.models[0](batch.to_dict(), compute_stress="stress" in properties)
        energies = out["energy"].detach().cpu().numpy()
        forces = out["forces"].detach().cpu().numpy()
        starts = batch.ptr.cpu().numpy()
        results = [
            {"energy": energies[i], "forces": forces[starts[i] : starts[i + 1]]}
            for i in range(len(structures))
        ]
        if "stress" in properties:
            for result, stress in zip(results, out["stress"].detach().cpu().numpy(), strict=True):
                result["stress"] = stress
        return results

    return evaluate


def _graph(calculator: MACECalculator, atoms: Atoms) -> data.AtomicData:
    keys = data.KeySpecification(info_keys=calculator.info_keys, arrays_keys=calculator.arrays_keys)
    config = data.config_from_atoms(atoms, key_specification=keys, head_name=calculator.head)
    return data.AtomicData.from_config(
        config,
        z_table=calculator.z_table,
        cutoff=calculator.r_max,
        heads=calculator.available_heads,
    )
