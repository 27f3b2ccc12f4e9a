# /// script
# requires-python = ">=3.11"
# dependencies = ["chgnet==0.4.2", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# name = "chgnet"
# title = "CHGNet 0.3.0"
# family = "CHGNet"
# checkpoint = "0.3.0"
# licence = "BSD-3-Clause-LBNL"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 412525
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy with the MP2020 corrections (GGA/GGA+U mixing, anions)"
# energy-corrections = "MP2020"
# citation = "doi:10.1038/s42256-023-00716-3"
# url = "https://github.com/CederGroupHub/chgnet"
#
# [tool.uipbench.weights]
# package = "chgnet"
# file = "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"
# sha256 = "d14ab7c0f093efe64b60a7bcd540bca10e74fb7f46c86108a079af60524659d1"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -5.04994
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.87967
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.08331
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.31218
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -6.36492
# ///
"""CHGNet 0.3.0, the package's default.

The elements are those of MPtrj; the network takes 1 to 94.
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
        model = CHGNet.load(model_name="0.3.0", use_device=device, verbose=False)
    else:
        model = CHGNet.from_file(checkpoint)
    return Calculator(model, use_device=device)
