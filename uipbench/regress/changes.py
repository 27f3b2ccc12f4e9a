"""What is another model, package or case than in the stored run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from uipbench.plan import content_key, physics_version
from uipbench.registry import task_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from uipbench.case import Case
    from uipbench.results import CaseRecord, ResultFile
    from uipbench.task import Task


@dataclass(frozen=True, slots=True)
class Change:
    """Something of the run that is not as stored.

    Attributes:
        what: Such as ``package torch``.
        stored: As stored.
        fresh: As it is now.
        serious: Whether the stored results are of another model: weights, code of the model file,
            a package that it pins to one version, device or precision. Others, such as a package
            within its stated range, are only said: whether they matter the numbers show.
    """

    what: str
    stored: str
    fresh: str
    serious: bool

    def __str__(self) -> str:
        return f"{self.what}: {self.stored} → {self.fresh}"


def pinned_packages(dependencies: Iterable[str]) -> frozenset[str]:
    """Packages that requirements fix to one version (``==`` without a wildcard, or a URL)."""
    found = set()
    for text in dependencies:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        exact = any(
            s.operator in {"==", "==="} and "*" not in s.version for s in requirement.specifier
        )
        if exact or requirement.url:
            found.add(canonicalize_name(requirement.name))
    return frozenset(found)


def changes(
    stored: ResultFile, fresh: ResultFile, pinned: Collection[str] | None
) -> Iterator[Change]:
    """Differences of two runs of one model.

    Args:
        stored: The stored result file.
        fresh: The fresh one of the same model and task.
        pinned: Packages that are pinned to one version; None where that is not known, and every
            other version is serious.
    """
    before, after = stored.model, fresh.model
    for what, old, new in (
        ("weights", before.weights_sha256, after.weights_sha256),
        ("code of the model file", before.code_sha256, after.code_sha256),
        ("device", stored.settings.device, fresh.settings.device),
        ("precision", stored.settings.dtype, fresh.settings.dtype),
    ):
        if old != new:
            yield Change(what, _short(old), _short(new), serious=True)
    for name in sorted(set(before.packages) | set(after.packages)):
        old, new = before.packages.get(name), after.packages.get(name)
        if old != new:
            serious = pinned is None or canonicalize_name(name) in pinned
            yield Change(f"package {name}", _short(old), _short(new), serious=serious)
    if stored.task_version != fresh.task_version:
        what = f"code of task {stored.task}"
        yield Change(what, stored.task_version, fresh.task_version, serious=False)


def _short(value: str | None) -> str:
    text = value or "none"
    return f"{text[:12]}…" if len(text) == 64 else text  # noqa: PLR2004 - a sha256


def changed_cases(
    task: Task, stored: ResultFile, cases: Mapping[str, Case]
) -> frozenset[tuple[str, str]]:
    """(case, protocol) whose structures are others than when the record was stored.

    A record's key holds the digest of the structures: made again from the stored model, settings
    and task version with the present case it is the stored one, or the structures are others. Where
    no key of a file can be made again, it is of another form of the key, which says nothing.
    """
    suffix = physics_version(task, stored.model).removeprefix(task_version(task))
    version = stored.task_version + suffix
    known = [record for record in stored.records if record.case_id in cases]

    def present_key(record: CaseRecord) -> str:
        case = cases[record.case_id]
        return content_key(stored.model, stored.settings, version, task, case, record.protocol)

    different = {(r.case_id, r.protocol) for r in known if r.key != present_key(r)}
    return frozenset() if len(different) == len(known) > 1 else frozenset(different)
