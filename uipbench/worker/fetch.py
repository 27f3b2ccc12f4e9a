"""Runs by path inside a model's environment: has the package's loader download the weights.

``python fetch.py MODEL_FILE [VARIANT]`` loads the model once, on a CPU and without a checkpoint.
"""

from __future__ import annotations

import importlib.util
import sys


def main() -> None:
    """Entry point of the process."""
    path, *variant = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("uipbench_model", path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    module.load(None, "cpu", "default", *variant)


if __name__ == "__main__":
    sys.path[:] = sys.path[1:]  # a model's package must not find this folder
    main()
