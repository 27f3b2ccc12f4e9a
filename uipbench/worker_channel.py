"""The harness's end of a worker: a process, its pipes with time limits, the tail of its stderr."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from uipbench.errors import (
    NotServedError,
    WorkerCrashedError,
    WorkerProtocolError,
    WorkerTimeoutError,
)
from uipbench.worker.wire import EndOfStreamError, WireError, encode, read_message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ase import Atoms

TAIL_BYTES = 16 * 1024
_GRACE = 5.0
_NOT_RUNNING = "the worker is not running any more"
_READ_BYTES = 2**16  # what a pipe holds; more is memory that the kernel has to map in every read


class WorkerChannel:
    """A started process and messages to and from it.

    Two threads may exchange messages at a time: the request of the second waits in the pipe while
    the worker computes the first, so that the worker need not wait for it.

    The thread that starts the process also drains its stderr until it ends. It has to be this
    thread: on Linux the worker asks to be killed when its parent ends, and for the kernel the
    parent is the *thread* that started it.

    Args:
        command: Program and arguments.
        environment: Environment variables.
        folder: Working directory.

    Attributes:
        process: The process.

    Raises:
        WorkerCrashedError: The program cannot be started.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], folder: Path
    ) -> None:
        self._tail = bytearray()
        self._unread = memoryview(b"")
        self._sending, self._reading = threading.Lock(), threading.Lock()
        self._deadline = 0.0
        self._broken = False
        started: Future[subprocess.Popen[bytes]] = Future()
        self._thread = threading.Thread(
            target=self._run,
            args=(started, command, environment, folder),
            name="worker-stderr",
            daemon=True,
        )
        self._thread.start()
        try:
            self.process = started.result()
            os.set_blocking(self.process.stdin.fileno(), False)  # type: ignore[union-attr]
        except (OSError, ValueError) as error:
            msg = f"the worker cannot be started: {error}"
            raise WorkerCrashedError(msg) from error

    def _run(
        self,
        started: Future[subprocess.Popen[bytes]],
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
    ) -> None:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                cwd=folder,
                start_new_session=True,  # Ctrl-C in the terminal is the harness's business
            )
        except (OSError, ValueError) as error:  # the latter of a variable's odd name or value
            started.set_exception(error)
            return
        started.set_result(process)
        self._drain(process)

    def _drain(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None  # noqa: S101
        while chunk := process.stderr.read(2**16):
            self._tail += chunk
            del self._tail[:-TAIL_BYTES]
        process.stderr.close()
        process.wait()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def stderr_tail(self, lines: int) -> list[str]:
        """Last lines that are not empty, at most 300 characters of each."""
        text = bytes(self._tail).decode(errors="replace")
        found = [line.strip()[:300] for line in text.splitlines() if line.strip()]
        return found[-lines:]

    def exchange(self, request: Mapping[str, Any] | None, timeout: float) -> dict[str, Any]:
        """Send a request (None: only listen) and read one reply.

        Args:
            request: The message.
            timeout: Seconds, from when the worker has answered earlier requests.

        Raises:
            WorkerCrashedError: The process ended.
            WorkerTimeoutError: No reply in time; the process is killed.
            WorkerProtocolError: The reply is not of the protocol; the process is killed.
            NotServedError: Any of these happened to an earlier request, or the channel was closed.
        """
        frame = b"" if request is None else encode(request)
        with self._turn(frame, timeout) as deadline:
            return self._reply(deadline)

    @contextmanager
    def _turn(self, frame: bytes, timeout: float) -> Iterator[float]:
        """Send, and wait until it is this request's turn to be answered; when to give up then.

        Who comes next can send only then: answers come in the order of the requests.
        """
        with self._sending:
            deadline = max(time.monotonic(), self._deadline) + timeout
            in_time = self._broken or self._sent(frame, deadline)
            self._reading.acquire()
        try:
            self._deadline = time.monotonic() + timeout if in_time else deadline
            yield self._deadline
        finally:
            self._reading.release()

    def _sent(self, frame: bytes, deadline: float) -> bool:
        """Send; whether it was in time. Where the process has ended, the reading tells."""
        try:
            self._send(frame, deadline)
        except BrokenPipeError:
            pass
        except TimeoutError:
            return False
        return True

    def _reply(self, deadline: float) -> dict[str, Any]:
        if self._broken:
            raise NotServedError(_NOT_RUNNING)
        try:
            return read_message(lambda size: self._read(size, deadline))
        except EndOfStreamError as error:
            if self._broken:
                raise NotServedError(_NOT_RUNNING) from error
            lives = not self._ends_within(_GRACE)
            self._kill_process()
            raise WorkerCrashedError(self._obituary(lives=lives)) from error
        except WireError as error:
            self._kill_process()
            msg = f"the worker broke the protocol: {error}"
            raise WorkerProtocolError(msg) from error
        except TimeoutError as error:
            self._kill_process()
            raise WorkerTimeoutError(str(error)) from error

    def _send(self, frame: bytes, deadline: float) -> None:
        assert self.process.stdin is not None  # noqa: S101
        file = self.process.stdin.fileno()
        view = memoryview(frame)
        while view:
            try:
                view = view[os.write(file, view) :]
            except BlockingIOError:
                _wait_for(file, select.POLLOUT, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        """Some bytes; what the pipe holds beyond them is kept for the next call."""
        if not self._unread:
            assert self.process.stdout is not None  # noqa: S101
            file = self.process.stdout.fileno()
            _wait_for(file, select.POLLIN, deadline)
            self._unread = memoryview(os.read(file, _READ_BYTES))
        taken, self._unread = self._unread[:size], self._unread[size:]
        return bytes(taken)

    def _obituary(self, *, lives: bool) -> str:
        """One line on how the process ended, or why it was killed."""
        if lives:
            return "the worker closed its pipe, lived on, and was killed"
        code = self.process.returncode
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"signal {signal.Signals(-code).name}"
            if code == -signal.SIGKILL:
                how += " (often: the machine ran out of memory; use fewer --workers)"
        last = self.stderr_tail(1)
        heard = f"; last line on stderr: {last[0]}" if last else "; nothing on stderr"
        return f"the worker ended with {how}{heard}"

    def close(self, *, grace: float) -> None:
        """Close the pipe to the worker, which ends it; kill it after ``grace`` seconds."""
        self._broken = True
        with self._sending, suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]
        self._ends_within(grace)
        self._kill_process()
        with self._sending, self._reading, suppress(OSError):  # no other thread uses it any more
            self.process.stdout.close()  # type: ignore[union-attr]

    def _ends_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _kill_process(self) -> None:
        """Kill the process and what it started; its pipes stay open until :meth:`close`."""
        self._broken = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._thread.join(_GRACE)


def structure_fields(atoms: Atoms) -> dict[str, Any]:
    """A structure as a message has it."""
    fields = {
        "numbers": atoms.numbers,
        "positions": atoms.positions,
        "cell": np.asarray(atoms.cell.array),
        "pbc": [bool(periodic) for periodic in atoms.pbc],
    }
    if atoms.has("initial_magmoms"):
        fields["magmoms"] = atoms.get_initial_magnetic_moments()
    return fields


def _wait_for(file: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(file, event)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        msg = "the worker did not answer within the time limit"
        raise TimeoutError(msg)
