"""GPAW's plane waves on an NVIDIA GPU, for references: a tenth of the time of one core.

GPAW's own GPU code needs CUDA kernels that its source distribution leaves out (26.7, c/gpu/cpp).
What they do is done here with CuPy, or on the CPU where it is called once an iteration:
finite differences, exchange and correlation, dipole layers, and the mixing of densities, which GPAW
does on a GPU without compensation charges. Steps have the energies of the CPU to 1e-6 eV.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from uipbench.errors import ReferenceEngineError

if TYPE_CHECKING:
    from collections.abc import Callable

SWITCH = "UIPBENCH_DFT_GPU"
"""Environment variable that asks for the GPU."""

CPU_MATRIX = 64
"""Largest matrix that is diagonalised on the CPU; of 60 rows it takes as long there."""

BANDS_AT_ONCE = 32
"""Fourier transforms of a batch."""


def is_wanted() -> bool:
    """Whether the environment asks for the GPU."""
    return os.environ.get(SWITCH, "0") not in {"", "0"}


@cache
def prepare() -> None:
    """Make GPAW use the GPU in this process; call it before GPAW calculates anything.

    With GPAW's own ``GPAW_CPUPY=1`` the GPU is emulated, slowly, for tests.

    Raises:
        ReferenceEngineError: No CuPy, no GPU, or GPAW was in use before.
    """
    from gpaw import GPAW_CPUPY, cgpaw, purepython

    if "gpaw.new.c" in sys.modules:
        msg = f"{SWITCH} is set, but GPAW was in use before; set it at the start"
        raise ReferenceEngineError(msg)
    if GPAW_CPUPY:
        purepython.evaluate_pbe_gpu = pbe_on_cpu
    else:
        xp = _cupy()
        if not getattr(cgpaw, "GPU_ENABLED", False):
            cgpaw.gpaw_gpu_init = cgpaw.gpaw_gpu_delete = lambda: None
            for name, kernel in kernels(xp).items():
                setattr(purepython, name, kernel)
            _patch_linear_algebra()
            _patch_differences(xp)
    _mix_on_cpu()
    _dipole_layers_on_cpu()


def _cupy() -> Any:  # noqa: ANN401 - CuPy has no types
    try:
        import cupy

        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        msg = f"{SWITCH} is set, but CuPy finds no GPU ({error}); install CuPy, or unset it"
        raise ReferenceEngineError(msg) from error
    if count == 0:
        msg = f"{SWITCH} is set, but there is no GPU; unset it"
        raise ReferenceEngineError(msg)
    return cupy


def on_cpu(array: Any) -> np.ndarray:  # noqa: ANN401 - NumPy, CuPy or GPAW's emulation
    """A contiguous NumPy array with the same numbers."""
    if hasattr(array, "_data"):
        array = array._data  # noqa: SLF001 - GPAW's emulation, which has no other way
    elif hasattr(array, "get"):
        array = array.get()
    return np.ascontiguousarray(array)


def kernels(xp: Any) -> dict[str, Callable[..., None]]:  # noqa: ANN401
    """GPAW's pure-Python kernels by name, without loops over atoms or bands.

    Args:
        xp: CuPy, or NumPy in tests.
    """
    return {
        "pw_insert_gpu": _insert,
        "pwlfc_expand_gpu": _expand(xp),
        "dH_aii_times_P_ani_gpu": _times_blocks(xp),
        "calculate_residuals_gpu": _residuals(xp),
        "add_to_density_gpu": _add_density(xp),
        "evaluate_pbe_gpu": pbe_on_cpu,
    }


def _insert(  # noqa: PLR0913, PLR0917 - GPAW's signature
    waves: Any,  # noqa: ANN401
    index: Any,  # noqa: ANN401
    scale: float,
    grid: Any,  # noqa: ANN401
    nx: int,
    ny: int,
    nz: int,
) -> None:
    """Coefficients (n, G) to their places on the grid (n, nx·ny·nz).

    Raises:
        NotImplementedError: Real waves, of a mesh of Γ alone.
    """
    if scale != 1.0 or nx * ny * nz != grid.shape[-1]:
        raise NotImplementedError
    grid[..., index] = waves


def _expand(xp: Any) -> Callable[..., None]:  # noqa: ANN401
    layouts: dict[tuple[int, int, int], tuple[Any, ...]] = {}

    def layout(l_s: Any, a_J: Any, s_J: Any) -> tuple[Any, ...]:  # noqa: ANN401, N803
        """Spline, atom, spherical harmonic and phase of every projector."""
        key = (id(l_s), id(a_J), id(s_J))
        if key not in layouts:
            degree = on_cpu(l_s)
            rows = [
                (s, a, degree[s] ** 2 + m, (-1.0j) ** int(degree[s]))
                for a, s in zip(on_cpu(a_J), on_cpu(s_J), strict=True)
                for m in range(2 * degree[s] + 1)
            ]
            columns = [xp.asarray(np.array(column)) for column in zip(*rows, strict=True)]
            layouts[key] = (*columns, (l_s, a_J, s_J))  # kept, so that their ids stay theirs
        return layouts[key][:4]

    def pwlfc_expand_gpu(  # noqa: PLR0913, PLR0917 - GPAW's signature
        radial: Any,  # noqa: ANN401
        vectors: Any,  # noqa: ANN401
        positions: Any,  # noqa: ANN401
        phases: Any,  # noqa: ANN401
        harmonics: Any,  # noqa: ANN401
        l_s: Any,  # noqa: ANN401
        a_J: Any,  # noqa: ANN401, N803
        s_J: Any,  # noqa: ANN401, N803
        conjugate: bool,  # noqa: FBT001
        out: Any,  # noqa: ANN401
        _: Any,  # noqa: ANN401
    ) -> None:
        """Functions around atoms in plane waves, (G, I)."""
        spline, atom, harmonic, phase = layout(l_s, a_J, s_J)
        full = (xp.exp(-1j * (vectors @ positions.T)) * phases)[:, atom]
        full *= radial[:, spline]
        full *= harmonics[:, harmonic]
        full *= phase
        if conjugate:
            full = full.conj()
        if out.dtype.kind == "f":
            out[::2] = full.real
            out[1::2] = full.imag
        else:
            out[:] = full

    return pwlfc_expand_gpu


def _times_blocks(xp: Any) -> Callable[..., None]:  # noqa: ANN401
    places: dict[tuple[int, ...], Any] = {}

    def dh_aii_times_p_ani_gpu(blocks: Any, sizes: Any, projections: Any, out: Any) -> None:  # noqa: ANN401
        """Projections (n, I) times a matrix with one block an atom."""
        key = tuple(int(size) for size in on_cpu(sizes))
        total = sum(key)
        if key not in places:
            ends = np.cumsum(key)
            squares = [np.mgrid[e - n : e, e - n : e] for e, n in zip(ends, key, strict=True)]
            rows = [(square[0] * total + square[1]).ravel() for square in squares]
            places[key] = xp.asarray(np.concatenate(rows))
        dense = xp.zeros(total * total, dtype=projections.dtype)
        dense[places[key]] = blocks[: len(places[key])]
        out[:] = projections @ dense.reshape((total, total))

    return dh_aii_times_p_ani_gpu


def _residuals(xp: Any) -> Callable[..., None]:  # noqa: ANN401
    def calculate_residuals_gpu(residuals: Any, eigenvalues: Any, waves: Any) -> None:  # noqa: ANN401
        """Subtract eigenvalues (n) times waves (n, G)."""
        residuals -= xp.asarray(eigenvalues)[:, None] * waves

    return calculate_residuals_gpu


def _add_density(xp: Any) -> Callable[..., None]:  # noqa: ANN401
    def add_to_density_gpu(weights: Any, waves: Any, density: Any) -> None:  # noqa: ANN401
        """Add weights (n) times squared magnitudes of waves (n, …)."""
        square = waves.real**2
        if waves.dtype.kind == "c":
            square += waves.imag**2
        density += xp.tensordot(xp.asarray(weights), square, axes=1)

    return add_to_density_gpu


def pbe_on_cpu(*arrays: Any) -> None:  # noqa: ANN401
    """GPAW's compiled PBE; its pure-Python one is noisy in a vacuum.

    Args:
        arrays: Density, potential, energy density, σ and dE/dσ as GPAW's GPU code has them; the
            potential, the energy density and dE/dσ are filled.
    """
    from gpaw.xc.kernel import XCKernel

    density, potential, energy, sigma, dedsigma = arrays
    host = [on_cpu(a) for a in (energy, density, potential, sigma, dedsigma)]
    XCKernel("PBE").calculate(*host)
    for target, index in ((energy, 0), (potential, 2), (dedsigma, 4)):
        put(target, host[index])


def put(target: Any, values: np.ndarray) -> None:  # noqa: ANN401
    """Fill an array on the CPU or the GPU with numbers of the CPU."""
    if hasattr(target, "_data"):
        target._data[:] = values  # noqa: SLF001 - GPAW's emulation
    elif hasattr(target, "get"):
        target.set(values)
    else:
        target[:] = values


class _CpuDensity:
    """What GPAW's mixers need of a density, copied to the CPU."""

    def __init__(self, density: Any) -> None:  # noqa: ANN401
        self.nt_sR = density.nt_sR.to_xp(np)
        self.D_asii = density.D_asii.to_xp(np)
        self.delta_aiiL = [on_cpu(delta) for delta in density.delta_aiiL]
        self.delta0_a = [float(delta) for delta in density.delta0_a]
        self.taut_sR = None


