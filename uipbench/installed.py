"""Which packages an interpreter has, read from their metadata without starting it."""

from __future__ import annotations

import importlib.util
import platform
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

WORKER_PACKAGES = ("ase", "numpy")
"""What the worker itself needs beside the model's packages."""


def installed_version(package: str, site_packages: Path | None) -> str | None:
    """Version of a package, or None where it is not installed.

    Args:
        package: Name of the distribution, in any spelling.
        site_packages: Folder to look in; None for the running interpreter.
    """
    path = sys.path if site_packages is None else [str(site_packages)]
    found = next(iter(distributions(name=canonicalize_name(package), path=path)), None)
    return None if found is None else found.version


def installed_versions(packages: Iterable[str], site_packages: Path | None) -> dict[str, str]:
    """Versions of those of the packages that are installed, by canonical name, sorted."""
    names = sorted({str(canonicalize_name(package)) for package in packages})
    versions = {name: installed_version(name, site_packages) for name in names}
    return {name: version for name, version in versions.items() if version is not None}


def all_versions(site_packages: Path) -> dict[str, str]:
    """Versions of every package in a folder, by canonical name, sorted."""
    found = distributions(path=[str(site_packages)])
    return dict(sorted((str(canonicalize_name(d.metadata["Name"])), d.version) for d in found))


def applicable(requirements: Iterable[str]) -> list[Requirement]:
    """The requirements whose marker holds for this platform."""
    parsed = map(Requirement, requirements)
    return [r for r in parsed if r.marker is None or r.marker.evaluate()]


def running_interpreter_satisfies(requires_python: str, requirements: Iterable[str]) -> bool:
    """Whether the running interpreter has all requirements, and what the worker needs."""
    if not SpecifierSet(requires_python).contains(platform.python_version(), prereleases=True):
        return False
    needed = [*applicable(requirements), *map(Requirement, WORKER_PACKAGES)]
    return all(map(_satisfied, needed))


def _satisfied(requirement: Requirement) -> bool:
    if requirement.url is not None:  # whether it came from there is not worth guessing
        return False
    found = next(iter(distributions(name=canonicalize_name(requirement.name))), None)
    if found is None or not requirement.specifier.contains(found.version, prereleases=True):
        return False
    needed = map(Requirement, found.requires or [] if requirement.extras else [])
    return all(
        _satisfied(r)
        for r in needed
        for extra in requirement.extras
        if r.marker is not None
        and not r.marker.evaluate({"extra": ""})
        and r.marker.evaluate({"extra": extra})
    )


def package_folder(package: str, site_packages: Path | None) -> Path | None:
    """Folder of an import package, which is not imported; None where there is none.

    Args:
        package: Name of a top-level package.
        site_packages: Folder to look in; None for the running interpreter.
    """
    if site_packages is not None:
        folder = site_packages / package
        return folder if folder.is_dir() else None
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return next((Path(f) for f in folders or []), None)
