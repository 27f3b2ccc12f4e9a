"""The band driver against plain ASE, its invariants, and what it says when it fails."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import add_adsorbate, bulk, fcc100
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.mep import NEB
from ase.optimize import BFGS, FIRE
from hypothesis import given, settings
from hypothesis import strategies as st

from uipbench.batched_neb import idpp
from uipbench.engine_calculator import EngineCalculator
from uipbench.errors import CalculationError, NotConvergedError
from uipbench.evaluation import evaluate_together
from uipbench.neb import (
    LEAST_IMAGES,
    climbing_image_neb,
    half_path,
    moved_path,
    path_coordinates,
)
from uipbench.outcome import Evaluated
from uipbench.relaxation import Relaxed, relax_positions


class Landscape(Calculator):
    """One atom on E = h·(1 − cos 2πx/a)/2 + k·(y − b·sin πx/a)² + k·z² + slope·x.

    With h the barrier from x = 0 to x = a, along a path that bends by b.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, height=0.5, period=3.0, bend=0.0, slope=0.0):
        super().__init__()
        self.height, self.period, self.bend, self.slope = height, period, bend, slope
        self.requests = []

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x, y, z = atoms.positions[0]
        phase = np.pi * x / self.period
        off = y - self.bend * np.sin(phase)
        energy = self.height * np.sin(phase) ** 2 + 2 * (off**2 + z**2) + self.slope * x
        dx = self.height * np.sin(2 * phase) - 4 * off * self.bend * np.cos(phase)
        force = -np.array([[dx * np.pi / self.period + self.slope, 4 * off, 4 * z]])
        self.results = {"energy": energy, "forces": force}


class Together(Landscape):
    """The same, offered in batches as the harness offers it."""

    def evaluate_together(self, structures):
        self.requests.append(len(structures))
        found = []
        for atoms in structures:
            self.calculate(atoms)
            found.append(Evaluated(self.results["energy"], self.results["forces"]))
        return found


def particle(x, y=0.0, calculator=None):
    from ase import Atoms

    atoms = Atoms("H", [[x, y, 0.0]], cell=[20, 20, 20], pbc=True)
    energy = 0.0
    if calculator is not None:
        energy = evaluate_together([atoms], calculator)[0].energy
    return Relaxed(atoms, energy, 0, 0.0)


def copper_vacancy():
    """The nearest-neighbour hop in copper: initial and final, 7 atoms."""
    initial = bulk("Cu", "fcc", a=3.61).repeat(2)
    end = initial.positions[0].copy()
    del initial[0]
    final = initial.copy()
    final.positions[0] = end
    return initial, final


def relaxed_ends(initial, final, calculator):
    return [relax_positions(a, calculator, fmax=0.01) for a in (initial, final)]


def test_copper_vacancy_equals_a_plain_ase_script():
    """ASE alone: linear start, one calculator an image, FIRE, nine images, twice as strict."""
    initial, final = copper_vacancy()
    for atoms in (initial, final):
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.005)
    images = [initial, *(initial.copy() for _ in range(7)), final]
    for image in images[1:-1]:
        image.calc = EMT()
    band = NEB(images, climb=True, k=0.5, method="improvedtangent")
    band.interpolate(mic=True)
    assert FIRE(band, logfile=None).run(fmax=0.015, steps=500)
    energies = [image.get_potential_energy() for image in images]
    expected = max(energies) - energies[0]

    ends = relaxed_ends(*copper_vacancy(), EMT())
    found = climbing_image_neb(*ends, EMT(), images=7, fmax=0.03)
    assert found.barriers[0] == pytest.approx(expected, abs=0.002)
    assert found.barriers[1] == pytest.approx(expected, abs=0.002)
    assert found.max_force <= 0.03
    assert found.climbing_force <= 0.03


def adatom_path(symbol, metal, a):
    """An atom on fcc(100) from hollow to hollow over the bridge, rigid, five images."""
    slab = fcc100(metal, (2, 2, 3), a=a, vacuum=8.0)
    slab.pbc = True
    add_adsorbate(slab, symbol, 1.8, "hollow")
    path = [slab.copy() for _ in range(5)]
    for x, atoms in zip(np.linspace(0, 1, 5), path, strict=True):
        atoms.positions[-1] += x * slab.cell[0] / 2 + [0, 0, 0.3 * np.sin(np.pi * x)]
    return path


def asymmetric_path():
    """An atom on Cu(100) that leaves a gold atom: the two barriers differ."""
    path = adatom_path("Cu", "Cu", 3.61)
    nearest = np.argmin([path[0].get_distance(12, i, mic=True) for i in range(12)])
    for atoms in path:
        atoms.symbols[int(nearest)] = "Au"
    return path


HOPS = {
    "Al on Al(100)": lambda: adatom_path("Al", "Al", 4.0),
    "Cu on Cu(100)": lambda: adatom_path("Cu", "Cu", 3.61),
    "Au on Cu(100)": lambda: adatom_path("Au", "Cu", 3.61),
    "Cu on Cu(100) beside gold": asymmetric_path,
}


