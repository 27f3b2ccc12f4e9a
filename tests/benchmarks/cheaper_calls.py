"""What one call of a model costs: evaluator, the package's calculator, a plain forward pass.

``python tests/benchmarks/cheaper_calls.py MODEL [CHECKPOINT]`` prints a table of slabs of LiF. CPU,
one thread. Times are those of the processor, the least of several rounds of the kinds in turn, so
that others on the machine count little; memory is the peak of the process in one call.

The forward pass is the evaluator's without gradients: graph and energy, nothing to go back through.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROUNDS = 5
SIZES = {24: (1, 1, 1), 48: (2, 1, 1)}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main() -> None:
    """Find the model, and measure it in its own environment."""
    from uipbench.environments import ensure_environment

    name, *checkpoint = sys.argv[1:]
    path = str(Path(checkpoint[0]).resolve()) if checkpoint else None
    model, arguments = find(name, path)
    environment = ensure_environment(model)
    variables = {**os.environ, **model.environment, **dict.fromkeys(THREADS, "1")}
    command = [str(environment.python), "-W", "ignore", __file__, "--measure", str(model.path)]
    command.append(json.dumps(arguments))
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    print(f"{'':24}" + "".join(f"{n:>5} atoms: ms   MB" for n in SIZES))  # noqa: T201
    for kind in measured[str(next(iter(SIZES)))]:
        cells = (measured[str(n)][kind] for n in SIZES)
        print(f"{kind:24}" + "".join(f"{ms:14.0f} {mb:4.0f}" for ms, mb in cells))  # noqa: T201


def measure(path: str, arguments: list[str | None]) -> dict[int, dict[str, tuple[float, float]]]:
    """Milliseconds and peak memory in MB by number of atoms and kind."""
    import torch
    from ase.build import bulk, surface
    from ase.calculators.calculator import all_changes

    torch.set_num_threads(1)
    module = import_file(path)
    own = module.load(*arguments)
    package = getattr(module, "load_package_calculator", None)
    calculators = {
        "forward pass": (own, ["energy"]),
        "evaluator": (own, ["energy", "forces"]),
        "evaluator with stress": (own, ["energy", "forces", "stress"]),
    }
    if package is None:
        del calculators["evaluator with stress"]
        calculators["package's calculator"] = calculators.pop("evaluator")
    else:
        calculators["package's calculator"] = (package(*arguments), ["energy", "forces"])

    def call(kind: str) -> float:
        calculator, properties = calculators[kind]
        calculator.reset()
        start = time.process_time()
        with _without_gradients(torch) if kind == "forward pass" else _as_it_is():
            calculator.calculate(slab.copy(), properties, all_changes)
        return 1000 * (time.process_time() - start)

    found = {}
    for n, repeat in SIZES.items():
        cubic = bulk("LiF", "rocksalt", a=4.07, cubic=True)
        slab = surface(cubic, (1, 0, 0), 3, vacuum=7.5, periodic=True).repeat(repeat)
        slab.rattle(0.02, seed=0)
        memory = {kind: _peak_memory(call, kind) for kind in calculators}  # from small to large
        rounds = [{kind: call(kind) for kind in calculators} for _ in range(ROUNDS)]
        least = {kind: min(times[kind] for times in rounds) for kind in calculators}
        found[n] = {kind: (least[kind], memory[kind]) for kind in calculators}
    return found


def find(name, checkpoint=None, device="cpu"):
    """A model of the registry, and the arguments of its loaders."""
    from uipbench.model_registry import find_model

    model = find_model(name)
    return model, [checkpoint, device, "default", *([model.variant] if model.variant else [])]


def import_file(path):
    """The module that a model file is."""
    spec = importlib.util.spec_from_file_location("model", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["model"] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def _as_it_is():
    yield


@contextmanager
def _without_gradients(torch):
    """Zeros for all derivatives."""
    real = torch.autograd.grad
    torch.autograd.grad = lambda _, leaves, **__: [torch.zeros_like(leaf) for leaf in leaves]
    try:
        with torch.no_grad():
            yield
    finally:
        torch.autograd.grad = real


def _peak_memory(call, kind) -> float:
    """Peak of the process in MB during one call, on Linux with glibc."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls left
    Path("/proc/self/clear_refs").write_text("5")
    call(kind)
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        print(json.dumps(measure(sys.argv[2], json.loads(sys.argv[3]))))  # noqa: T201
    else:
        main()
