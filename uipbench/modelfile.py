"""A model file: its PEP 723 header with the model card, and what its code offers.

The file is read as text and parsed; the harness never imports it, because its packages are in
another environment.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import ValidationError

from uipbench.digests import code_digest
from uipbench.errors import RegistryError
from uipbench.model_header import (
    HeaderTable,
    card_table,
    read_header,
    read_source,
    variant_tables,
)
from uipbench.model_weights import WeightsSpec, read_weights
from uipbench.results import CardRecord
from uipbench.suggestions import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EXTRA_KEYS: Final = frozenset(
    {"no_deps", "environment", "weights", "golden", "approximate", "elements_except", "unpickles"}
)
_APPROXIMATE: Final = frozenset({"forces", "stress", "rotation"})
MOST_EV_PER_ATOM: Final = 1e7
"""More than all electrons of an atom are bound by."""
_OPTIONAL_KEYS: Final = frozenset({"parameters"})


@dataclass(frozen=True, slots=True)
class GoldenEnergy:
    """A known energy, to see that packages and weights are what they were.

    Attributes:
        structure: Name of the structure.
        energy_per_atom: eV/atom.
    """

    structure: str
    energy_per_atom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A model, as its file describes it.

    Attributes:
        path: The file.
        card: The model card.
        requires_python: PEP 440 specifier, such as ``>=3.11``; empty for any.
        dependencies: PEP 508 requirements.
        no_deps: Requirements installed without their own dependencies.
        environment: Environment variables of the worker alone.
        weights: Weights that come inside a package or are downloaded, or None.
        golden: Known energies.
        approximate: Of ``forces``, ``stress`` (predicted, not derivatives of the energy) and
            ``rotation`` (learnt, not built in), what holds only approximately by design.
        unpickles: Whether the package's loader unpickles weights, which can run code. Where it
            does not, torch is told to refuse it; None for a file that does not say.
        own: Whether it is a user's own file rather than a registry entry.
        has_batch: Whether it offers ``load_batch``.
        has_package_calculator: Whether it offers ``load_package_calculator``.
        package_calculator: Whether that is used, instead of ``load`` and ``load_batch``.
        code_sha256: Digest of the code without comments, layout and docstrings.
        variant: Of a file with several variants the checkpoint's name, which its ``load`` is
            given as the last argument; else empty.
        asked_as: What the command line takes for it, where it was renamed since; else empty.
    """

    path: Path
    card: CardRecord
    requires_python: str
    dependencies: tuple[str, ...]
    no_deps: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    weights: WeightsSpec | None = None
    golden: tuple[GoldenEnergy, ...] = ()
    approximate: tuple[str, ...] = ()
    unpickles: bool | None = None
    own: bool = False
    has_batch: bool = False
    has_package_calculator: bool = False
    package_calculator: bool = False
    code_sha256: str = ""
    variant: str = ""
    asked_as: str = ""

    @property
    def address(self) -> str:
        """What the command line takes for this model: a name, or a path of a user's own."""
        name = self.card.name
        if self.asked_as:
            return self.asked_as
        return f"{self.path}{f'::{name}' if self.variant else ''}" if self.own else name

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of the processes that load the model."""
        safe = {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1"} if self.unpickles is False else {}
        return safe | dict(self.environment)


def read_model_file(path: Path, *, own: bool, name: str = "") -> ModelFile:
    """Read and check a model file without running it.

    Args:
        path: The file.
        own: A user's own file: of the card only what is known need be stated.
        name: Of a file with several variants, the one that is wanted.

    Raises:
        RegistryError: One line on what is wrong, where, and what to do.
    """
    source = read_source(path)
    header = read_header(path, source)
    shared = HeaderTable(path, "[tool.uipbench]", card_table(path, header))
    table = _variant(shared, name) if "variants" in shared.values else shared
    table.check_keys(frozenset(CardRecord.model_fields) | _EXTRA_KEYS)
    variant = "" if table is shared else str(table.values.get("checkpoint", table.values["name"]))
    functions = _functions(path, source, (*_ARGUMENTS, "variant") if variant else _ARGUMENTS)
    environment = table.texts_by_name("environment")
    return ModelFile(
        path=path,
        card=_card(table, path, own=own),
        requires_python=_requires_python(path, header),
        dependencies=_requirements(HeaderTable(path, "the header", header), "dependencies"),
        no_deps=_requirements(table, "no_deps"),
        environment=environment,
        weights=read_weights(path, table),
        golden=_golden(path, table),
        approximate=_approximate(table),
        unpickles=_unpickles(table, own=own),
        own=own,
        has_batch="load_batch" in functions,
        has_package_calculator="load_package_calculator" in functions,
        # Variables and variant reach the model's code, so they count as part of it.
        code_sha256=code_digest(
            source, repr(sorted(environment.items())), *([repr([variant])] if variant else [])
        ),
        variant=variant,
    )


def with_package_calculator(model: ModelFile) -> ModelFile:
    """The model computed with its package's own calculator: code of its own, so other results.

    Raises:
        RegistryError: Its file has no evaluator of its own.
    """
    if not model.has_package_calculator:
        msg = (
            f"model '{model.card.name}' has no 'load_package_calculator': its file loads one "
            "calculator only; leave out --package-calculator"
        )
        raise RegistryError(msg)
    digest = hashlib.sha256(f"{model.code_sha256} package calculator".encode()).hexdigest()
    title = f"{model.card.title}, the package's calculator"
    return replace(
        model,
        card=model.card.model_copy(update={"title": title}),
        code_sha256=digest,
        has_batch=False,
        package_calculator=True,
    )


def _variant(shared: HeaderTable, name: str) -> HeaderTable:
    """The table of one variant: what all share, and its own keys, which win."""
    variants = variant_tables(shared.path, shared.values)
    if name not in variants:
        hint = suggestion(name, variants) if name else f"known: {', '.join(variants)}"
        msg = f"{shared.path}: no variant '{name}'; {hint}; give one as FILE::NAME"
        raise RegistryError(msg)
    common = {key: value for key, value in shared.values.items() if key != "variants"}
    return HeaderTable(
        shared.path,
        f"[tool.uipbench.variants.{name}]",
        common | variants[name] | {"name": name},
    )


def _card(table: HeaderTable, path: Path, *, own: bool) -> CardRecord:
    stated = {k: v for k, v in table.values.items() if k not in _EXTRA_KEYS}
    if own:
        unknown: dict[str, Any] = dict.fromkeys(CardRecord.model_fields, "unknown")
        unknown |= {"energy_corrections": "none"}
        stated = unknown | {"name": path.stem, "parameters": None, "elements": []} | stated
        stated["title"] = table.values.get("title", stated["name"])
    stated = dict.fromkeys(_OPTIONAL_KEYS) | stated
    if "elements" in stated:
        stated["elements"] = _elements(table, stated["elements"])
    try:
        return CardRecord.model_validate(stated, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        found = "" if first["type"] == "missing" else f" is {str(first['input'])[:80]!r}:"
        msg = f"{path}: {table.where}: '{key}'{found} {first['msg']}; see docs/models.md"
        raise RegistryError(msg) from error


def _elements(table: HeaderTable, stated: object) -> list[str]:
    """Symbols, from a list or from ranges of atomic numbers such as ``1-83, 89-94``."""
    from ase.data import chemical_symbols

    excepted = set(table.texts("elements_except"))
    if isinstance(stated, str):
        numbers: list[int] = []
        for part in stated.split(","):
            match = re.fullmatch(r"\s*(\d{1,3})(?:-(\d{1,3}))?\s*", part)
            if match is None:
                table.fail("elements", "symbols or ranges of atomic numbers like '1-94'")
            numbers += range(int(match[1]), int(match[2] or match[1]) + 1)
        if not numbers or not all(0 < n < len(chemical_symbols) for n in numbers):
            table.fail("elements", "ranges of atomic numbers between 1 and 118")
        stated = [chemical_symbols[n] for n in numbers]
    symbols: list[str] = [*stated] if isinstance(stated, list) else [str(stated)]
    wrong = [s for s in [*symbols, *excepted] if s not in chemical_symbols[1:]]
    if wrong:
        table.fail("elements", f"chemical symbols; {wrong[0]!r} is none")
    return [s for s in symbols if s not in excepted]


def _requires_python(path: Path, header: Mapping[str, Any]) -> str:
    table = HeaderTable(path, "the header", header)
    value = header.get("requires-python", "")
    try:
        SpecifierSet(value)
    except (InvalidSpecifier, AttributeError, TypeError):
        table.fail("requires-python", "a text like '>=3.11'")
    return str(value)


def _requirements(table: HeaderTable, key: str) -> tuple[str, ...]:
    requirements = table.texts(key)
    for text in requirements:
        try:
            Requirement(text)
        except InvalidRequirement as error:
            problem = str(error).splitlines()[0]
            table.fail(key, f"requirements like 'torch~=2.13.0': {problem}")
    return requirements


def _golden(path: Path, table: HeaderTable) -> tuple[GoldenEnergy, ...]:
    golden = []
    entries = table.values.get("golden", [])
    for entry in entries if isinstance(entries, list) else [entries]:
        fields: dict[str, Any] = entry if isinstance(entry, dict) else {}
        structure, energy = fields.get("structure"), fields.get("energy_per_atom")
        number = isinstance(energy, int | float) and abs(energy) < MOST_EV_PER_ATOM
        if isinstance(structure, str) and energy is not None and number:
            golden.append(GoldenEnergy(structure, float(energy)))
        else:
            where = HeaderTable(path, "[[tool.uipbench.golden]]", {"golden": entry})
            where.fail("golden", "'structure' (a text) and 'energy_per_atom' (eV)")
    return tuple(golden)


def _unpickles(table: HeaderTable, *, own: bool) -> bool | None:
    stated = table.values.get("unpickles", None if own else False)
    if stated is not None and not isinstance(stated, bool):
        table.fail("unpickles", "true or false")
    return stated


def _approximate(table: HeaderTable) -> tuple[str, ...]:
    names = table.texts("approximate")
    if not _APPROXIMATE.issuperset(names):
        table.fail("approximate", f"some of {', '.join(sorted(_APPROXIMATE))}")
    return names


def _functions(path: Path, source: str, arguments: tuple[str, ...]) -> dict[str, ast.FunctionDef]:
    """Top-level functions of the file, which must have ``load``."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # also deep nesting
        line = getattr(error, "lineno", None) or 1
        reason = getattr(error, "msg", None) or str(error) or "nested too deeply"
        msg = f"{path}:{line}: not Python: {reason}; mend that line"
        raise RegistryError(msg) from error
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in _LOADERS & set(functions):
        given = len(functions[name].args.posonlyargs) + len(functions[name].args.args)
        if given != len(arguments) and functions[name].args.vararg is None:
            msg = (
                f"{path}:{functions[name].lineno}: '{name}' takes {given} arguments, expected "
                f"{name}({', '.join(arguments)})"
            )
            raise RegistryError(msg)
    if "load" not in functions:
        msg = f"{path}: no function 'load({', '.join(arguments)})'; define it at the top level"
        raise RegistryError(msg)
    return functions


_ARGUMENTS: Final = ("checkpoint", "device", "dtype")
_LOADERS: Final = frozenset({"load", "load_batch", "load_package_calculator"})
