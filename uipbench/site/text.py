"""Numbers, units and foreign texts as the pages show them."""

from __future__ import annotations

import math
import re
import unicodedata
from urllib.parse import quote, urlsplit

MISSING = "–"
_THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
_POWERS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_KEY_UNITS = {
    "a": "Å",
    "a2": "Å²",
    "a3": "Å³",
    "e": "e",
    "ev": "eV",
    "ev_per_a": "eV/Å",
    "gpa": "GPa",
    "j_per_m2": "J/m²",
    "mub": "µB",
    "s": "s",
    "v": "V",
}
_LABELS = {
    "basis_normal_stress": "normal stress of the basis, subtracted",
    "charge": "charge of the cell",
    "interface_distance": "distance in the relaxed interface",
    "method": "how the path was found",
    "mismatch_a": "mismatch along a (positive: film stretched)",
    "mismatch_b": "mismatch along b (positive: film stretched)",
    "mover": "index of the atom that moves",
    "rise_between_images": "largest rise between two images by their slopes",
    "saddle_coordinate": "place of the saddle point on the path, 0 to 1",
    "termination": "termination, its number in the recipe",
}
"""Labels of keys whose words do not say enough."""

_VALUES = {
    "fm": "ferromagnetic",
    "afm": "antiferromagnetic",
    "nm": "without moments",
    "fm_localised": "ferromagnetic, electrons localised",
    "afm_localised": "antiferromagnetic, electrons localised",
    "symmetric midpoint": "half a path to the symmetric midpoint, mirrored",
}
"""Values of tags that are short names."""

_NOTES = {
    "equilibrium_distance": "Along the normal, between the outermost atoms of the two slabs where "
    "the curve of the rigid slabs is lowest.",
    "lowest_formation_energy": "Per formula unit of the host, against both ends.",
    "work_of_separation": "2γ of the surface minus γ of the boundary. γ of the surface is that of "
    "DFT for models too, so that their error is that of the boundary with the other sign.",
}
"""What a quantity's name leaves open."""

_PLAIN_UNITS = {"1": "", "percent": "%"}
_DOI = re.compile(r"10\.\d{4,9}/[^\s<>\"]+")


def number(value: float | None, digits: int = 3) -> str:
    """A decimal number with a true minus sign; a dash for None and NaN."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = f"{0:.{digits}f}"
    return text.replace("-", "−")


def signed(value: float | None, digits: int = 3) -> str:
    """A decimal number with its sign; zero has none."""
    text = number(value, digits)
    if value is None or not math.isfinite(value) or text.startswith("−") or float(text) == 0:
        return text
    return f"+{text}"


def amount(value: float | None) -> str:
    """A positive amount with about three significant digits and grouped thousands."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value)
    digits = 0 if size >= 100 or float(value).is_integer() else 1 if size >= 10 else 2  # noqa: PLR2004
    return f"{value:,.{digits}f}".replace(",", _THIN_SPACE)


def unit(text: str) -> str:
    """``J/m^2`` as ``J/m²``, ``angstrom`` as ``Å``, ``percent`` as ``%``; ``1`` as nothing."""
    if text in _PLAIN_UNITS:
        return _PLAIN_UNITS[text]
    raised = re.sub(r"\^(-?\d+)", lambda match: match[1].translate(_POWERS), text)
    return re.sub(r"\b(A|angstrom)\b", "Å", raised)


_LATTICE = re.compile(r"lattice_constant_[abc]\Z")

_CONTENT = re.compile(r"x(\d+)(?:_(\d+)(?:_(\w+))?)?")
"""Role of a structure of a voltage profile."""


def words(identifier: str) -> str:
    """``surface_energy`` as ``surface energy``."""
    return identifier.replace("_", " ")


def role(name: str) -> str:
    """``slab_a`` as ``slab a``; contents as numbers, ``x1_2_rows`` as ``x = 1/2, rows``."""
    content = _CONTENT.fullmatch(name)
    if content is None:
        return words(name)
    whole, part, ordering = content.groups()
    fraction = f"{whole}/{part}" if part else whole
    if ordering and ordering.isdigit():
        ordering = f"ordering {ordering}"
    return f"x = {fraction}" + (f", {words(ordering)}" if ordering else "")


def named(key: str) -> str:
    """The words of a key; at its end the content that it belongs to, ``volume, x = 1/3``."""
    content = re.search(rf"(?<=.)_({_CONTENT.pattern})\Z", key)
    if content is None:
        return _LABELS.get(key, words(key))
    name = key[: content.start()].replace("moment", "total moment")
    return f"{words(name)}, {role(content[1])}"


def meaning(value: str) -> str:
    """A short name among a case's tags in words, ``fm`` as ``ferromagnetic``."""
    return _VALUES.get(value, value)


def note(quantity: str) -> str:
    """A sentence on what a quantity's name leaves open, or nothing."""
    return _NOTES.get(quantity, "")


def label(key: str) -> str:
    """``area_a2`` as ``area``: the words of a key without its unit."""
    if _LATTICE.search(key):
        return words(key)
    suffix = _unit_suffix(key)
    return named(key.removesuffix(f"_{suffix}") if suffix else key)


def key_unit(key: str) -> str:
    """``area_a2`` as ``Å²``: the unit at the end of a key, or nothing."""
    if _LATTICE.search(key):
        return "Å"
    return _KEY_UNITS.get(_unit_suffix(key), "")


def _unit_suffix(key: str) -> str:
    matching = [suffix for suffix in _KEY_UNITS if key.endswith(f"_{suffix}")]
    return max(matching, key=len, default="")


def clip(text: str, length: int = 90) -> str:
    """At most ``length`` characters, with an ellipsis where something is left out."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def clean(text: str) -> str:
    """Control and text-direction characters made visible, so that a text stays in its place."""
    if text.isprintable():  # most are; a hundredth of the time
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) else c for c in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character not in "\n\t"


def doi_url(doi: str) -> str:
    """Address of a DOI, or nothing if it is not one."""
    return f"https://doi.org/{quote(doi, safe='/()._-;:')}" if _DOI.fullmatch(doi) else ""


def find_doi(citation: str) -> str:
    """The first DOI in a text, or nothing."""
    found = _DOI.search(citation)
    return found[0].rstrip(".,;)") if found else ""


def percent(share: float) -> str:
    """A share as whole percent."""
    return MISSING if math.isnan(share) else f"{number(100 * share, 0)} %"


def letter(group: int | None) -> str:
    """Letter of a tie group."""
    return chr(64 + min(group, 26)) if group else MISSING


def web_url(url: str) -> str:
    """The address if it is one of the web, otherwise nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""