class _CpuMixer:
    """A mixer of the CPU for densities on a GPU."""

    def __init__(self, mixer: Any) -> None:  # noqa: ANN401
        self._mixer = mixer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._mixer, name)

    def __str__(self) -> str:
        return str(self._mixer)

    def mix(self, density: Any) -> float:  # noqa: ANN401
        """GPAW's hook: mix in place, return the change."""
        copy = _CpuDensity(density)
        change = self._mixer.mix(copy)
        put(density.nt_sR.data, copy.nt_sR.data)
        put(density.D_asii.data, copy.D_asii.data)
        return float(change)


def _mix_on_cpu() -> None:
    from gpaw.new.builder import DFTComponentsBuilder

    plain = DFTComponentsBuilder.create_mixer

    def create_mixer(builder: Any) -> _CpuMixer:  # noqa: ANN401
        xp, builder.xp = builder.xp, np
        try:
            return _CpuMixer(plain(builder))
        finally:
            builder.xp = xp

    DFTComponentsBuilder.create_mixer = create_mixer


def _dipole_layers_on_cpu() -> None:
    from gpaw.new.pw.poisson import DipoleLayerPWPoissonSolver

    plain = DipoleLayerPWPoissonSolver.solve

    def solve(solver: Any, potential: Any, charge: Any) -> float:  # noqa: ANN401
        if potential.xp is np:
            return float(plain(solver, potential, charge))
        copy = potential.to_xp(np)
        energy = plain(solver, copy, charge.to_xp(np))
        put(potential.data, copy.data)
        return float(energy)

    DipoleLayerPWPoissonSolver.solve = solve


