"""The weights that a run uses: their digest, what is missing, and fetching it once.

Weights come inside a package, or the package's own loader downloads them into its own cache, or
the user gives a file or folder. Whichever it is, the digest is of what the worker will read.
"""

from __future__ import annotations

import errno
import hashlib
import re
import stat
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from uipbench.environment_build import TAIL_LINES
from uipbench.environments import ensure_environment, existing_environment, search_folder
from uipbench.errors import EnvironmentSetupError, RegistryError
from uipbench.installed import package_folder
from uipbench.worker_output import run_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from uipbench.environments import Environment
    from uipbench.model_weights import WeightsSpec
    from uipbench.modelfile import ModelFile

FETCH: Final = Path(__file__).parent / "worker" / "fetch.py"
_NAME_LENGTH: Final = 80
_REMAKE: Final = (
    "remove and create the environment again (uipbench env remove, uipbench env create)"
)


def content_sha256(path: Path, names: tuple[str, ...] = ()) -> str:
    """Digest of a file, or of a folder: what ``sha256sum * | sha256sum`` prints in it.

    Args:
        path: File or folder.
        names: Of a folder only these files; empty means all.

    Raises:
        OSError: It cannot be read, or the folder has no files.
    """
    if not path.is_dir():
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would wait for ever
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = names or tuple(f.name for f in path.iterdir() if f.is_file())
    if not files:
        raise FileNotFoundError(2, "a folder without files", str(path))
    lines = (f"{content_sha256(path / name)}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def weights_sha256(
    model: ModelFile, environment: Environment, checkpoint: Path | None
) -> str | None:
    """Digest of the weights: of the user's, else of the model's; None for a model without.

    Raises:
        EnvironmentSetupError: The model's weights are missing or are not the card's.
        RegistryError: The user's cannot be read.
    """
    weights = model.weights
    if checkpoint is not None:
        return checkpoint_sha256(model, checkpoint)
    if weights is None:
        return None
    if weights.url:
        path, remedy = weights.cached(), "remove it, so that it is downloaded again"
        if path is None:
            msg = f"model '{model.card.name}': {_how_to_get(model)}"
            raise EnvironmentSetupError(msg)
    else:
        folder = package_folder(weights.package, search_folder(environment))
        path = (folder or environment.site_packages / weights.package) / weights.file
        remedy = _REMAKE
    return _checked_sha256(model, weights, path, remedy)


def checkpoint_sha256(model: ModelFile, checkpoint: Path) -> str:
    """Digest of a user's weights, which may be the model's own.

    Raises:
        RegistryError: They cannot be read.
    """
    try:
        return content_sha256(checkpoint, _file_names(model))
    except OSError as error:
        where = error.filename or checkpoint
        msg = f"{where}: cannot be read: {error.strerror}; give a file or folder to --checkpoint"
        raise RegistryError(msg) from error


def _checked_sha256(model: ModelFile, weights: WeightsSpec, path: Path, remedy: str) -> str:
    what = f"weights of model '{model.card.name}'"
    stated = weights.files or ({"": weights.sha256} if weights.sha256 else {})
    try:
        for name, expected in stated.items():
            found = content_sha256(path / name)
            if found != expected:
                msg = (
                    f"{path / name}: {what} have sha256 {found[:12]}…, expected {expected[:12]}…; "
                    f"{remedy}"
                )
                raise EnvironmentSetupError(msg)
        return content_sha256(path, tuple(weights.files))
    except OSError as error:
        msg = f"{path}: {what}: {error.strerror}; {remedy}"
        raise EnvironmentSetupError(msg) from error


class UntrustedWeightsWarning(UserWarning):
    """Weights that can run code when they are loaded."""


def warn_of_pickle(model: ModelFile, digest: str | None) -> None:
    """Warn of weights that the package's loader unpickles.

    Args:
        model: The model file.
        digest: sha256 of the weights.
    """
    if not model.unpickles or digest is None:
        return
    known = digest == stated_sha256(model.weights)
    whose = "that of the card" if known else "in no card: use it only if you trust its source"
    text = (
        f"the weights of '{model.card.name}' are unpickled by its package, which can run code in "
        f"them; their sha256 {digest} is {whose}"
    )
    warnings.warn(text, UntrustedWeightsWarning, stacklevel=1)


def own_weights(model: ModelFile, checkpoint: Path, name: str | None) -> ModelFile:
    """The model as it is called with a user's weights: ``model@file``, unless they are its own.

    Args:
        model: The model file.
        checkpoint: The weights.
        name: What to call it instead.

    Raises:
        RegistryError: The weights cannot be read, or the name cannot be one.
    """
    if checkpoint_sha256(model, checkpoint) == stated_sha256(model.weights):
        return model if name is None else renamed(model, name)
    if model.own:  # what a user's own file is called is the user's business
        return model if name is None else renamed(model, name)
    path = checkpoint.resolve()
    label = re.sub(r"[^a-zA-Z0-9_.-]+", "-", path.name if path.is_dir() else path.stem)
    chosen = name or f"{model.card.name}@{label}"[:_NAME_LENGTH]
    return _with_unknown_training(renamed(model, chosen), checkpoint)


