"""Building the site: a pure function of result records and reference cases."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from uipbench.casefiles import read_lock, read_verified
from uipbench.outcome import PROTOCOLS
from uipbench.sensitivity import DRAWS
from uipbench.site import export
from uipbench.site.board import COLUMNS, board_tables
from uipbench.site.boardpage import board_page
from uipbench.site.browserdata import browser_script
from uipbench.site.casepage import case_pages
from uipbench.site.cells import failure_meanings
from uipbench.site.extrapages import WITH_PLOTS, extra_pages
from uipbench.site.feed import feed
from uipbench.site.libraries import THREE_D_MOL, library_files
from uipbench.site.modelpage import model_page
from uipbench.site.records import gather
from uipbench.site.rendering import ASSETS, content_security_policy, environment
from uipbench.site.strip import WIDTH
from uipbench.site.tables import all_tables
from uipbench.site.taskpage import task_page
from uipbench.site.writer import DOCUMENTATION, SiteWriter, check_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jinja2 import Environment

    from uipbench.history import HistoryEntry
    from uipbench.results import ResultFile
    from uipbench.site.records import Entry, Records
    from uipbench.task import Task


def build_site(
    out: Path,
    *,
    results: Sequence[ResultFile],
    tasks: Sequence[Task],
    own: frozenset[str] = frozenset(),
    history: Sequence[HistoryEntry] | None = None,
) -> Path:
    """Write the leaderboard as static files that open without a server or a network.

    The same records, cases and libraries give the same bytes. Documentation that lies in the
    folder ``docs`` of ``out`` stays there and is linked.

    Args:
        out: Folder of the site; an earlier site in it is replaced.
        results: Result files of any models; those of other tasks are left out.
        tasks: Tasks to be shown, in this order; those without cases yet are left out.
        own: Names of models that are marked as the visitor's own.
        history: Nights of the regression; with them, also none yet, there is a page of trends.

    Returns:
        Path of ``index.html``.

    Raises:
        SettingsError: ``out`` holds something else, or cannot be written.
        ResultFileError: Two results of one model and task, or names that collide.
        ReferenceDataError: A reference file is missing or damaged.
    """
    records = gather(results, [task for task in tasks if task.cases()], own, history)
    pages = _Pages(SiteWriter(out), environment(), records)
    pages.write_board()
    pages.write_extra()
    for task in records.tasks:
        pages.write_task(task)
    for entry in records.entries:
        pages.write_model(entry)
    pages.write_assets()
    return out / "index.html"


class _Pages:
    """Renders templates into files."""

    def __init__(self, writer: SiteWriter, env: Environment, records: Records) -> None:
        self._writer = writer
        self._env = env
        self._records = records
        self._tables = all_tables(records)
        self._board = board_tables(records, self._tables)
        self._version = version("uipbench")
        self._extra = extra_pages(records, self._tables)
        self._libraries = library_files()
        documentation = f"{DOCUMENTATION}/index.html"
        env.globals.update(
            tasks=records.tasks,
            columns=COLUMNS,
            protocols=tuple(reversed(PROTOCOLS)),
            meanings=failure_meanings(),
            version=self._version,
            site_pages=[(path, title) for path, title, _, _ in self._extra],
            strip_width=WIDTH,
            documentation=documentation if writer.holds(documentation) else "",
            draws=DRAWS,
            three_d_mol=THREE_D_MOL if THREE_D_MOL in self._libraries else "",
        )

    def render(self, path: str, template: str, *, plots: bool = False, **context: Any) -> None:  # noqa: ANN401
        """Render a page; ``root`` leads from it to the site's folder."""
        page = self._env.get_template(template).render(
            root="../" * path.count("/"),
            csp=content_security_policy(plots=plots),
            plots=plots,
            **context,
        )
        self._writer.write(path, page)

    def write_board(self) -> None:
        """The board and its machine-readable copies."""
        self.render("index.html", "index.html", **board_page(self._records, self._tables))
        script = browser_script(self._records, self._tables, self._version)
        self._writer.write("data/board-data.js", script)
        self._writer.write("data/board.json", export.board_json(self._board, self._version))
        self._writer.write("data/board.csv", export.board_csv(self._board))
        for name in export.SCHEMAS:
            self._writer.write(f"data/{name}.schema.json", export.schema_json(name))
        self._writer.write("feed.xml", feed(self._records, self._version))

    def write_extra(self) -> None:
        """Pages over all models and tasks, those for which there is something to show."""
        for path, _, template, context in self._extra:
            self.render(path, template, plots=template in WITH_PLOTS, **context)

    def write_model(self, entry: Entry) -> None:
        """The page of a model."""
        view = model_page(self._records, self._board, self._tables, entry)
        self.render(f"models/{check_name(entry.name)}.html", "model.html", view=view)

    def write_task(self, task: Task) -> None:
        """The page of a task, the pages of its cases, and the data of both."""
        view = task_page(self._records, [t for t in self._board if t.task is task])
        self.render(f"tasks/{task.name}.html", "task.html", plots=True, view=view)
        data = export.task_json(self._records, task, self._version)
        self._writer.write(f"data/{task.name}.json", data)
        for page in case_pages(self._records, task):
            stem = f"cases/{task.name}/{page.case.id}"
            self.render(f"{stem}.html", "case.html", plots=True, view=page)
        self._copy_cases(task)

    def _copy_cases(self, task: Task) -> None:
        lock = read_lock(task.data_folder)
        for case in task.cases():
            for name in (f"{case.id}.json", f"{case.id}.extxyz"):
                content = read_verified(task.data_folder, name, lock)
                self._writer.write(f"cases/{task.name}/{name}", content)

    def write_assets(self) -> None:
        """Style, scripts, and the libraries, copied from their packages."""
        own = {path.name: path.read_bytes() for path in sorted(ASSETS.iterdir())}
        for name, content in (own | self._libraries).items():
            self._writer.write(f"assets/{name}", content)
        self._writer.finish()
