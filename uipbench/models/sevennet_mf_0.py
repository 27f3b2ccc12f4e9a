# /// script
# requires-python = ">=3.11"
# dependencies = ["sevenn==0.13.0", "torch~=2.13.0", "ase>=3.26,<4"]
#
# [tool.uipbench]
# unpickles = true
# name = "sevennet-mf-0"
# title = "SevenNet-MF-0 (PBE)"
# family = "SevenNet"
# checkpoint = "7net-mf-0"
# licence = "MIT"
# training-data = "MPtrj, and r2SCAN relaxations of the Materials Project (multi-fidelity)"
# xc = "PBE(+U)"
# parameters = 845896
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections (uncorrected_total_energy of MPtrj)"
# citation = "doi:10.1021/jacs.4c14455"
# url = "https://github.com/MDIL-SNU/SevenNet"
#
# [tool.uipbench.environment]
# SEVENNET_ENABLE_CUEQ = "0"
# SEVENNET_ENABLE_FLASH = "0"
# SEVENNET_ENABLE_OEQ = "0"
#
# [tool.uipbench.weights]
# package = "sevenn"
# file = "pretrained_potentials/SevenNet_MF_0/checkpoint_sevennet_mf_0.pth"
# sha256 = "81791329b37d445f46b531578c182c41792d98c7814222c9e5dde276402225fd"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83015
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90322
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.08514
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.37556
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.52739
# ///
"""SevenNet-MF-0, asked for PBE; its other fidelity is r2SCAN, and neither is a default."""

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
    calculator = SevenNetCalculator(checkpoint or "7net-mf-0", device=device, modal="PBE")
    calculator.dtype = "float32"
    return calculator