@pytest.fixture(scope="module", params=HOPS)
def hop(request):
    """A path, its relaxed ends, and the task's band."""
    path = HOPS[request.param]()
    ends = relaxed_ends(path[0], path[-1], EMT())
    return path, ends, climbing_image_neb(*ends, EMT(), images=7, fmax=0.03, path=path)


def test_adatom_equals_the_plain_band_of_ase(hop):
    """ASE's defaults to the same limit: FIRE, springs of 0.1 eV/Å²; twice the calls or more."""
    path, ends, found = hop
    images = moved_path(path, *(end.atoms for end in ends), 7)
    for image in images:
        image.calc = EMT()
    band = NEB(images, climb=True, method="improvedtangent")
    fire = FIRE(band, logfile=None)
    assert fire.run(fmax=0.03, steps=500)
    energies = [image.get_potential_energy() for image in images]
    expected = max(energies) - energies[0], max(energies) - energies[-1]
    assert found.barriers == pytest.approx(expected, abs=0.002)
    assert found.steps <= fire.nsteps / 2
    assert found.max_force <= 0.03
    assert found.climbing_force <= 0.03


def test_reversed_path_exchanges_the_barriers(hop):
    path, ends, found = hop
    back = climbing_image_neb(*ends[::-1], EMT(), images=7, fmax=0.03, path=path[::-1])
    assert back.barriers == pytest.approx(found.barriers[::-1], abs=0.002)


def test_adatom_barrier_equals_the_symmetric_bridge():
    """Al on Al(100): the saddle point is the bridge, by symmetry; no band is needed to find it."""
    path = HOPS["Al on Al(100)"]()
    ends = relaxed_ends(path[0], path[-1], EMT())
    bridge = relax_positions(path[2], EMT(), fmax=0.01)
    for start in (None, path):
        found = climbing_image_neb(*ends, EMT(), images=7, fmax=0.03, path=start)
        assert found.barriers[0] == pytest.approx(bridge.energy - ends[0].energy, abs=0.002)


@settings(max_examples=4, deadline=None)
@given(st.floats(0.05, 1.5), st.floats(-0.1, 0.1), st.floats(-0.6, 0.6))
def test_known_barrier_forward_and_backward(height, slope, bend):
    """Reversal exchanges them. The saddle of the tilted cosine: π h sin(2φ)/a = −slope."""
    period = 3.0
    if abs(slope) * period / (np.pi * height) > 0.8:
        return
    model = Together(height, period, bend, slope)
    shift = np.arcsin(slope * period / (np.pi * height)) / 2
    ends = [-shift * period / np.pi, period - shift * period / np.pi]
    saddle = period / 2 + shift * period / np.pi
    at = [(x, bend * np.sin(np.pi * x / period)) for x in (*ends, saddle)]
    first, last, top = (particle(x, y, model) for x, y in at)
    found = climbing_image_neb(first, last, model, images=5, fmax=0.01)
    assert found.barriers[0] == pytest.approx(top.energy - first.energy, abs=1e-3)
    assert found.barriers[1] == pytest.approx(top.energy - last.energy, abs=1e-3)
    back = climbing_image_neb(last, first, model, images=5, fmax=0.01)
    assert back.barriers == pytest.approx(found.barriers[::-1], abs=1e-3)


def test_band_is_one_request_a_step():
    model = Together(bend=0.4)
    found = climbing_image_neb(particle(0.0), particle(3.0), model, images=7, fmax=0.02)
    assert set(model.requests) == {5}
    assert len(model.requests) <= found.steps + 2


def test_harness_offers_the_batch():
    assert callable(EngineCalculator.evaluate_together)


def test_not_converged_is_an_error_with_the_force():
    class Noise(Together):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = np.sin(1e4 * self.atoms.positions)

    with pytest.raises(
        NotConvergedError, match=r"H: .*band of 7 images: \d\.\d+ eV/Å left after 70"
    ):
        climbing_image_neb(particle(0.0), particle(3.0), Noise(), images=7, fmax=0.02, max_steps=70)


@pytest.mark.parametrize("slope", [-0.3, 0.3])
def test_path_without_a_saddle_point_has_the_barrier_of_the_definition(slope):
    model = Together(height=0.0, slope=slope)
    first, last = particle(0.0, 0.0, model), particle(3.0, 0.0, model)
    found = climbing_image_neb(first, last, model, images=7, fmax=0.02, max_steps=80)
    assert found.barriers == (
        max(last.energy - first.energy, 0),
        max(first.energy - last.energy, 0),
    )
    assert found.max_force <= 0.02


