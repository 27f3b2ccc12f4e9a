"""``uipbench env``: the virtual environments of the models."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from uipbench.environments import Environment, EnvironmentInfo
    from uipbench.modelfile import ModelFile

_LINE: Final = "{:<16}  {:<6}  {:>8}  {:>8}  {:<10}  {}"


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
        return
    click.echo(_LINE.format("key", "python", "size", "packages", "made", "models"))
    for row in rows:
        made = row["created"][:10] or "unfinished"
        facts = (row["key"], row["python"], _size(row["size_bytes"]), len(row["versions"]), made)
        click.echo(_LINE.format(*facts, ", ".join(row["models"]) or "no registered model"))


@env.command()
@click.argument("model")
@click.option(
    "--installer",
    type=click.Choice(["pip", "uv"]),
    default="pip",
    show_default=True,
    help="pip honours your own pip configuration.",
)
@click.option("--no-weights", is_flag=True, help="Do not download the model's weights.")
def create(model: str, installer: Any, *, no_weights: bool) -> None:  # noqa: ANN401
    """Make the environment of MODEL, a name or the path of a model file, and get its weights.

    \b
    Example:
      uipbench env create ./my_model.py
    """
    from uipbench.environments import ensure_environment
    from uipbench.model_registry import find_model
    from uipbench.weights import fetch_weights, weights_sha256

    found = find_model(model)
    environment = ensure_environment(found, installer=installer, report=_progress)
    if not no_weights:
        fetch_weights(found, environment, _progress)
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
    if "size_bytes" in facts:
        facts["size"] = f"{_size(facts.pop('size_bytes'))}, {facts.pop('n_packages')} packages"
    for name, value in facts.items():
        shown = ", ".join(_items(value)) if isinstance(value, list | dict) else str(value)
        click.echo(f"{name.replace('_', ' '):<16} {shown or 'none'}")


@env.command()
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@click.option(
    "--installer",
    type=click.Choice(["pip", "uv"]),
    default="pip",
    show_default=True,
    help="What looks for the packages.",
)
def resolve(models: tuple[str, ...], installer: Any) -> None:  # noqa: ANN401
    """Check that packages can still be found for every MODEL (default: all); install nothing.

    Models that share an environment are checked once. Exit code: 1 where one cannot be found.

    \b
    Example:
      uipbench env resolve sevennet-0 mace-mp-0-small
    """
    from uipbench.environment_build import resolve_commands, run_commands
    from uipbench.errors import EnvironmentSetupError
    from uipbench.model_registry import find_model, list_models

    shared: dict[tuple[str, ...], list[ModelFile]] = {}
    for model in map(find_model, models or list_models()):
        needs = (model.requires_python, *sorted(model.dependencies), "", *sorted(model.no_deps))
        shared.setdefault(needs, []).append(model)
    failed = 0
    for group in shared.values():
        names = ", ".join(model.card.name for model in group)
        try:
            commands = resolve_commands(group[0], installer)
            run_commands(commands, what="no packages", report=lambda _: None)
        except EnvironmentSetupError as error:
            failed += 1
            click.echo(f"failed    {names}: {error}")
        else:
            click.echo(f"resolved  {names}")
    if failed:
        sys.exit(1)


def _facts(model: ModelFile, environment: Environment | None) -> dict[str, Any]:
    from uipbench.environments import package_versions, read_environment

    facts: dict[str, Any] = {
        "model": model.card.name,
        "file": str(model.path),
        "requires_python": model.requires_python or "any",
        "dependencies": list(model.dependencies),
        "no_deps": list(model.no_deps),
        "variables": dict(model.environment),
        "environment": "not made yet" if environment is None else _where(environment),
    }
    if environment is not None:
        facts |= {
            "python": str(environment.python),
            "packages": package_versions(model, environment),
        }
    if environment is not None and not environment.own_interpreter:
        folder = environment.python.parent.parent
        facts["size_bytes"] = read_environment(folder).size_bytes()
        facts["n_packages"] = len(environment.versions)
    return facts | _weights_facts(model, environment)


def _weights_facts(model: ModelFile, environment: Environment | None) -> dict[str, Any]:
    """Where the weights are or are to be put, and their digest where they are there."""
    from uipbench.weights import weights_missing, weights_sha256

    weights = model.weights
    facts: dict[str, Any] = {}
    if weights is not None and weights.url:
        facts["weights_url"] = weights.url
        folder = weights.cache_folder()
        by_hand = folder == weights.cache_pattern()  # nobody makes a hub's folders by hand
        missing = f"to be put at {folder}" if by_hand else f"missing; their loader keeps {folder}"
        facts["weights"] = str(weights.cached() or missing)
        if weights.access:
            facts["access"] = weights.access
    if environment is not None and not weights_missing(model):
        facts["weights_sha256"] = weights_sha256(model, environment, None)
    return facts


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
