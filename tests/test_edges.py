"""Edges of graphs: as many as a neighbour list has, and no stray structure takes the memory."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from uipbench.edges import CUTOFF, EdgeCounts, n_edges


@settings(max_examples=60, deadline=None)
@given(
    scaled=arrays(float, (3, 3), elements=st.floats(-2, 2)),
    lengths=st.tuples(*[st.floats(2.5, 9.0)] * 3),
    angles=st.tuples(*[st.floats(70, 110)] * 3),
    pbc=st.tuples(*[st.booleans()] * 3),
)
def test_as_many_as_a_neighbour_list_has(scaled, lengths, angles, pbc):
    atoms = Atoms("Li3", cell=[*lengths, *angles], scaled_positions=scaled, pbc=pbc)
    distances = neighbor_list("d", atoms, CUTOFF + 1e-6)
    least, most = (distances < CUTOFF - 1e-6).sum(), len(distances)
    assert least <= n_edges(atoms) <= most


def test_alike_is_counted_once():
    counts = EdgeCounts()
    first, alike, other = bulk("Cu"), bulk("Cu", a=3.62), bulk("Cu", a=7.0)
    assert counts.of(first) == counts.of(alike) == n_edges(first)
    assert counts.of(other) == n_edges(other) < n_edges(first)


@pytest.mark.parametrize("length", [1e-3, np.nan, np.inf, 0.0])
def test_stray_cells_have_no_number(length):
    atoms = Atoms("Li", cell=[length, 3.0, 3.0], pbc=True)
    assert n_edges(atoms) == np.inf


def test_stray_positions_have_no_number():
    assert n_edges(Atoms("Li", [[np.nan, 0.0, 0.0]], cell=[3.0] * 3, pbc=True)) == np.inf
