"""``uipbench site``: build the leaderboard, or look at it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from uipbench.results import ResultFile


@click.group(name="site")
def site() -> None:
    """Build the leaderboard as static pages, or serve it for a look.

    \b
    Example:
      uipbench site build --results uipbench-results
    """


def _shown_results(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say which results are shown."""
    results = click.option(
        "--results",
        "folders",
        multiple=True,
        metavar="FOLDER",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Own results, shown and marked beside the public ones; may be repeated.",
    )
    no_public = click.option(
        "--no-public", is_flag=True, help="Leave out the results that come with uipbench."
    )
    return results(no_public(command))


@site.command()
@_shown_results
@click.option(
    "--out",
    default=Path("uipbench-site"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the site; an earlier site in it is replaced.",
)
@click.option(
    "--history",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="History file of `uipbench regress`: adds the page of trends.",
)
def build(folders: tuple[Path, ...], out: Path, *, history: Path | None, no_public: bool) -> None:
    """Write the site and print the path of its first page.

    Documentation that lies in the folder docs of the site is linked from every page.

    \b
    Example:
      uipbench site build --results uipbench-results --out my-site
    """
    from uipbench.history import read_history
    from uipbench.registry import load_tasks
    from uipbench.site import build_site

    results, own = _results(folders, no_public=no_public)
    tasks = list(load_tasks().values())
    nights = None if history is None else read_history(history)
    click.echo(build_site(out, results=results, tasks=tasks, own=own, history=nights))


@site.command()
@_shown_results
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Markdown file to write; default: standard output.",
)
def findings(folders: tuple[Path, ...], out: Path | None, *, no_public: bool) -> None:
    """Hold claims of the literature against the results, as Markdown.

    Write docs/findings.md with it whenever results or references have changed.

    \b
    Example:
      uipbench site findings --out docs/findings.md
    """
    from uipbench.casefiles import write_atomically
    from uipbench.registry import load_tasks
    from uipbench.site.findingsfile import findings_markdown
    from uipbench.site.records import gather

    results, own = _results(folders, no_public=no_public)
    tasks = [task for task in load_tasks().values() if task.cases()]
    text = findings_markdown(gather(results, tasks, own))
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomically(out, text)
        click.echo(out)


def _results(
    folders: tuple[Path, ...], *, no_public: bool
) -> tuple[list[ResultFile], frozenset[str]]:
    """Public and own results, and the names of the own models."""
    from uipbench.registry import load_tasks
    from uipbench.results import load_results

    mine = load_results(*folders)
    public = [] if no_public else load_results(_public_folder())
    tasks = load_tasks()
    for result in mine:
        if result.task not in tasks:
            model = result.model.card.name
            click.echo(f"left out: {model} in unknown task '{result.task}'", err=True)
    own = frozenset(result.model.card.name for result in mine)
    return [*_not_replaced(public, mine), *mine], own


def _public_folder() -> Path:
    return Path(__file__).parent.parent / "leaderboard" / "results"


def _not_replaced(public: list[ResultFile], mine: list[ResultFile]) -> list[ResultFile]:
    """Public results without those of which there is an own run."""
    replaced = {(r.model.card.name, r.task) for r in mine}
    kept = [r for r in public if (r.model.card.name, r.task) not in replaced]
    for result in public:
        if result not in kept:
            name, task = result.model.card.name, result.task
            click.echo(f"own run shown instead of the public one: {name} in {task}", err=True)
    return kept


@site.command()
@click.argument(
    "folder",
    default=Path("uipbench-site"),
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of this machine; 0 for any that is free.",
)
def serve(folder: Path, port: int) -> None:
    """Serve FOLDER (default: uipbench-site) to this machine alone, until interrupted.

    \b
    Example:
      uipbench site serve my-site --port 8080
    """
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    from uipbench.errors import SettingsError

    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        msg = f"port {port} cannot be used: {error.strerror}; choose another one with --port"
        raise SettingsError(msg) from error
    with server:
        click.echo(f"http://127.0.0.1:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")
