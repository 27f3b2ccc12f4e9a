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
# training-data = "MPtrj"
# xc = "PBE(+U)"
# parameters = 412525
# elements = "1-94"
# energy-convention = "x"
# citation = "doi:10.1038/s42256-023-00716-3"
# url = "https://github.com/CederGroupHub/chgnet"
#
# [tool.uipbench.weights]
# package = "chgnet"
# file = "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"
# sha256 = "d14ab7c0f093efe64b60a7bcd540bca10e74fb7f46c86108a079af60524659d1"
# ///
"""CHGNet 0.3.0."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def load(checkpoint: str | None, device: str, dtype: str) -> Calculator:
    """ASE calculator of the potential, in single precision.

    Raises:
        ValueError: Another precision is asked for.
    """
    from chgnet.model.dynamics import CHGNetCalculator
    from chgnet.model.model import CHGNet

    if dtype not in {"default", "float32"}:
        msg = f"chgnet computes in float32 alone, not in {dtype}; leave out --dtype"
        raise ValueError(msg)
    if checkpoint is None:
        model = CHGNet.load(model_name="0.3.0", use_device=device, verbose=False)
    else:
        model = CHGNet.from_file(checkpoint)
    calculator = CHGNetCalculator(model, use_device=device)
    calculator.dtype = "float32"
    return calculator
