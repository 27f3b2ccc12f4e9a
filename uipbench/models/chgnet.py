# /// script
# requires-python = ">=3.11"
# dependencies = ["chgnet==0.4.2", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# family = "CHGNet"
# licence = "BSD-3-Clause-LBNL"
# url = "https://github.com/CederGroupHub/chgnet"
#
# [tool.uipbench.variants.chgnet]
# title = "CHGNet 0.3.0"
# checkpoint = "0.3.0"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 412525
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy with the MP2020 corrections (GGA/GGA+U mixing, anions)"
# energy-corrections = "MP2020"
# citation = "doi:10.1038/s42256-023-00716-3"
# [tool.uipbench.variants.chgnet.weights]
# package = "chgnet"
# file = "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"
# sha256 = "d14ab7c0f093efe64b60a7bcd540bca10e74fb7f46c86108a079af60524659d1"
#
# [[tool.uipbench.variants.chgnet.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -5.04994
#
# [[tool.uipbench.variants.chgnet.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.87967
#
# [[tool.uipbench.variants.chgnet.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.08331
#
# [[tool.uipbench.variants.chgnet.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.31218
#
# [[tool.uipbench.variants.chgnet.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -6.36492
#
# [tool.uipbench.variants."chgnet-0.2.0"]
# title = "CHGNet 0.2.0"
# checkpoint = "0.2.0"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 400438
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy with the MP2020 corrections (GGA/GGA+U mixing, anions)"
# energy-corrections = "MP2020"
# citation = "doi:10.1038/s42256-023-00716-3"
# [tool.uipbench.variants."chgnet-0.2.0".weights]
# package = "chgnet"
# file = "pretrained/0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar"
# sha256 = "ef624f78b6db9d315b4ef256f1bb3207449924191b91720dc17d3f60c5df980e"
#
# [[tool.uipbench.variants."chgnet-0.2.0".golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -5.04752
#
# [[tool.uipbench.variants."chgnet-0.2.0".golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90640
#
# [[tool.uipbench.variants."chgnet-0.2.0".golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.06714
#
# [[tool.uipbench.variants."chgnet-0.2.0".golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.36993
#
# [[tool.uipbench.variants."chgnet-0.2.0".golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -6.36355
#
# [tool.uipbench.variants.chgnet-r2scan]
# title = "CHGNet r2SCAN"
# checkpoint = "r2scan"
# training-data = "MP-r2SCAN (0.24 M structures), fine-tuned from CHGNet 0.3.0 (MPtrj)"
# xc = "r2SCAN"
# parameters = 412525
# elements = "1-69, 71-83, 89-94"
# energy-convention = "VASP r2SCAN total energy; MP2020 has no corrections for it"
# citation = "doi:10.1038/s41524-025-01796-y"
# [tool.uipbench.variants.chgnet-r2scan.weights]
# package = "chgnet"
# file = "pretrained/r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar"
# sha256 = "8eba3db0f35a2788bb3ae22885ad340591e27996f213c6643af522a633b50dad"
#
# [[tool.uipbench.variants.chgnet-r2scan.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -5.92207
#
# [[tool.uipbench.variants.chgnet-r2scan.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -2.38424
#
# [[tool.uipbench.variants.chgnet-r2scan.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -10.81796
#
# [[tool.uipbench.variants.chgnet-r2scan.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -8.73332
#
# [[tool.uipbench.variants.chgnet-r2scan.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -8.63655
# ///
"""CHGNet: 0.3.0, the package's default; 0.2.0, the weights of the publication; r2SCAN, fine-tuned.

Energies, forces and stress of the package at half its price. Its calculator builds second-order
graphs and goes back through them once for the forces and once for the stress; here one first-order
pass gives the derivatives by fractional coordinates and lattice, which are leaves of its graphs.

The elements are those of the training data; the networks take 1 to 94. Those without a reference
energy in the r2SCAN weights (Yb, Po to Ra) are left out of its card.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from ase.calculators.calculator import Calculator, all_changes
from chgnet.model.composition_model import AtomRef
from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import CHGNet
from pymatgen.io.ase import AseAtomsAdaptor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ase import Atoms


class Evaluator(Calculator):  # type: ignore[misc]
    """Energy by one forward pass, forces and stress by one first-order backward pass.

    Args:
        model: The network, whose parameters lose their gradients.
        device: Where it is.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]
    dtype = "float32"

    def __init__(self, model: CHGNet, device: str) -> None:
        super().__init__()
        self.device = device
        self.model = model.requires_grad_(False).eval()
        self.model.graph_converter.set_isolated_atom_response("warn")
        self.elements = None
        if isinstance(self.model.composition_model, AtomRef):
            self.elements = self.model.composition_model.fc.weight[0].double()
            self.model.composition_model = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy", "forces"),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """ASE's hook."""
        super().calculate(atoms, list(properties), list(system_changes))
        (self.results,) = self.evaluate([self.atoms], properties)

    def evaluate(
        self, structures: Sequence[Atoms], properties: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Energy (eV), forces (eV/Å) and, where asked for, stress (eV/Å^3) of each structure.

        The energies of the elements, up to 20 eV an atom, are added in double precision.

        Positions are r = f L, rows of fractional coordinates times the lattice, so that
        dE/dr = dE/df L^-T, and a strain L → L (1 + ε) gives dE/dε = L^T dE/dL at constant f.
        """
        convert = self.model.graph_converter
        graphs = [convert(AseAtomsAdaptor.get_structure(atoms)) for atoms in structures]
        graphs = [graph.to(self.device) for graph in graphs]
        energies = self.model(graphs, task="e")["e"].double()
        if self.model.is_intensive:
            energies = energies * energies.new_tensor([len(atoms) for atoms in structures])
        if self.elements is not None:
            numbers = [graph.atomic_number - 1 for graph in graphs]
            energies = energies + torch.stack([self.elements[n].sum() for n in numbers])
        leaves = [graph.atom_frac_coord for graph in graphs]
        if "stress" in properties:
            leaves += [graph.lattice for graph in graphs]
        gradients = [g.double().cpu().numpy() for g in torch.autograd.grad(energies.sum(), leaves)]
        results: list[dict[str, Any]] = []
        for atoms, energy, gradient in zip(structures, energies.tolist(), gradients, strict=False):
            forces = -np.linalg.solve(atoms.cell.array, gradient.T).T
            results.append({"energy": energy, "forces": forces})
        for atoms, result, gradient in zip(
            structures, results, gradients[len(structures) :], strict=False
        ):
            stress = atoms.cell.array.T @ gradient / atoms.get_volume()
            result["stress"] = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        return results


@cache
def load(checkpoint: str | None, device: str, dtype: str, variant: str) -> Evaluator:
    """ASE calculator of the potential.

    Raises:
        ValueError: Not in single precision, the only one of the package.
    """
    return Evaluator(_network(checkpoint, device, dtype, variant), device)


def load_batch(
    checkpoint: str | None, device: str, dtype: str, variant: str
) -> Callable[..., Any] | None:
    """Evaluator of many structures in one forward pass.

    None for networks whose bond layers have a bias, such as 0.2.0: the package leaves these layers
    out of a structure without angles, but not in a batch where another one has some.
    """
    evaluator = load(checkpoint, device, dtype, variant)
    return None if evaluator.model.model_args.get("mlp_out_bias") else evaluator.evaluate


def load_package_calculator(
    checkpoint: str | None, device: str, dtype: str, variant: str
) -> CHGNetCalculator:
    """The package's own calculator, which computes everything in each call.

    Raises:
        ValueError: Not in single precision, the only one of the package.
    """
    calculator = CHGNetCalculator(_network(checkpoint, device, dtype, variant), use_device=device)
    calculator.dtype = "float32"
    return calculator


def _network(checkpoint: str | None, device: str, dtype: str, variant: str) -> CHGNet:
    if dtype not in {"default", "float32"}:
        msg = f"CHGNet computes in float32 alone, not in {dtype}"
        raise ValueError(msg)
    if checkpoint is None:
        return CHGNet.load(model_name=variant, use_device=device, verbose=False)
    return CHGNet.from_file(checkpoint).to(device)
