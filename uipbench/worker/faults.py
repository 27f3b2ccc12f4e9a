"""Runs inside a model's environment: limits of memory, and errors of models in words."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path


def limit_memory(memory: int | None) -> None:
    """Have allocations fail beyond so many bytes more than the process has now, where it can.

    What is counted is address space: set once the model is loaded, since packages and drivers
    reserve much more of it than they use.
    """
    if memory is None or sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    wanted = pages * resource.getpagesize() + memory
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))


def describe(error: BaseException) -> dict[str, str]:
    """Kind and first line of an error that a model raised; the whole goes to stderr."""
    traceback.print_exception(error)
    lines = str(error).strip().splitlines()
    first = lines[0][:500] if lines else "(no message)"
    kind = "out_of_memory" if is_out_of_memory(error) else "model_raised"
    return {"kind": kind, "message": f"{type(error).__name__}: {first}"}


def is_out_of_memory(error: BaseException) -> bool:
    """Python's and numpy's own, torch's of a GPU by its name, and of a CPU by its text."""
    name = type(error).__name__
    in_torch = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return isinstance(error, MemoryError) or name == "OutOfMemoryError" or in_torch