def test_saddle_between_the_last_two_images_is_climbed():
    """The plain band has no image above the higher end point; the saddle point is there though."""
    model = Together(height=0.5, slope=0.4)
    shift = np.arcsin(0.4 * 3 / (np.pi * 0.5)) / 2 * 3 / np.pi
    first, last, top = (particle(x, 0.0, model) for x in (-shift, 3 - shift, 1.5 + shift))
    middle = particle((first.atoms.positions[0, 0] + last.atoms.positions[0, 0]) / 2, 0.0, model)
    assert middle.energy < last.energy < top.energy
    found = climbing_image_neb(first, last, model, images=3, fmax=0.005)
    assert found.barriers[1] == pytest.approx(top.energy - last.energy, abs=1e-4)


def test_too_few_images():
    with pytest.raises(CalculationError, match=f"2 images, a band needs at least {LEAST_IMAGES}"):
        climbing_image_neb(particle(0.0), particle(3.0), Together(), images=2, fmax=0.02)


class TwoValleys(Together):
    """Two equal valleys beside a ridge, which is 0.25 eV higher."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x, y, z = atoms.positions[0]
        phase = np.pi * x / self.period
        top, slope = np.sin(phase) ** 2, np.pi / self.period * np.sin(2 * phase)
        well = (y**2 - 0.25) ** 2
        energy = top * (0.3 + 4 * well) + (1 - top) * y**2 + z**2
        dx = slope * (0.3 + 4 * well - y**2)
        dy = top * 16 * y * (y**2 - 0.25) + (1 - top) * 2 * y
        self.results = {"energy": energy, "forces": -np.array([[dx, dy, 2 * z]])}


def test_start_from_a_path_leaves_the_mirror_plane():
    """A straight start stays on the ridge, one through a valley does not."""
    model, ends = TwoValleys(), (particle(0.0), particle(3.0))
    bent = [particle(x, y).atoms for x, y in ((0, 0), (1.5, 0.4), (3, 0))]
    ridge = climbing_image_neb(*ends, model, images=7, fmax=0.01)
    valley = climbing_image_neb(*ends, model, images=7, fmax=0.01, path=bent)
    assert ridge.barriers[0] == pytest.approx(0.55, abs=1e-3)
    assert valley.barriers[0] == pytest.approx(0.3, abs=1e-3)


def test_half_path_of_a_saddle_and_of_a_minimum_in_the_middle():
    model = Together(bend=0.3)
    ends = particle(0.0, 0.0, model), particle(1.5, 0.3, model)
    plain = half_path(*ends, model, images=4, fmax=0.05, climb_fmax=0.02)
    assert int(np.argmax(plain.energies)) == 3
    whole = Together(bend=0.3, period=1.5)
    ends = particle(0.0, 0.0, whole), particle(1.5, 0.0, whole)
    double = half_path(*ends, whole, images=5, fmax=0.1, climb_fmax=0.005)
    assert double.barriers[0] == pytest.approx(0.5, abs=1e-3)
    assert double.climbing_force <= 0.005


@pytest.mark.parametrize("path", [None, [particle(0.2).atoms, particle(19.4).atoms]])
def test_start_crosses_the_cell_border_and_keeps_its_inputs(path):
    first, last = particle(0.3).atoms, particle(19.5).atoms
    before = last.positions.copy()
    band = moved_path(path, first, last, 5) if path else idpp(first, last, 5)
    assert path_coordinates(band)[-1] == pytest.approx(0.8)
    assert np.ptp([image.positions[0, 0] for image in band]) == pytest.approx(0.8)
    np.testing.assert_array_equal(last.positions, before)
    assert all(image.calc is None for image in band)


def test_path_moves_with_its_ends():
    path = [particle(x, y).atoms for x, y in ((0, 0), (1, 1), (2, 0))]
    ends = particle(0.0, 0.1).atoms, particle(2.0, 0.3).atoms
    same = moved_path(path, *ends, 3)
    np.testing.assert_allclose([a.positions[0, :2] for a in same], [(0, 0.1), (1, 1.2), (2, 0.3)])
    more = moved_path(path, *ends, 5)
    np.testing.assert_allclose(more[1].positions[0, :2], (0.5, 0.65))
    np.testing.assert_allclose(more[2].positions, same[1].positions)
    assert len(more) == 5


def test_band_that_bfgs_does_not_converge():
    """Found by chance: here BFGS alone ends with 1 eV/Å left."""
    height, slope, bend, period = 0.12592587520032872, 0.04590666366691035, 0.12592587520032872, 3.0
    model = Together(height, period, bend, slope)
    shift = np.arcsin(slope * period / (np.pi * height)) / 2 * period / np.pi
    ends = [(x, bend * np.sin(np.pi * x / period)) for x in (-shift, period - shift)]
    first, last = (particle(x, y, model) for x, y in ends)
    found = climbing_image_neb(first, last, model, images=7, fmax=0.005)
    x = period / 2 + shift
    top = particle(x, bend * np.sin(np.pi * x / period), model)
    assert found.barriers[0] == pytest.approx(top.energy - first.energy, abs=1e-4)
