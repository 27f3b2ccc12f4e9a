"""A model in its own process and environment, as the harness sees it."""

from __future__ import annotations

import math
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from uipbench.errors import (
    CaseError,
    ModelRaisedError,
    NonFiniteError,
    NotServedError,
    OutOfMemoryError,
    WorkerCrashedError,
    WorkerProtocolError,
    WorkerTimeoutError,
    one_line,
)
from uipbench.worker.wire import PROTOCOL_VERSION
from uipbench.worker_channel import WorkerChannel, structure_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from ase import Atoms

    from uipbench.environments import Environment
    from uipbench.modelfile import ModelFile

SERVE = Path(__file__).parent / "worker" / "serve.py"
_CLOSE_GRACE = 3.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**30)}
"""Settings of glibc's ``malloc``: by default every large array of a model is mapped anew and the
kernel clears its pages, up to a quarter of an evaluation; with these up to 1 GB is kept."""
_ERRORS: dict[str, type[CaseError]] = {
    "model_raised": ModelRaisedError,
    "non_finite": NonFiniteError,
    "out_of_memory": OutOfMemoryError,
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model says of one structure.

    Attributes:
        energy: eV.
        forces: (n, 3) in eV/Å.
        stress: (6,) in eV/Å^3 in Voigt order, or None where it was not asked for.
        seconds: Time in the model; of a batch, the structure's share by atoms.
        changed: What the model changed in its copy of the structure, where that was watched.
        graph_seconds: Part of ``seconds`` that went into the graph, where the model tells.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray | None
    seconds: float
    changed: tuple[str, ...] = ()
    graph_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a started worker says of itself.

    Attributes:
        device: Device the model is on.
        dtype: Precision the model computes in, where it says so.
        python: Version of the worker's interpreter.
        packages: Versions of the packages of its environment, as far as they are known.
    """

    device: str
    dtype: str
    python: str
    packages: Mapping[str, str] = field(default_factory=dict)


class WorkerProcess:
    """One worker process.

    Two threads may evaluate at a time, so that the next request is there when the worker has
    answered one.

    Args:
        model: The model file.
        environment: Its environment, which exists.
        checkpoint: A user's own weights, or None for the model's.
        device: ``cpu``, ``cuda``, ``cuda:1`` … or ``auto``.
        dtype: ``float32``, ``float64`` or ``default``.
        threads: Threads the model may use.
        memory: Bytes that evaluations may use beside the loaded model, or None for no limit.
    """

    def __init__(  # noqa: PLR0913  # all but two are named
        self,
        model: ModelFile,
        environment: Environment,
        *,
        checkpoint: Path | None,
        device: str,
        dtype: str,
        threads: int = 1,
        memory: int | None = None,
    ) -> None:
        self._model = model
        self._environment = environment
        self._memory = memory
        self._load_request = {
            "type": "load",
            "model_file": str(model.path.resolve()),
            "checkpoint": None if checkpoint is None else str(checkpoint.resolve()),
            "variant": model.variant,
            "package_calculator": model.package_calculator,
            "device": device,
            "dtype": dtype,
            "threads": threads,
            "memory": memory,
        }
        self._channel: WorkerChannel | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._info: WorkerInfo | None = None

    @property
    def info(self) -> WorkerInfo:
        """What the worker said when it was started.

        Raises:
            WorkerCrashedError: Not started.
        """
        if self._info is None:
            raise WorkerCrashedError(self._named("the worker is not running; start it first"))
        return self._info

    @property
    def pid(self) -> int | None:
        """Process id, or None where none runs."""
        return self._channel.process.pid if self._channel and self._channel.alive else None

    def start(self, timeout: float) -> None:
        """Start the process and load the model; a process that runs is replaced.

        Args:
            timeout: Seconds for both together.

        Raises:
            ModelRaisedError: The model's code raised while it was loaded.
            WorkerCrashedError: The process ended; has the tail of its stderr.
            WorkerTimeoutError: Not loaded in time.
            WorkerProtocolError: Not a worker of this version.
        """
        self.close()
        deadline = time.monotonic() + timeout
        # Packages write files where they are: not into the user's folder.
        self._folder = tempfile.TemporaryDirectory(prefix="uipbench-worker-")
        self._channel = WorkerChannel(
            self._command(), environment=self._variables(), folder=Path(self._folder.name)
        )
        try:
            hello = self._greeting(timeout)
            left = deadline - time.monotonic()
            loaded = self._exchange(self._load_request, left, "loaded", "while it was loaded")
        except BaseException:  # Ctrl-C too must not leave a process behind
            self.close()
            raise
        self._info = WorkerInfo(
            str(loaded.get("device")),
            str(loaded.get("dtype")),
            str(hello.get("python")),
            self._environment.versions,
        )

    def _greeting(self, timeout: float) -> dict[str, Any]:
        hello = self._exchange(None, timeout, "hello", "while it started")
        if hello.get("protocol") != PROTOCOL_VERSION:
            msg = f"the worker speaks protocol {hello.get('protocol')}, not {PROTOCOL_VERSION}"
            raise WorkerProtocolError(self._named(msg))
        return hello

    def evaluate(
        self,
        structures: Sequence[Atoms],
        properties: tuple[str, ...],
        timeout: float,
        *,
        watch: bool = False,
    ) -> list[Evaluation | CaseError]:
        """Evaluate structures, in one forward pass where the model can.

        Args:
            structures: Not changed; their initial moments go along.
            properties: ``energy`` and ``forces``, and ``stress`` where wanted.
            timeout: Seconds for all of them, from when the worker has answered earlier requests.
            watch: Whether the worker reports what the model changes in its structures; then
                they are evaluated one at a time.

        Returns:
            For each structure its evaluation, or the error that the model made of it alone.

        Raises:
            WorkerCrashedError: The process ended, or was not started.
            WorkerTimeoutError: No answer in time; the process is killed.
            WorkerProtocolError: The answer makes no sense.
            NotServedError: Any of these happened to an earlier request.
        """
        request = {
            "type": "evaluate",
            "properties": list(properties),
            "structures": [structure_fields(atoms) for atoms in structures],
            "watch": watch,
        }
        context = f"on {len(structures)} structure(s), limit {timeout:.0f} s"
        reply = self._exchange(request, timeout, "evaluated", context)
        try:
            answers = [self._answer(fields) for fields in reply["replies"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            answers, problem = [], f" ({error!r})"
        else:
            problem = f" ({len(answers)} answers to {len(structures)} structures)"
        if len(answers) != len(structures):
            self.close()
            msg = f"the worker's answer makes no sense{problem}"
            raise WorkerProtocolError(self._named(msg))
        return answers

    def close(self) -> None:
        """End the process; nothing happens where none runs."""
        channel, self._channel, self._info = self._channel, None, None
        if channel is not None:
            channel.close(grace=_CLOSE_GRACE)
        folder, self._folder = self._folder, None
        if folder is not None:
            with suppress(OSError):
                folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _named(self, message: str) -> str:
        return one_line(f"model '{self._model.card.name}': {message}")

    def _command(self) -> list[str]:
        isolation = [] if self._environment.own_interpreter else ["-s"]
        python = str(self._environment.python)
        return [python, "-u", *isolation, str(SERVE), str(os.getpid())]

    def _variables(self) -> dict[str, str]:
        variables = _KEEP_MEMORY | dict(os.environ)
        if not self._environment.own_interpreter:
            for name in ("PYTHONPATH", "PYTHONHOME"):
                variables.pop(name, None)
        variables |= {name: str(self._load_request["threads"]) for name in _THREAD_VARIABLES}
        if self._load_request["device"] == "cpu":
            variables["CUDA_VISIBLE_DEVICES"] = ""
        weights = self._model.weights
        if weights is not None and weights.url:  # what was fetched and digested is what is read
            variables["HF_HUB_OFFLINE"] = "1"
        return variables | dict(self._model.variables)

    def _exchange(
        self, request: Mapping[str, Any] | None, timeout: float, expected: str, context: str
    ) -> dict[str, Any]:
        """One reply of the expected type; errors name the model and what it was doing."""
        channel = self._channel
        if channel is None:
            raise NotServedError(self._named("the worker is not running; start it first"))
        try:
            reply = channel.exchange(request, timeout)
        except (WorkerCrashedError, WorkerTimeoutError, WorkerProtocolError) as error:
            self.close()
            raise type(error)(self._named(f"{error}, {context}")) from error
        if reply.get("type") == "error":
            raise self._error(reply["error"], f", {context}")
        if reply.get("type") != expected:
            self.close()
            msg = f"the worker answered {reply.get('type')!r}, expected {expected!r}"
            raise WorkerProtocolError(self._named(msg))
        return reply

    def _error(self, error: Mapping[str, Any], context: str = "") -> CaseError:
        """The error of a reply; says the limit of memory where it was met."""
        if error["kind"] == OutOfMemoryError.kind and self._memory is not None:
            context += f" (limit {self._memory / 1e9:.3g} GB, --memory)"
        return _ERRORS[error["kind"]](self._named(f"{error['message']}{context}"))

    def _answer(self, fields: Mapping[str, Any]) -> Evaluation | CaseError:
        if "error" in fields:
            return self._error(fields["error"])
        stress, seconds = fields.get("stress"), float(fields["seconds"])
        if not 0 <= seconds < math.inf:
            msg = f"{seconds} seconds"
            raise ValueError(msg)
        changed = tuple(map(str, fields.get("changed", ())))
        return Evaluation(
            float(fields["energy"]),
            fields["forces"],
            stress,
            seconds,
            changed,
            fields.get("graph_seconds"),
        )
