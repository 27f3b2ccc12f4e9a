# /// script
# requires-python = ">=3.11"
# dependencies = ["sevenn==0.13.0", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# unpickles = true
# name = "sevennet-l3i5"
# title = "SevenNet-l3i5"
# family = "SevenNet"
# checkpoint = "7net-l3i5"
# licence = "MIT"
# training-data = "MPtrj (2022.9): 1.58 M frames of 146 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 1171144
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
# file = "pretrained_potentials/SevenNet_l3i5/checkpoint_l3i5.pth"
# sha256 = "a7ff190d41efe5b8317a03d20a468e4036a1a3e64e0b14fdbab64ac3f4bfc09d"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83399
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90245
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.09205
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.42186
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.60840
# ///
"""SevenNet-l3i5: SevenNet-0 with spherical harmonics up to l = 3."""

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
    calculator = SevenNetCalculator(checkpoint or "7net-l3i5", device=device)
    calculator.dtype = "float32"
    return calculator
