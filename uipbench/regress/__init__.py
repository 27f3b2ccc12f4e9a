"""Fresh predictions against stored ones: numbers, failures, provenance and speed."""

from uipbench.regress.comparison import CaseComparison, Deviation, compare_records
from uipbench.regress.model import ModelRegression, TaskRegression, compare_model
from uipbench.regress.report import annotation_lines, junit_xml, markdown

__all__ = [
    "CaseComparison",
    "Deviation",
    "ModelRegression",
    "TaskRegression",
    "annotation_lines",
    "compare_model",
    "compare_records",
    "junit_xml",
    "markdown",
]
