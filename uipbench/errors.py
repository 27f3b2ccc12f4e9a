"""Every error that uipbench raises on purpose.

::

    UipbenchError
    ├── RegistryError            unknown task or model, invalid plugin or model file
    ├── ReferenceDataError       checksum, schema or content of a reference file
    ├── ReferenceEngineError     the DFT side: missing GPAW, a calculation that did not converge
    ├── EnvironmentSetupError    a model's virtual environment could not be made
    ├── ResultFileError          a result file or journal that cannot be read or written
    ├── SubmissionError          a bundle of results that cannot be made or believed
    ├── SettingsError            an option with a value that makes no sense
    ├── ConformanceError         a model that fails an essential check
    ├── WorkerError              → Failed
    │   ├── WorkerCrashedError
    │   ├── WorkerTimeoutError
    │   └── WorkerProtocolError
    └── CalculationError         → Failed
        ├── NotConvergedError
        ├── UnsupportedElementsError
        ├── NonFiniteError
        ├── ModelRaisedError
        ├── OutOfMemoryError
        └── CaseTimeoutError

``WorkerError`` and ``CalculationError`` belong to one case and become a
:class:`~uipbench.outcome.Failed`; every other one stops the run with one line.
"""

from __future__ import annotations

from typing import ClassVar


def one_line(text: str) -> str:
    """Text of others as one line of characters that can be printed and encoded.

    Args:
        text: Such as the message of a model's exception, with whatever is in it.
    """
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


class UipbenchError(Exception):
    """Base class; its text is one line: what, where, what was expected, the remedy."""


class RegistryError(UipbenchError):
    """A task or model that is unknown, or a plugin that breaks the contract."""


class ReferenceDataError(UipbenchError):
    """A reference file is missing, damaged or inconsistent."""


class ReferenceEngineError(UipbenchError):
    """A DFT reference could not be computed."""


class EnvironmentSetupError(UipbenchError):
    """The virtual environment of a model could not be made."""


class ResultFileError(UipbenchError):
    """A result file or journal cannot be read or written."""


class SubmissionError(UipbenchError):
    """A bundle of results cannot be made, or is damaged, foreign or inconsistent."""


class SettingsError(UipbenchError):
    """An option has a value that cannot be used."""


class ConformanceError(UipbenchError):
    """A model fails an essential check and is not scored."""


class CaseError(UipbenchError):
    """An error that belongs to one case; ``kind`` is what the record stores."""

    kind: ClassVar[str] = "error"


class WorkerError(CaseError):
    """The worker process of a model failed."""

    kind = "worker_error"


class WorkerCrashedError(WorkerError):
    """The worker process ended while it owed an answer."""

    kind = "worker_crashed"


class NotServedError(WorkerCrashedError):
    """The worker ended over another request; nothing is known of this one."""


class WorkerTimeoutError(WorkerError):
    """The worker process did not answer within the time limit."""

    kind = "timed_out"


class WorkerProtocolError(WorkerError):
    """The worker process answered with something that is not the protocol."""

    kind = "worker_protocol"


class CalculationError(CaseError):
    """The model answered, but the case cannot be scored."""

    kind = "calculation_error"


class NotConvergedError(CalculationError):
    """A relaxation did not reach its force limit within the allowed steps."""

    kind = "not_converged"


class UnsupportedElementsError(CalculationError):
    """The model does not know an element of the case."""

    kind = "unsupported_elements"


class NonFiniteError(CalculationError):
    """The model returned NaN, an infinity or an array of the wrong shape."""

    kind = "non_finite"


class ModelRaisedError(CalculationError):
    """The model's own code raised an exception."""

    kind = "model_raised"


class OutOfMemoryError(CalculationError):
    """The model asked for more memory than its worker may use, or than the device has."""

    kind = "out_of_memory"


class CaseTimeoutError(CalculationError):
    """The case used up its time limit."""

    kind = "timed_out"
