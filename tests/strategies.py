"""Hypothesis strategies."""

from __future__ import annotations

from hypothesis import strategies as st

finite = st.floats(min_value=-100, max_value=100, allow_nan=False, width=32)
energies = st.floats(min_value=-50, max_value=50, allow_nan=False)
