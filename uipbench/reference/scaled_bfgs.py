"""BFGS that corrects the stiffness of its first curvature once it has seen one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ase.optimize import BFGS

if TYPE_CHECKING:
    import numpy as np


class ScaledBFGS(BFGS):  # type: ignore[misc]  # which is untyped
    """Multiplies the first curvature H0 by yᵀs / sᵀH0s after the first step, where that is > 1.

    s is the step and y the change of the gradient. A potential that is too soft is so in all
    directions alike (CHGNet: 2 to 4 times), while BFGS learns one direction a step and overshoots
    in the next. The scaling before the first update is that of Nocedal and Wright, Numerical
    Optimization (2006), section 6.1, with the given H0 in place of the unit matrix. Soft directions
    that the first step did not take would suffer from a factor < 1.
    """

    _is_scaled = False

    def update(
        self, pos: np.ndarray, forces: np.ndarray, pos0: np.ndarray, forces0: np.ndarray
    ) -> None:
        """ASE's hook, called before every step; the first has no predecessor."""
        if self.state is not None and not self._is_scaled:
            step, change = pos - pos0, forces0 - forces
            if step.any():
                stiffer = (change @ step) / (step @ self.state.hessian @ step)
                self.state.hessian *= max(1.0, stiffer)
            self._is_scaled = True
        super().update(pos, forces, pos0, forces0)
