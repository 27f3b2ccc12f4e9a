"""Small random checkpoints, built with the packages' own classes in their own environments.

``python random_checkpoints.py FAMILY PATH``. They have the format of real ones and no physics: for
tests of the way from a file to a result, never to be shown.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import torch

ELEMENTS = (3, 9, 13, 29)


def mace(path: Path) -> None:
    """A pickled model, as ``mace_run_train`` saves it."""
    from mace import modules

    o3 = importlib.import_module("e3nn.o3")  # can be imported after mace only

    model = modules.ScaleShiftMACE(
        r_max=4.0,
        num_bessel=4,
        num_polynomial_cutoff=5,
        max_ell=1,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
        num_interactions=2,
        num_elements=len(ELEMENTS),
        hidden_irreps=o3.Irreps("8x0e + 8x1o"),
        MLP_irreps=o3.Irreps("8x0e"),
        gate=torch.nn.functional.silu,
        atomic_energies=np.linspace(-2.0, -1.0, len(ELEMENTS)),
        avg_num_neighbors=12.0,
        atomic_numbers=list(ELEMENTS),
        correlation=2,
        radial_type="bessel",
        atomic_inter_scale=0.5,
        atomic_inter_shift=0.0,
    )
    torch.save(model, path)


def orb(path: Path) -> None:
    """The weights of a published architecture, which is part of the package."""
    from orb_models.forcefield.pretrained import orb_v3_conservative_architecture

    torch.save(orb_v3_conservative_architecture(device="cpu").state_dict(), path)


def uma(path: Path) -> None:
    """An inference checkpoint: configuration, weights and tasks."""
    import hydra
    from fairchem.core.units.mlip_unit.api.inference import MLIPInferenceCheckpoint

    backbone = {
        "model": "fairchem.core.models.uma.escn_moe.eSCNMDMoeBackbone",
        "num_experts": 2,
        "moe_layer_type": "pytorch",
        "use_composition_embedding": True,
        "sphere_channels": 8,
        "hidden_channels": 8,
        "edge_channels": 8,
        "num_distance_basis": 16,
        "lmax": 2,
        "mmax": 2,
        "num_layers": 1,
        "cutoff": 4.0,
        "otf_graph": True,
        "direct_forces": False,
        "regress_forces": True,
        "regress_stress": True,
        "chg_spin_emb_type": "rand_emb",
        "dataset_mapping": {"omat": "omat"},
    }
    head = {
        "module": "fairchem.core.models.uma.escn_moe.DatasetSpecificMoEWrapper",
        "dataset_mapping": {"omat": "omat"},
        "head_cls": "fairchem.core.models.uma.escn_md.MLP_EFS_Head",
        "head_kwargs": {"wrap_property": False},
    }
    model_config = {
        "_target_": "fairchem.core.models.base.HydraModel",
        "backbone": backbone,
        "heads": {"efs": head},
        "pass_through_head_outputs": True,
        "model_id": "UMA-S-1.2",
    }
    model = hydra.utils.instantiate(model_config)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    tasks = [_uma_task("energy", [1], "system"), _uma_task("forces", [3], "atom")]
    checkpoint = MLIPInferenceCheckpoint(
        model_config=model_config,
        model_state_dict=model.state_dict(),
        ema_state_dict=averaged.state_dict(),
        tasks_config=[*tasks, _uma_task("stress", [1, 9], "system")],
    )
    torch.save(checkpoint, path)


def _uma_task(name: str, shape: list[int], level: str) -> dict[str, object]:
    return {
        "_target_": "fairchem.core.units.mlip_unit.mlip_unit.Task",
        "name": f"omat_{name}",
        "level": level,
        "property": name,
        "out_spec": {"dim": shape, "dtype": "float32"},
        "normalizer": {
            "_target_": "fairchem.core.modules.normalization.normalizer.Normalizer",
            "mean": 0.0,
            "rmsd": 1.0,
        },
        "datasets": ["omat"],
    }


def matgl(path: Path) -> None:
    """A folder of three files, as a potential saves itself."""
    from ase.data import chemical_symbols
    from matgl.apps.pes import Potential
    from matgl.models import TensorNet

    symbols = tuple(chemical_symbols[number] for number in ELEMENTS)
    model = TensorNet(
        element_types=symbols, units=8, nblocks=1, num_rbf=8, cutoff=4.0, is_intensive=False
    )
    Potential(model=model, element_refs=np.linspace(-2.0, -1.0, len(ELEMENTS))).save(path)


def mattersim(path: Path) -> None:
    """A potential with its optimiser, as the package's fine-tuning saves it."""
    from mattersim.forcefield.m3gnet.m3gnet import M3Gnet
    from mattersim.forcefield.potential import Potential

    model = M3Gnet(num_blocks=1, units=16, device="cpu")
    Potential(model, device="cpu").save(str(path.resolve()))


