"""The three-electron lithium set and its checks."""

import gzip
import hashlib

import pytest

from uipbench.errors import ReferenceEngineError
from uipbench.reference.gpaw_calculator import PAW_FOLDER
from uipbench.reference.paw_check import (
    CUTOFFS_EV,
    BulkCheck,
    cutoff_error,
    parse_eigenvalues,
    read_checks,
)

SHA256 = "7599eb922a71eb084c60cf957b2c7855c3b5d0928528d767152a497bbe2333c7"
OUTPUT = """
 1s    2.00  -1.905593  -51.85382      0.469       1.40
Checking eigenvalues of Li pseudo atom using a Gaussian basis set:
                 AE [eV]        PS [eV]      error [eV]
 1s   2          -51.854        -51.854          0.000
                   8.911          8.909         -0.002
                  15.894         15.902          0.008
 2p   0           -1.090         -1.090          0.000
"""


def test_shipped_set_is_the_one_of_the_cases():
    content = gzip.decompress((PAW_FOLDER / "Li.sv3.PBE.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() == SHA256


def test_eigenvalues_of_the_generator():
    found = parse_eigenvalues(OUTPUT)
    assert found.all_electron == [-51.854, 8.911, -1.09]
    assert found.largest_error == pytest.approx(0.002)


def test_output_without_the_table():
    with pytest.raises(ReferenceEngineError, match="no table of eigenvalues"):
        parse_eigenvalues("PAW setup written")


def test_cutoff_error():
    def made(cutoff, a):
        return BulkCheck(
            material="Li",
            cutoff_ev=cutoff,
            kpts=(1, 1, 1),
            lattice_constant_a=a,
            bulk_modulus_gpa=14.0,
            seconds=0.0,
        )

    assert cutoff_error([made(400, 3.45), made(900, 3.43)], "Li", 400) == pytest.approx(0.02)


def test_result_file():
    checks = read_checks()
    if checks is None:
        pytest.skip("not computed yet: uipbench reference check-paw")
    assert checks.paw.sha256 == SHA256
    assert checks.eigenvalues.largest_error < 0.02
    for material in ("Li", "LiF"):
        found = {c.cutoff_ev for c in checks.bulk if c.material == material}
        assert found == set(CUTOFFS_EV)
        assert abs(cutoff_error(checks.bulk, material, 520.0)) < 0.01
