"""The worker: runs by path inside a model's own environment and answers over pipes.

``python serve.py PARENT_PID`` needs the standard library, ase and numpy. It says hello, loads
one model file, then answers ``evaluate`` requests until ``shutdown`` or the end of its input.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import signal
import sys
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter  # a model may put another one into the module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from ase import Atoms

    from uipbench.worker import faults, wire
else:
    _FOLDER = str(Path(__file__).resolve().parent)
    sys.path.insert(0, _FOLDER)
    import faults
    import wire

    # A model's package must find neither this folder nor modules called "wire" or "faults".
    sys.path[:] = [path for path in sys.path if str(Path(path).resolve()) != _FOLDER]
    del sys.modules["wire"], sys.modules["faults"]

Reply = dict[str, Any]
_PR_SET_PDEATHSIG = 1


class NonFiniteError(ValueError):
    """The model returned NaN, an infinity or an array of the wrong shape."""


class Channel:
    """The two ends of the wire, moved away from the standard streams.

    Model packages print banners and may read standard input: both must not touch the wire.
    """

    def __init__(self) -> None:
        self._read, self._write = os.fdopen(os.dup(0), "rb"), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(2, 1)
        os.close(null)

    def receive(self) -> wire.Message:
        """Next request."""
        return wire.read_message(self._read.read1)

    def send(self, message: Reply) -> None:
        """Send a whole reply."""
        view = memoryview(wire.encode(message))
        while view:
            view = view[os.write(self._write, view) :]


class Model:
    """A loaded model: its calculator and, where it has one, its batch evaluator."""

    def __init__(self, request: wire.Message) -> None:
        device = _resolve_device(request["device"])
        module = _import_file(Path(request["model_file"]))
        variant = [request["variant"]] if request.get("variant") else []
        options = (request["checkpoint"], device, request["dtype"], *variant)
        package = request.get("package_calculator", False)
        self.calculator = (module.load_package_calculator if package else module.load)(*options)
        load_batch = None if package else getattr(module, "load_batch", None)
        self._batch = load_batch(*options) if load_batch else None
        self._too_many: float = float("inf")  # atoms for which memory was too small
        _limit_torch_threads(request["threads"])
        self.device = str(getattr(self.calculator, "device", device))
        dtype = str(getattr(self.calculator, "dtype", request["dtype"]))
        self.dtype = dtype.removeprefix("torch.")

    def evaluate(
        self, structures: list[Atoms], properties: tuple[str, ...], *, watch: bool = False
    ) -> list[Reply]:
        """Replies in the order of the structures, each a result or an error of its own.

        With ``watch``, one at a time, and a reply says which parts of its structure the model
        changed.
        """
        if watch:
            before = [atoms.copy() for atoms in structures]
            replies = [_evaluate_one(self.calculator, atoms, properties) for atoms in structures]
            changes = map(_changes, before, structures)
            return [r | {"changed": c} for r, c in zip(replies, changes, strict=True)]
        if self._batch and len(structures) > 1:
            atoms = sum(map(len, structures))
            try:
                if atoms < self._too_many:
                    return self._evaluate_batch(structures, properties)
            except Exception as error:  # noqa: BLE001  # one by one shows which structure is bad
                traceback.print_exc()
                if faults.is_out_of_memory(error):
                    self._too_many = atoms
            if atoms >= self._too_many:
                half = len(structures) // 2
                parts = structures[:half], structures[half:]
                return [reply for part in parts for reply in self.evaluate(part, properties)]
        return [_evaluate_one(self.calculator, atoms, properties) for atoms in structures]

    def _evaluate_batch(self, structures: list[Atoms], properties: tuple[str, ...]) -> list[Reply]:
        batch = cast("Any", self._batch)
        before, start = _graph_seconds(batch), perf_counter()
        results = batch([atoms.copy() for atoms in structures], properties)
        seconds = perf_counter() - start
        graph = _since(before, batch)
        shares = [len(atoms) / sum(map(len, structures)) for atoms in structures]
        return [
            _reply(partial(dict, result), atoms, properties, seconds * share)
            | {name: value * share for name, value in graph.items()}
            for atoms, result, share in zip(structures, results, shares, strict=True)
        ]


def _evaluate_one(calculator: Any, atoms: Atoms, properties: tuple[str, ...]) -> Reply:  # noqa: ANN401
    before = _graph_seconds(calculator)
    reply = _reply(lambda: _calculate(calculator, atoms, properties), atoms, properties, None)
    return reply | _since(before, calculator)


def _graph_seconds(calculator: Any) -> float | None:  # noqa: ANN401
    """Seconds that a calculator has spent on graphs so far, where it counts them."""
    found = getattr(calculator, "graph_seconds", None)
    return float(found) if isinstance(found, int | float) else None


def _since(before: float | None, calculator: Any) -> dict[str, float]:  # noqa: ANN401
    after = _graph_seconds(calculator)
    return {} if before is None or after is None else {"graph_seconds": after - before}


def _changes(before: Atoms, after: Atoms) -> list[str]:
    """Names of the arrays, ``cell`` and ``pbc`` that differ."""
    import numpy as np

    old = {**before.arrays, "cell": before.cell.array, "pbc": before.pbc}
    new = {**after.arrays, "cell": after.cell.array, "pbc": after.pbc}
    return sorted(
        name
        for name in {*old, *new}
        if name not in old or name not in new or not np.array_equal(old[name], new[name])
    )


def _calculate(calculator: Any, atoms: Atoms, properties: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401
    """Ask for all properties in one call, so that a calculator computes these and no others."""
    from ase.calculators.calculator import all_changes

    results: dict[str, Any] = {}
    if hasattr(calculator, "calculate"):
        atoms.calc = calculator  # some calculators check the elements here
        getattr(calculator, "reset", dict)()
        calculator.calculate(atoms, list(properties), list(all_changes))
        results = dict(calculator.results)
    for name in properties:
        if name not in results:
            results[name] = calculator.get_property(name, atoms)
    return results


def _reply(
    compute: Callable[[], dict[str, Any]],
    atoms: Atoms,
    properties: tuple[str, ...],
    seconds: float | None,
) -> Reply:
    """Checked results, or the error that came instead."""
    start = perf_counter()
    try:
        results = compute()
        seconds = perf_counter() - start if seconds is None else seconds
        reply = {name: _checked(name, results.get(name), len(atoms)) for name in properties}
    except NonFiniteError as error:
        reply = {"error": {"kind": "non_finite", "message": str(error)}}
    except (Exception, SystemExit) as error:  # noqa: BLE001
        reply = {"error": faults.describe(error)}
    elapsed = perf_counter() - start if seconds is None else seconds
    return reply | {"seconds": elapsed}


def _checked(name: str, value: Any, n_atoms: int) -> Any:  # noqa: ANN401
    """The value as float64 of the right shape; stress in Voigt order."""
    import numpy as np

    if value is None:
        msg = f"{name} is missing from the model's results"
        raise NonFiniteError(msg)
    if np.iscomplexobj(value):
        msg = f"{name} is complex"
        raise NonFiniteError(msg)
    array = np.asarray(value, dtype=np.float64)
    if name == "energy" and array.size == 1:
        array = array.reshape(())
    if name == "stress" and array.shape == (3, 3):
        array = array[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    shape = {"energy": (), "forces": (n_atoms, 3), "stress": (6,)}[name]
    if array.shape != shape:
        msg = f"{name} has shape {array.shape}, expected {shape}"
        raise NonFiniteError(msg)
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        msg = f"{name} holds {bad} value(s) that are NaN or infinite"
        raise NonFiniteError(msg)
    return array if shape else float(array)


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("uipbench_model", path)
    if spec is None or spec.loader is None:
        msg = f"{path} is not a Python file"
        raise ImportError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _resolve_device(device: str) -> str:
    """``auto`` becomes ``cuda`` where torch has one, else ``cpu``."""
    if device != "auto":
        return str(device)
    if importlib.util.find_spec("torch") is None:
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _limit_torch_threads(threads: int) -> None:
    """Torch reads no environment variable for this once another library set up OpenMP."""
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)


def _structure(fields: wire.Message) -> Atoms:
    from ase import Atoms

    return Atoms(
        numbers=fields["numbers"],
        positions=fields["positions"],
        cell=fields["cell"],
        pbc=fields["pbc"],
        magmoms=fields.get("magmoms"),
    )


def _die_with_parent(parent: int) -> None:
    """Have the kernel end this process when the harness ends, however busy the model is."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)


