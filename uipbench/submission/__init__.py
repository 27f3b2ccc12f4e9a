"""Results in one file that others can check: made by ``submit``, judged by ``verify``."""

from uipbench.submission.bundle import Bundle, Manifest, read_bundle
from uipbench.submission.making import submit
from uipbench.submission.spotcheck import spot_check
from uipbench.submission.verifying import Verdict, verify_bundle, verify_results

__all__ = [
    "Bundle",
    "Manifest",
    "Verdict",
    "read_bundle",
    "spot_check",
    "submit",
    "verify_bundle",
    "verify_results",
]
