"""Options that several commands have."""

from __future__ import annotations

import click

tasks = click.option("--tasks", multiple=True, metavar="NAME", help="Only this task; repeatable.")
cases = click.option("--cases", multiple=True, metavar="PATTERN", help="Only cases such as 'li_*'.")
protocol = click.option(
    "--protocol", type=click.Choice(["fixed", "relaxed"]), help="Only this protocol."
)
device = click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, …")
limit = click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True),
    default=1800.0,
    show_default=True,
    help="Seconds of evaluation one case may use.",
)
memory = click.option(
    "--memory",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="GB of memory an evaluation may use beside the model; 0: what the machine has.",
)
workers = click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    help="Processes; 0: one a core, on a GPU at most 4.",
)
batch = click.option(
    "--batch",
    type=click.IntRange(0),
    default=0,
    help="Structures a process computes at once; 0: 1 on a CPU, 32 on a GPU.",
)
package_calculator = click.option(
    "--package-calculator",
    is_flag=True,
    help="Compute with the package's own calculator, where uipbench has a faster evaluator.",
)
offline = click.option("--offline", is_flag=True, help="Never install or download anything.")