def _load(request: wire.Message) -> tuple[Model | None, Reply]:
    try:
        model = Model(request)
        faults.limit_memory(request.get("memory"))
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return None, {"type": "error", "error": faults.describe(error)}
    return model, {"type": "loaded", "device": model.device, "dtype": model.dtype}


def serve(channel: Channel) -> None:
    """Answer requests until ``shutdown`` or the end of the input."""
    model: Model | None = None
    hello = {"protocol": wire.PROTOCOL_VERSION, "python": platform.python_version()}
    channel.send({"type": "hello"} | hello)
    while True:
        request = channel.receive()
        if request["type"] == "load":
            model, reply = _load(request)
            channel.send(reply)
        elif request["type"] == "evaluate" and model is not None:
            structures = [_structure(fields) for fields in request["structures"]]
            properties, watch = tuple(request["properties"]), request.get("watch", False)
            replies = model.evaluate(structures, properties, watch=watch)
            channel.send({"type": "evaluated", "replies": replies})
        else:
            return


def main() -> None:
    """Entry point of the process."""
    _die_with_parent(int(sys.argv[1]))
    with suppress(wire.EndOfStreamError, BrokenPipeError):
        serve(Channel())
    sys.stderr.flush()
    os._exit(0)  # the shutdown of GPU packages can hang, and nothing here needs it


if __name__ == "__main__":
    main()
