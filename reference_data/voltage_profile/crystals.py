"""Crystals that the hosts are made of: lattice constants in Å, DFT relaxes them.

Where no source is named, the description is that of the structure type alone, with a lattice
constant near the sum of the metals' volumes; the structure type's sites have no free coordinate.
"""

from __future__ import annotations

from uipbench.reference_data.voltage_profile.orderings import Basis, Crystal

HEXAGONAL = (90.0, 90.0, 120.0)
TYPE = "structure type"


def _cubic(spacegroup: int, a: float, basis: Basis) -> Crystal:
    return Crystal(spacegroup=spacegroup, basis=basis, lengths=(a, a, a), source=TYPE)


def fcc(symbol: str, a: float) -> Crystal:
    """A1."""
    return _cubic(225, a, ((symbol, (0.0, 0.0, 0.0)),))


def diamond(symbol: str, a: float) -> Crystal:
    """A4."""
    return _cubic(227, a, ((symbol, (0.0, 0.0, 0.0)),))


def hcp(symbol: str, a: float, c: float) -> Crystal:
    """A3."""
    basis = ((symbol, (1 / 3, 2 / 3, 0.25)),)
    return Crystal(spacegroup=194, basis=basis, lengths=(a, a, c), angles=HEXAGONAL, source=TYPE)


def l1_2(minority: str, majority: str, a: float) -> Crystal:
    """L1₂, Cu₃Au: fcc with the minority element at the corners."""
    return _cubic(221, a, ((minority, (0.0, 0.0, 0.0)), (majority, (0.0, 0.5, 0.5))))


def b2(first: str, second: str, a: float) -> Crystal:
    """B2, CsCl: bcc with another element in the centre."""
    return _cubic(221, a, ((first, (0.0, 0.0, 0.0)), (second, (0.5, 0.5, 0.5))))


def b32(first: str, second: str, a: float) -> Crystal:
    """B32, NaTl: two diamond lattices on bcc sites."""
    return _cubic(227, a, ((first, (0.0, 0.0, 0.0)), (second, (0.5, 0.5, 0.5))))


def d0_3(minority: str, majority: str, a: float) -> Crystal:
    """D0₃, BiF₃: bcc sites, a quarter of them the minority element."""
    basis = (
        (minority, (0.0, 0.0, 0.0)),
        (majority, (0.5, 0.5, 0.5)),
        (majority, (0.25, 0.25, 0.25)),
    )
    return _cubic(225, a, basis)


LI3AL2 = Crystal(
    spacegroup=166,
    basis=(("Li", (0.0, 0.0, 0.0)), ("Li", (0.0, 0.0, 0.4017)), ("Al", (0.0, 0.0, 0.1948))),
    lengths=(4.495, 4.495, 14.04),
    angles=HEXAGONAL,
    source="(111) planes of bcc in the order Li Li Li Al Al, relaxed with CHGNet 0.3.0",
)

LI2AL = Crystal(
    spacegroup=63,
    basis=(
        ("Al", (0.0, 0.0725, 0.25)),
        ("Li", (0.0, 0.4074, 0.25)),
        ("Li", (0.0, 0.7524, 0.25)),
    ),
    lengths=(4.607, 9.502, 4.526),
    source="zigzag chains of Al along [110] of bcc, relaxed with CHGNet 0.3.0",
)

LI15SI4 = Crystal(
    spacegroup=220,
    basis=(
        ("Si", (0.208, 0.208, 0.208)),
        ("Li", (0.12, 0.16, 0.96)),
        ("Li", (0.375, 0.0, 0.25)),
    ),
    lengths=(10.69, 10.69, 10.69),
    source="D8_6, Cu15Si4",
)

LITIS2 = Crystal(
    spacegroup=164,
    basis=(("Ti", (0.0, 0.0, 0.0)), ("S", (1 / 3, 2 / 3, 0.24)), ("Li", (0.0, 0.0, 0.5))),
    lengths=(3.45, 3.45, 6.20),
    angles=HEXAGONAL,
    source="CdI2 type with lithium in the octahedra between the layers",
)

TIS2 = Crystal(
    spacegroup=164,
    basis=(("Ti", (0.0, 0.0, 0.0)), ("S", (1 / 3, 2 / 3, 0.25))),
    lengths=(3.41, 3.41, 6.2),
    angles=HEXAGONAL,
    source="CdI2 type; c between experiment (5.70) and PBE, which lacks dispersion",
)


def layered_oxide(metal: str, a: float, c: float, z: float) -> Crystal:
    """α-NaFeO₂ type (O3): oxygen octahedra around both cations, cubic stacking."""
    basis = ((metal, (0.0, 0.0, 0.0)), ("Li", (0.0, 0.0, 0.5)), ("O", (0.0, 0.0, z)))
    return Crystal(
        spacegroup=166,
        basis=basis,
        lengths=(a, a, c),
        angles=HEXAGONAL,
        source="alpha-NaFeO2 type (O3)",
    )


LIMN2O4 = Crystal(
    spacegroup=227,
    basis=(
        ("Li", (0.0, 0.0, 0.0)),
        ("Mn", (0.625, 0.625, 0.625)),
        ("O", (0.3875, 0.3875, 0.3875)),
    ),
    lengths=(8.30, 8.30, 8.30),
    source="spinel type, first origin, u = 0.3875",
)

LIFEPO4 = Crystal(
    spacegroup=62,
    basis=(
        ("Li", (0.0, 0.0, 0.0)),
        ("Fe", (0.282, 0.25, 0.975)),
        ("P", (0.095, 0.25, 0.418)),
        ("O", (0.097, 0.25, 0.743)),
        ("O", (0.457, 0.25, 0.206)),
        ("O", (0.166, 0.046, 0.285)),
    ),
    lengths=(10.33, 6.01, 4.70),
    source="olivine type, triphylite",
)

LITIO2 = Crystal(
    spacegroup=141,
    basis=(("Ti", (0.0, 0.0, 0.0)), ("O", (0.0, 0.0, 0.22)), ("Li", (0.0, 0.0, 0.5))),
    lengths=(4.04, 4.04, 8.63),
    source="anatase with lithium in every octahedron",
)

ANATASE = Crystal(
    spacegroup=141,
    basis=(("Ti", (0.0, 0.0, 0.0)), ("O", (0.0, 0.0, 0.208))),
    lengths=(3.80, 3.80, 9.70),
    source="anatase type",
)
