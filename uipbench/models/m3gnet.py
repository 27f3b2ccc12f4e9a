# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "ase==3.24.0", "boto3>=1.35", "dgl==1.1.3", "lightning==2.6.6", "numpy==1.26.4",
#   "pydantic>=2.9", "pymatgen==2026.10.24", "torch~=2.13.0",
# ]
#
# [tool.uipbench]
# unpickles = true
# name = "m3gnet-mp-2021"
# title = "M3GNet MP-2021.2.8"
# family = "M3GNet"
# checkpoint = "M3GNet-MP-2021.2.8-PES"
# licence = "BSD-3-Clause"
# training-data = "MPF.2021.2.8: 188 k frames of 63 k Materials Project relaxations"
# xc = "PBE(+U)"
# parameters = 288157
# elements = "1-83, 89-94"
# energy-convention = "VASP total energy without corrections"
# citation = "doi:10.1038/s43588-022-00349-3"
# url = "https://github.com/materialsvirtuallab/matgl/tree/main/pretrained_models"
# no-deps = ["matgl==1.2.7"]
#
# [tool.uipbench.environment]
# DGLBACKEND = "pytorch"
# TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD = "1"
#
# [tool.uipbench.weights]
# url = "https://github.com/materialsvirtuallab/matgl/tree/main/pretrained_models/M3GNet-MP-2021.2.8-PES"
# file = "~/.cache/matgl/M3GNet-MP-2021.2.8-PES"
# [tool.uipbench.weights.files]
# "model.json" = "05e7db8676ceb37eb07848aff49c556b188699e1035f3df0cbbf1a2c4959148f"
# "model.pt" = "62678f76fbc5d8997ea1d7f3c4bf086df200102125c802b32b08ce14fbcde25b"
# "state.pt" = "a9aa723705bd1a242ec8749332f137811c4a94e17995a564f8f94a9aca68061b"
#
# [[tool.uipbench.golden]]
# structure = "LiF rocksalt a=4.07"
# energy_per_atom = -4.83402
#
# [[tool.uipbench.golden]]
# structure = "Li bcc a=3.44"
# energy_per_atom = -1.90191
#
# [[tool.uipbench.golden]]
# structure = "Cu fcc a=3.61"
# energy_per_atom = -4.09640
#
# [[tool.uipbench.golden]]
# structure = "Si diamond a=5.43"
# energy_per_atom = -5.41785
#
# [[tool.uipbench.golden]]
# structure = "LiCoO2 layered a=2.816 c=14.054 z=0.2602"
# energy_per_atom = -5.62266
# ///
"""M3GNet of the Materials Project 2021.2.8, with the last matgl on DGL.

Later releases read the file wrongly. matgl 1.2.7 pins a torch and a DGL that cannot be installed
together any more, so it comes without its dependencies; its ``model.pt`` is a pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matgl import load_model
from matgl.ext.ase import PESCalculator

if TYPE_CHECKING:
    from ase import Atoms


class Calculator(PESCalculator):  # type: ignore[misc]
    """The package's calculator takes a partly periodic structure for a molecule."""

    dtype = "float32"

    def calculate(
        self,
        atoms: Atoms,
        properties: list[str] | None = None,
        system_changes: list[str] | None = None,
    ) -> None:
        """ASE's hook.

        Raises:
            ValueError: Periodic in one or two directions only.
        """
        if atoms.pbc.any() and not atoms.pbc.all():
            msg = "matgl computes structures that are periodic in all directions or in none"
            raise ValueError(msg)
        super().calculate(atoms, properties, system_changes)


def load(checkpoint: str | None, device: str, dtype: str) -> Calculator:
    """ASE calculator of the potential, stress in eV/Å^3.

    Raises:
        ValueError: Not in single precision, the one of the checkpoint.
    """
    if dtype not in {"default", "float32"}:
        msg = f"M3GNet's checkpoint is in float32, not in {dtype}"
        raise ValueError(msg)
    potential = load_model(checkpoint or "M3GNet-MP-2021.2.8-PES").to(device)
    return Calculator(potential, stress_unit="eV/A3", use_voigt=True)