def _patch_linear_algebra() -> None:
    import gpaw.core.matrix
    from gpaw.gpu import diagonalization, gpu_gemm
    from gpaw.new.pw import hamiltonian
    from gpaw.utilities import blas

    def suggest_diagonalizer(matrix: Any) -> tuple[Any, Any]:  # noqa: ANN401
        small = matrix.shape[0] <= CPU_MATRIX
        kind = "CPUPYDiagonalizer" if small else "CuPyDiagonalizer"
        return getattr(diagonalization, kind)(), diagonalization.DiagonalizerOptions()

    def gpu_r2k(alpha: float, a: Any, b: Any, beta: float, c: Any) -> None:  # noqa: ANN401
        """``c`` = α (a b† + b a†) + β c."""
        product = gpu_gemm("N", "H", a, b, None, alpha)
        product += product.T.conj()
        c[:] = product if beta == 0.0 else beta * c + product

    gpaw.core.matrix.suggest_diagonalizer = suggest_diagonalizer
    blas.gpu_r2k = gpu_r2k
    local = hamiltonian.apply_local_potential_gpu
    while hasattr(local, "__wrapped__"):
        local = local.__wrapped__
    local.__defaults__ = (BANDS_AT_ONCE,)


def _patch_differences(xp: Any) -> None:  # noqa: ANN401
    from gpaw.fd_operators import FDOperator

    def applied(operator: Any, values: Any, out: Any, phases: Any) -> None:  # noqa: ANN401
        target = np.empty(out.shape, out.dtype)
        operator.operator.apply(on_cpu(values), target, phases)
        out[:] = xp.asarray(target) if isinstance(out, xp.ndarray) else target

    def call(operator: Any, values: Any, out: Any = None) -> Any:  # noqa: ANN401
        out = values.new() if out is None else out
        applied(operator, values.data, out.data, values.desc.phase_factor_cd)
        return out

    FDOperator.__call__ = call
    FDOperator.apply = lambda self, values, out, phases=None: applied(self, values, out, phases)