def stated_sha256(weights: WeightsSpec | None) -> str | None:
    """Digest that :func:`content_sha256` gives for the weights of the card, where it is stated."""
    if weights is None:
        return None
    if weights.files:
        lines = (f"{digest}  {name}\n" for name, digest in sorted(weights.files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    return weights.sha256 or None


def owner_of(checkpoint: Path, models: Iterable[ModelFile]) -> ModelFile | None:
    """The model whose card states the digest of a user's file or folder, or None."""
    found: dict[tuple[str, ...], str] = {}
    for model in models:
        stated, names = stated_sha256(model.weights), _file_names(model)
        if stated is not None and names not in found:
            with suppress(OSError):  # a folder without these files
                found[names] = content_sha256(checkpoint, names)
        if stated is not None and found.get(names) == stated:
            return model
    return None


def _file_names(model: ModelFile) -> tuple[str, ...]:
    return tuple(model.weights.files) if model.weights else ()


def renamed(model: ModelFile, name: str) -> ModelFile:
    """The model under another name, as the user's own.

    Raises:
        RegistryError: Not a possible name.
    """
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.@-]{0,79}", name):
        msg = f"--name {name!r}: expected letters, digits and _.@- (80 at most)"
        raise RegistryError(msg)
    card = model.card.model_copy(update={"name": name})
    return replace(model, card=card, own=True, asked_as=model.address)


def _with_unknown_training(model: ModelFile, checkpoint: Path) -> ModelFile:
    """What the card says of the weights does not hold for others of the same family."""
    card = model.card.model_copy(
        update={
            "title": model.card.name,
            "checkpoint": checkpoint.name,
            "licence": "unknown",
            "training_data": "unknown: the user's own weights",
            "xc": "unknown",
            "parameters": None,
            "elements": [],
            "energy_convention": "unknown",
        }
    )
    return replace(model, card=card, golden=())


def check_offline(model: ModelFile, checkpoint: Path | None) -> None:
    """Refuse, before anything is made, what cannot run without a network.

    Raises:
        EnvironmentSetupError: One line that says all that is missing and where to put it.
    """
    if checkpoint is not None or not weights_missing(model):
        ensure_environment(model, offline=True)
        return
    msg = f"model '{model.card.name}' cannot run offline: {_how_to_get(model)}"
    if existing_environment(model) is None:
        msg += (
            "; its environment is missing too: where there is a network, uipbench env create "
            f"{model.address} makes it and downloads the weights"
        )
    raise EnvironmentSetupError(msg)


def weights_missing(model: ModelFile) -> bool:
    """Whether the model's weights are to be downloaded still."""
    weights = model.weights
    return weights is not None and bool(weights.url) and weights.cached() is None


def _how_to_get(model: ModelFile) -> str:
    """What is missing, from where, and where it belongs; nobody makes a hub's folders by hand."""
    weights = model.weights
    assert weights is not None  # noqa: S101
    access = f" ({weights.access})" if weights.access else ""
    folder = weights.cache_folder()
    if folder == weights.cache_pattern():
        return (
            f"its weights are not there: download {weights.url}{access} to {folder}, "
            "or give the file with --checkpoint"
        )
    return (
        f"its weights are not there: download {weights.url}{access} and give the file with "
        f"--checkpoint, or copy the folder {folder} from a machine that has it, "
        f"where uipbench env create {model.address} fills it"
    )


def fetch_weights(
    model: ModelFile, environment: Environment, report: Callable[[str], None]
) -> None:
    """Have the package's own loader download the weights, with its progress; once.

    Raises:
        EnvironmentSetupError: They did not come, or are not where the card says.
    """
    if not weights_missing(model):
        return
    report(
        f"Downloading the weights of {model.card.name}"
        + ", which its package unpickles: they can run code" * bool(model.unpickles)
    )
    arguments = [str(FETCH), str(model.path.resolve()), *([model.variant] if model.variant else [])]
    code, tail = run_script(environment, arguments, _variables(model), report)
    if weights_missing(model):
        lines = "\n".join(f"  {line}" for line in tail[-TAIL_LINES:])
        reason = "the package's loader failed" if code else "the loader put them elsewhere"
        msg = f"model '{model.card.name}': {reason}; {_how_to_get(model)}\n{lines}"
        raise EnvironmentSetupError(msg.rstrip())


def _variables(model: ModelFile) -> Mapping[str, str]:
    return {"CUDA_VISIBLE_DEVICES": "", **model.variables}
