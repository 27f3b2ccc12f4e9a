"""``uipbench env``: the virtual environments of the models."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from uipbench.environments import Environment, EnvironmentInfo
    from uipbench.modelfile import ModelFile


@click.group(name="env")
def env() -> None:
    """Environments in which models run: one for each set of packages.

    They are made by 'uipbench score' where needed; 'create' makes one beforehand, such as on a
    login node with a network.

    \b
    Example:
      uipbench env create sevennet-0
    """


@env.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def list_(*, as_json: bool) -> None:
    """List the environments that were made, with the models that use them.

    \b
    Example:
      uipbench env list --json
    """
    from uipbench.environments import list_environments

    users = _models_by_key()
    rows = [_row(info, users.get(info.key, [])) for info in list_environments()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        click.echo("No environments yet; make one with: uipbench env create MODEL")
    for row in rows:
        state = row["created"] or "unfinished"
        models = ", ".join(row["models"]) or "no registered model"
        click.echo(f"{row['key']}  {_size(row['size_bytes']):>8}  {state:<25}  {models}")


@env.command()
@click.argument("model")
@click.option(
    "--installer",
    type=click.Choice(["pip", "uv"]),
    default="pip",
    show_default=True,
    help="pip honours your own pip configuration.",
)
def create(model: str, installer: Any) -> None:  # noqa: ANN401
    """Make the environment of MODEL, a name or the path of a model file.

    \b
    Example:
      uipbench env create ./my_model.py
    """
    from uipbench.environments import ensure_environment, weights_sha256
    from uipbench.model_registry import find_model

    found = find_model(model)
    environment = ensure_environment(found, installer=installer, report=_progress)
    weights_sha256(found, environment, None)
    click.echo(f"{found.card.name}: {_where(environment)} is ready")


@env.command()
@click.argument("key_or_model", metavar="KEY|MODEL")
def remove(key_or_model: str) -> None:
    """Remove an environment by its KEY, or that of MODEL.

    Other models with the same packages lose it too; it is made again when it is needed.

    \b
    Example:
      uipbench env remove a230406841db3d02
    """
    from uipbench.environments import environment_key, list_environments, remove_environment
    from uipbench.errors import EnvironmentSetupError
    from uipbench.model_registry import find_model

    keys = {info.key for info in list_environments()}
    key = key_or_model
    if key not in keys:
        key = environment_key(find_model(key_or_model))
    if key not in keys:
        msg = f"'{key_or_model}' has no environment of its own; see: uipbench env list"
        raise EnvironmentSetupError(msg)
    remove_environment(key)
    click.echo(f"removed {key}")


@env.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def show(model: str, *, as_json: bool) -> None:
    """Show what MODEL needs, and whether and where that is installed.

    \b
    Example:
      uipbench env show chgnet
    """
    from uipbench.environments import existing_environment
    from uipbench.model_registry import find_model

    found = find_model(model)
    facts = _facts(found, existing_environment(found))
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        shown = ", ".join(_items(value)) if isinstance(value, list | dict) else str(value)
        click.echo(f"{name.replace('_', ' '):<16} {shown or 'none'}")


def _facts(model: ModelFile, environment: Environment | None) -> dict[str, Any]:
    from uipbench.environments import package_versions, weights_sha256

    facts: dict[str, Any] = {
        "model": model.card.name,
        "file": str(model.path),
        "requires_python": model.requires_python or "any",
        "dependencies": list(model.dependencies),
        "no_deps": list(model.no_deps),
        "environment": "not made yet" if environment is None else _where(environment),
    }
    if environment is None:
        return facts
    return facts | {
        "python": str(environment.python),
        "packages": package_versions(model, environment),
        "weights_sha256": weights_sha256(model, environment, None),
    }


def _items(value: list[str] | dict[str, str]) -> list[str]:
    return value if isinstance(value, list) else [f"{k} {v}" for k, v in value.items()]


def _where(environment: Environment) -> str:
    if environment.own_interpreter:
        return "the Python that runs uipbench"
    return str(environment.python.parent.parent)


def _models_by_key() -> dict[str, list[str]]:
    """Registered models by the key of their environment."""
    from uipbench.environments import environment_key
    from uipbench.errors import EnvironmentSetupError
    from uipbench.model_registry import find_model, list_models

    models: dict[str, list[str]] = {}
    for name in list_models():
        try:
            models.setdefault(environment_key(find_model(name)), []).append(name)
        except EnvironmentSetupError:  # needs a Python that is not here
            continue
    return models


def _row(info: EnvironmentInfo, models: list[str]) -> dict[str, Any]:
    return asdict(info) | {
        "path": str(info.path),
        "size_bytes": info.size_bytes(),
        "models": models,
    }


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.1f} MB"  # noqa: PLR2004


def _progress(line: str) -> None:
    click.echo(line, err=True)
