# /// script
# requires-python = ">=3.11"
# dependencies = ["sevenn==0.13.0", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# unpickles = true
# name = "sevennet-0"
# title = "SevenNet-0 (11Jul2024)"
# family = "SevenNet"
# checkpoint = "7net-0_11Jul2024"
# licence = "MIT"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 842440
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections (uncorrected_total_energy of MPtrj)"
# citation = "doi:10.1021/acs.jctc.4c00190"
# url = "https://github.com/MDIL-SNU/SevenNet"
#
# [tool.uipbench.environment]
# SEVENNET_ENABLE_CUEQ = "0"
# SEVENNET_ENABLE_FLASH = "0"
# SEVENNET_ENABLE_OEQ = "0"
#
# [tool.uipbench.weights]
# package = "sevenn"
# file = "pretrained_potentials/SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth"
# sha256 = "7052cb42b7b3be42b40b97fa0d21077a48c54b5548948fc4dcf346629f813c36"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83356
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.91492
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.09619
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.40083
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.59696
# ///
"""SevenNet-0 of 11 July 2024."""

from __future__ import annotations

from sevenn.calculator import SevenNetCalculator


def load(checkpoint: str | None, device: str, dtype: str) -> SevenNetCalculator:
    """ASE calculator of the potential, without dispersion; its stress costs nothing extra.

    Raises:
        ValueError: Not in single precision, the only one of the checkpoint.
    """
    if dtype not in {"default", "float32"}:
        msg = f"SevenNet computes in float32 alone, not in {dtype}"
        raise ValueError(msg)
    calculator = SevenNetCalculator(checkpoint or "7net-0_11Jul2024", device=device)
    calculator.dtype = "float32"
    return calculator
