"""Pages over all models and tasks: comparison, cost, robustness, findings, trend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uipbench.site.costpage import cost_plot, cost_rows
from uipbench.site.findings import findings
from uipbench.site.robustness import robustness
from uipbench.site.trendpage import trend_page

if TYPE_CHECKING:
    from uipbench.site.records import Records
    from uipbench.site.tables import Tables

WITH_PLOTS = frozenset({"compare.html", "cost.html", "trend.html"})
ExtraPage = tuple[str, str, str, dict[str, Any]]
"""Path, title, template and what it is given."""


def extra_pages(records: Records, tables: Tables) -> list[ExtraPage]:
    """The pages for which there is something to show."""
    pages: list[ExtraPage] = []
    if len(records.entries) > 1:
        pages.append(("compare.html", "Compare", "compare.html", {"entries": records.entries}))
    rows = cost_rows(records, tables)
    if rows:
        context = {"rows": rows, "plot": cost_plot(rows)}
        pages.append(("cost.html", "Cost", "cost.html", context))
    view = robustness(records, tables)
    if view is not None:
        pages.append(("robustness.html", "Robustness", "robustness.html", {"view": view}))
    found = findings(records, tables)
    if found:
        pages.append(("findings.html", "Findings", "findings.html", {"findings": found}))
    if records.history is not None:
        trend = trend_page(records, records.history)
        pages.append(("trend.html", "Trend", "trend.html", {"view": trend}))
    return pages
