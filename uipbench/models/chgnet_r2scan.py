# /// script
# requires-python = ">=3.11"
# dependencies = ["chgnet==0.4.2", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# name = "chgnet-r2scan"
# title = "CHGNet r2SCAN"
# family = "CHGNet"
# checkpoint = "r2scan"
# licence = "BSD-3-Clause-LBNL"
# training-data = "MP-r2SCAN (0.24 M structures), fine-tuned from CHGNet 0.3.0 (MPtrj)"
# xc = "r2SCAN"
# parameters = 412525
# elements = "1-69, 71-83, 89-94"
# energy-convention = "VASP r2SCAN total energy; MP2020 has no corrections for it"
# citation = "doi:10.1038/s41524-025-01796-y"
# url = "https://github.com/CederGroupHub/chgnet"
#
# [tool.uipbench.weights]
# package = "chgnet"
# file = "pretrained/r2scan/chgnet_r2scan_transfer_learning_e15f36s161m23.pth.tar"
# sha256 = "8eba3db0f35a2788bb3ae22885ad340591e27996f213c6643af522a633b50dad"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -5.92207
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -2.38424
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -10.81796
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -8.73332
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -8.63655
# ///
"""CHGNet fine-tuned to r2SCAN.

Elements without a reference energy in it (Yb, Po to Ra) are left out of the card.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chgnet.model.dynamics import CHGNetCalculator
from chgnet.model.model import CHGNet

if TYPE_CHECKING:
    from ase import Atoms


class Calculator(CHGNetCalculator):  # type: ignore[misc]
    """CHGNet's calculator, with stress and moments computed only where they are asked for."""

    dtype = "float32"

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """ASE's hook; the package's own computes everything in each call."""
        asked = set(properties or self.implemented_properties)
        task = "efsm" if "magmoms" in asked else "efs" if "stress" in asked else "ef"
        super().calculate(atoms, properties, system_changes, task=task)


def load(checkpoint: str | None, device: str, dtype: str) -> Calculator:
    """ASE calculator of the potential.

    Raises:
        ValueError: Not in single precision, the only one of the package.
    """
    if dtype not in {"default", "float32"}:
        msg = f"CHGNet computes in float32 alone, not in {dtype}"
        raise ValueError(msg)
    if checkpoint is None:
        model = CHGNet.load(model_name="r2scan", use_device=device, verbose=False)
    else:
        model = CHGNet.from_file(checkpoint)
    return Calculator(model, use_device=device)
