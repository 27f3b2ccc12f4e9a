"""Finding models: files of ``uipbench/models``, the entry points ``uipbench.models``, own files."""

from __future__ import annotations

import importlib.util
import os
from importlib.metadata import entry_points
from pathlib import Path

from uipbench.errors import RegistryError
from uipbench.model_header import card_table, read_header, read_source, variant_tables
from uipbench.modelfile import ModelFile, read_model_file
from uipbench.suggestions import suggestion

ENTRY_POINT_GROUP = "uipbench.models"


def list_models() -> dict[str, Path]:
    """File of every registered model by the model's name, sorted; reads headers alone.

    Raises:
        RegistryError: A file without a name, two models of one name, a lost entry point.
    """
    found: dict[str, Path] = {}
    for path in [*_folder_files(), *_entry_point_files()]:
        for name in _names(path):
            if name in found:
                msg = (
                    f"{path}: a model named '{name}' is in {found[name]} already; rename one of "
                    "them"
                )
                raise RegistryError(msg)
            found[name] = path
    return dict(sorted(found.items()))


def find_model(name_or_path: str | Path) -> ModelFile:
    """A registered model by name, or a user's own by path.

    Args:
        name_or_path: A path ends in ``.py`` or has a folder in it; of a file with variants one
            is given as ``FILE::NAME``.

    Raises:
        RegistryError: Unknown, with the nearest names, or the file is not a model file.
    """
    text = os.fspath(name_or_path)
    models = list_models()
    if is_path(text) or isinstance(name_or_path, Path):
        file, _, variant = text.partition("::")
        path = Path(file).expanduser()
        registered = {p.resolve() for p in models.values()}
        return read_model_file(path, own=path.resolve() not in registered, name=variant)
    if text not in models:
        msg = f"no model named '{text[:80]}'; {suggestion(text, models)} (uipbench list models)"
        raise RegistryError(msg)
    return read_model_file(models[text], own=False, name=text)


def is_path(text: str) -> bool:
    """Whether a text is the path of a model file rather than a name."""
    return text.partition("::")[0].endswith(".py") or os.sep in text


def _folder_files() -> list[Path]:
    folder = Path(__file__).parent / "models"
    return sorted(p for p in folder.glob("*.py") if p.name != "__init__.py")


def _entry_point_files() -> list[Path]:
    return [
        _module_file(point.value, f"entry point '{point.name}' ({point.value})")
        for point in entry_points(group=ENTRY_POINT_GROUP)
    ]


def _module_file(module: str, origin: str) -> Path:
    """File of a module; importing its packages, which may be heavy, is avoided."""
    top, *rest = module.partition(":")[0].strip().split(".")
    spec = importlib.util.find_spec(top)
    folders = spec.submodule_search_locations if spec else None
    if spec is not None and spec.origin and not rest:
        return Path(spec.origin)
    for folder in folders or []:
        path = Path(folder).joinpath(*rest).with_suffix(".py")
        if path.is_file():
            return path
    msg = f"{origin}: no such module file; expected a model file as PACKAGE.MODULE"
    raise RegistryError(msg)


def _names(path: Path) -> list[str]:
    """The names of the file's models; several where it has variants."""
    card = card_table(path, read_header(path, read_source(path)))
    if "variants" in card:
        return list(variant_tables(path, card))
    name = card.get("name")
    if not isinstance(name, str) or not name:
        msg = f"{path}: [tool.uipbench]: no 'name'; a registered model states one"
        raise RegistryError(msg)
    return [name]
