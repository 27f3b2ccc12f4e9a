"""Secondary metrics and forces on the pages of tasks and models, and in the data files."""

from __future__ import annotations

import json
import math
import re
from statistics import fmean

import numpy as np
import pytest

from tests.site.factories import StandInTask, make_card, make_outcomes, make_result, write_cases
from uipbench.metrics import force_sums
from uipbench.outcome import Predicted
from uipbench.secondary import SecondaryMetric
from uipbench.site import build_site

FORCES = np.linspace(-1, 1, 12).reshape(4, 3)
REFERENCES = {"al_111": 0.8, "li_100": 0.46}


class Ordered(StandInTask):
    """Has a metric of its own, and one that cannot be computed."""

    def secondary_metrics(self, cases, outcomes):
        known = [o.values["surface_energy"] for o in outcomes.values()]
        mean = fmean(known) if known else math.nan
        common = {"n_used": len(known), "n_possible": len(cases), "explanation": "What it is."}
        return [
            SecondaryMetric(
                name="mean", title="Mean <b>energy</b>", unit="J/m^2", value=mean, **common
            ),
            SecondaryMetric(name="nothing", title="Nothing", value=math.nan, **common),
        ]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    write_cases(folder / "cases", REFERENCES)
    task = Ordered(folder / "cases")
    outcomes = {i: o for i, o in make_outcomes(0.5).items() if i in REFERENCES}
    model = make_result(task, make_card("half"), {"fixed": outcomes, "relaxed": outcomes})
    return build_site(folder / "site", results=[model], tasks=[task]).parent


def text_of(path):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", path.read_text(encoding="utf-8")))


def test_task_page(pages):
    page = pages / "tasks" / "surface_energy.html"
    assert "<b>energy</b>" not in page.read_text(encoding="utf-8")
    text = text_of(page)
    assert "Further metrics" in text
    assert "HALF 0.315 2/2 cases – 2/2 cases" in text
    assert "What it is." in text


def test_model_page(pages):
    text = text_of(pages / "models" / "half.html")
    assert re.search(r"Mean &lt;b&gt;energy&lt;/b&gt; J/m² 0\.315 2/2 cases 0\.315 2/2 cases", text)
    assert re.search(r"Surface energy all 2 \d\.\d+ 0\.50", text)
    assert re.search(r"Surface energy bulk 2 \d\.\d+ 0\.50", text)
    assert "All tasks" not in text


def test_data_file(pages):
    data = json.loads((pages / "data" / "surface_energy.json").read_text())
    relaxed = data["secondary"]["half"]["relaxed"]
    assert relaxed["mean"]["value"] == pytest.approx(0.315)
    assert relaxed["mean"]["n_used"] == 2
    assert relaxed["nothing"]["value"] is None


def test_overall_slope_of_several_tasks(tmp_path):
    """Slopes 0.5 and 0.9 with equal DFT forces: 0.7 over both tasks."""

    class Other(StandInTask):
        name = "other"
        title = "Other task"

        def cases(self):
            return first.cases()

    write_cases(tmp_path / "cases", REFERENCES)
    first = StandInTask(tmp_path / "cases")
    second = Other(tmp_path / "cases")
    halves = [{i: o for i, o in make_outcomes(f).items() if i in REFERENCES} for f in (0.5, 0.9)]
    results = [
        make_result(task, make_card("m"), {"fixed": outcomes})
        for task, outcomes in zip((first, second), halves, strict=True)
    ]
    out = build_site(tmp_path / "site", results=results, tasks=[first, second]).parent
    assert re.search(r"All tasks all 4 \d\.\d+ 0\.70", text_of(out / "models" / "m.html"))


def test_relaxed_structures_have_no_slope(tmp_path):
    write_cases(tmp_path / "cases", REFERENCES)
    task = StandInTask(tmp_path / "cases")
    still = Predicted(
        values={"surface_energy": 0.5},
        force_statistics={"bulk": force_sums(0.001 + 0 * FORCES, 0.001 * FORCES)},
        details={},
        seconds=1.0,
        evaluations=1,
    )
    result = make_result(task, make_card("m"), {"fixed": dict.fromkeys(REFERENCES, still)})
    out = build_site(tmp_path / "site", results=[result], tasks=[task]).parent
    assert re.search(r"Surface energy all 2 0\.001 –", text_of(out / "models" / "m.html"))