def eqv2(path: Path) -> None:
    """What the trainer of fairchem-core 1 saves, with the outputs of the published ones."""
    _stand_in_for_torch_scatter()
    importlib.import_module("fairchem.core.models.equiformer_v2.equiformer_v2")
    importlib.import_module("fairchem.core.models.equiformer_v2.trainers.forces_trainer")
    registry = importlib.import_module("fairchem.core.common.registry").registry
    backbone = {
        "model": "equiformer_v2_backbone",
        "max_neighbors": 20,
        "max_radius": 6.0,
        "max_num_elements": 96,
        "num_layers": 1,
        "sphere_channels": 8,
        "attn_hidden_channels": 8,
        "num_heads": 2,
        "attn_alpha_channels": 4,
        "attn_value_channels": 4,
        "ffn_hidden_channels": 8,
        "norm_type": "layer_norm_sh",
        "lmax_list": [4],
        "mmax_list": [2],
        "grid_resolution": 18,
        "edge_channels": 8,
        "use_grid_mlp": True,
        "enforce_max_neighbors_strictly": False,
    }
    stress = {"use_source_target_embedding": True, "decompose": True}
    heads = {
        "energy": {"module": "equiformer_v2_energy_head"},
        "forces": {"module": "equiformer_v2_force_head"},
        "stress": {"module": "rank2_symmetric_head", "output_name": "stress"} | stress,
    }
    parts = {"stress_isotropic": {"irrep_dim": 0}, "stress_anisotropic": {"irrep_dim": 2}}
    trainer = registry.get_trainer_class("equiformerv2_forces")(
        task={},
        model={
            "name": "hydra",
            "pass_through_head_outputs": True,
            "otf_graph": True,
            "backbone": backbone,
            "heads": heads,
        },
        outputs={
            "energy": {"level": "system", "property": "energy"},
            "forces": {"level": "atom", "property": "forces"},
            "stress": {"level": "system", "property": "stress", "decomposition": parts},
        },
        dataset=[{}],
        optimizer={},
        loss_functions=[{"energy": {"fn": "mae", "coefficient": 1}}],
        evaluation_metrics={"metrics": {"energy": ["mae"]}},
        identifier="",
        local_rank=0,
        is_debug=True,
        cpu=True,
        inference_only=True,
    )
    trainer.config["dataset"] = {"src": "none"}
    saved = {"normalizers": {}, "elementrefs": {}, "config": trainer.config, "amp": None}
    torch.save(saved | {"state_dict": trainer.model.state_dict()}, path)


def _stand_in_for_torch_scatter() -> None:
    from types import ModuleType

    from torch_geometric.utils import scatter

    module = ModuleType("torch_scatter")
    module.scatter = lambda src, index, dim=-1, dim_size=None, reduce="sum": scatter(  # type: ignore[attr-defined]
        src, index, dim=dim, dim_size=dim_size, reduce=reduce
    )
    sys.modules["torch_scatter"] = module


def main() -> None:
    """Write one checkpoint."""
    torch.manual_seed(7)
    family, path = sys.argv[1:]
    makers = {
        "eqv2": eqv2,
        "mace": mace,
        "matgl": matgl,
        "mattersim": mattersim,
        "orb": orb,
        "uma": uma,
    }
    makers[family](Path(path))


if __name__ == "__main__":
    main()
