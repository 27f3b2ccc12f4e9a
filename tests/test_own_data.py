"""Own data: from foreign formats to scores; errors name file, row and field."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

import numpy as np
import pytest
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.core.surface import SlabGenerator
from pymatgen.entries.computed_entries import ComputedStructureEntry
from pymatgen.io.ase import AseAtomsAdaptor

import uipbench as package
from uipbench.case import ReferenceStructure
from uipbench.cli import cli
from uipbench.errors import ReferenceDataError, ResultFileError
from uipbench.own_data import open_own_data, read_table, unfinished
from uipbench.own_data.imports import from_pymatgen, read_file, read_images, upright
from uipbench.own_data.slabs import read_slabs
from uipbench.own_data.structures import extxyz, read_structures
from uipbench.own_data.table import OwnCase
from uipbench.own_data.writing import row_text
from uipbench.results import read_result
from uipbench.site.build import build_site
from uipbench.units import J_PER_M2

HEAD = 'format = 1\nname = "set"\n[theory]\nxc = "PBE"\ncode = "x"\ncutoff_ev = 500\n\n'
ROW = '[[case]]\ntask = "surface_energy"\nid = "a"\n'


@dataclass
class Done:
    returncode: int
    stdout: str


def run(*arguments):
    """The command in this process; an error of uipbench as ``main`` shows it."""
    done = CliRunner().invoke(cli, [str(a) for a in arguments])
    if isinstance(done.exception, package.UipbenchError):
        return Done(2, str(done.exception))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Done(done.exit_code, done.output)


def evaluated(atoms, *, forces=True) -> ReferenceStructure:
    copy = atoms.copy()
    copy.pbc = True
    copy.calc = EMT()
    found = copy.get_forces() if forces else np.full((len(copy), 3), np.nan)
    return ReferenceStructure(copy.copy(), copy.get_potential_energy(), found)


def copper():
    """A bulk cell and a slab with the same in-plane lattice."""
    slab = fcc111("Cu", (1, 1, 5), a=3.6, vacuum=7.0)
    cell = fcc111("Cu", (1, 1, 3), a=3.6)
    cell.set_cell([*cell.cell[:2], [0, 0, 3.6 * np.sqrt(3)]])
    return {"bulk": evaluated(cell), "slab": evaluated(slab)}


def by_hand(slab, slab_energy, per_atom):
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    return (slab_energy - len(slab) * per_atom) / (2 * area) * J_PER_M2


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cases.toml").write_text(HEAD + ROW)
    (tmp_path / "a.extxyz").write_text(extxyz(copper()))
    return tmp_path


def test_template_validates_and_is_scored_like_ours(tmp_path):
    mine = tmp_path / "my cases"
    assert run("data", "new", mine).returncode == 0
    assert run("data", "validate", mine).returncode == 0
    assert "Example: Ag(100)" in run("data", "show", mine).stdout
    done = run("score", "emt", "--data", mine)
    assert done.returncode == 0, done.stdout
    assert "Surface energy (own data: my-cases)" in done.stdout
    result = read_result(mine / "results" / "emt" / "surface_energy.json")
    assert result.own_data.name == "my-cases"
    page = (mine / "results" / "site" / "tasks" / "surface_energy.html").read_text()
    assert "own data: my-cases" in page
    assert "chgnet" not in (mine / "results" / "site" / "index.html").read_text()
    assert "is there already" in run("data", "new", mine).stdout


def test_own_results_never_reach_the_public_board(folder, tmp_path):
    out = tmp_path / "results"
    results = package.score("emt", out=out, data=folder, protocols=["fixed"])
    tasks = list(package.load_tasks().values())
    index = build_site(tmp_path / "site", results=list(results.values()), tasks=tasks)
    assert "EMT" not in index.read_text()
    with pytest.raises(ResultFileError, match="on own data 'set', not on the public cases"):
        package.score("emt", out=out, cases=["al_111"], protocols=["fixed"])


def test_model_that_made_the_energies_has_no_error(folder):
    done = run("score", "emt", "--data", folder, "--protocol", "fixed", "--json")
    fixed = json.loads(done.stdout[done.stdout.index("{") :])["emt"]["surface_energy"]["fixed"]
    assert fixed["mae"] < 1e-6
    assert fixed["softening_slope"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("read", [read_structures, read_file])
def test_property_of_a_billion_columns_is_refused_at_once(tmp_path, read):
    text = extxyz(copper()).replace("tags:I:1", "tags:I:06057364258")
    (tmp_path / "a.extxyz").write_text(text)
    with pytest.raises(ReferenceDataError, match="a property with too many columns"):
        read(tmp_path / "a.extxyz")


def test_without_forces_there_are_no_force_errors(tmp_path):
    (tmp_path / "cases.toml").write_text(HEAD + ROW + "value = 1.3\n")
    structures = {
        role: ReferenceStructure(s.atoms, np.nan, np.full((len(s.atoms), 3), np.nan))
        for role, s in copper().items()
    }
    (tmp_path / "a.extxyz").write_text(extxyz(structures))
    found = package.score("emt", out=tmp_path / "r", data=tmp_path, protocols=["fixed"])
    outcome = found["surface_energy"].records[0].outcome
    assert outcome.force_statistics == {}
    assert outcome.values["surface_energy"] > 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("format = 2\n", r"cases.toml: field 'format': Input should be 1"),
        ("format = 1\nname = \n", r"cases.toml: is not TOML: Invalid value .at line 2"),
        (HEAD, r"cases.toml: no \[\[case\]\] yet"),
        (HEAD + ROW + "uncertainty = -1\n", r"line 8, case 1 \('a'\), field 'uncertainty'"),
        (HEAD + ROW + "tier = 'slow'\n", r"case 1 \('a'\), field 'tier': .*'quick' or 'full'"),
        (HEAD + ROW + "colour = 1\n", r"field 'colour': Extra inputs are not permitted"),
        (HEAD + ROW + "structures = '../a'\n", r"field 'structures': String should match"),
        (
            HEAD + ROW + "\n" + ROW,
            r"line 12, case 2 \('a'\), field 'id': there is a surf",
        ),
        (HEAD + ROW.replace("energy", "enrgy"), r"field 'task': .*did you mean surface_energy"),
        (HEAD + ROW + "value = 9\n", r"field 'value': 9 J/m\^2, but the energies of a.extxyz give"),
        (HEAD + ROW.replace('"a"', '"b"'), r"b.extxyz: cannot be read: No such file"),
    ],
)
def test_wrong_tables(folder, tmp_path, table, message):
    (folder / "cases.toml").write_text(table)
    with pytest.raises(ReferenceDataError, match=message):
        open_own_data(folder, tmp_path / "c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("role=slab ", ""), "a.extxyz: frame 2: field 'role' is missing"),
        (lambda t: t.replace("role=slab", "role=bulk"), "frame 2 .role bulk.: field 'role': ano"),
        (lambda t: t.replace("role=slab", "role=plate"), "no frame with role=slab; there: bulk, p"),
        (lambda t: t.replace("energy=", "e="), r"case 1 \('a'\): a.extxyz: role 'bulk' has no en"),
        (lambda t: t[:200], "a.extxyz: is not extended XYZ"),
        (lambda _: "", "a.extxyz: (has no frames|is not extended XYZ)"),
        (lambda t: t.replace("Cu ", "Al ", 1), "not the same composition"),
        (lambda t: t.replace('Lattice="2.54', 'Lattice="2.56', 1), "different in-plane vectors"),
    ],
)
def test_wrong_structures(folder, tmp_path, change, message):
    path = folder / "a.extxyz"
    path.write_text(change(path.read_text()))
    with pytest.raises(ReferenceDataError, match=message):
        open_own_data(folder, tmp_path / "c")


@given(st.binary(max_size=300))
def test_any_bytes_give_structures_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "a.extxyz"
    path.write_bytes(content)
    try:
        message = " ".join(read_structures(path))
    except ReferenceDataError as error:
        message = str(error)
    assert "\n" not in message


def test_validate_says_every_problem(folder):
    (folder / "cases.toml").write_text(HEAD + ROW + ROW.replace('"a"', '"b"') * 1 + "value = 1\n")
    assert len(unfinished(folder)) == 1
    done = run("data", "validate", folder)
    assert done.returncode == 1
    assert "2 cases, 1 with problems" in done.stdout


def test_row_text_round_trip(tmp_path):
    row = OwnCase(
        task="t",
        id="x",
        title='a "quoted" \\ γ\n\x7f',
        value=-1e-7,
        tags={"host": "CoO2", "n": 3, "m": [1, 0], "k.y z": 1.5},
    )
    (tmp_path / "cases.toml").write_text(HEAD + row_text(row))
    assert read_table(tmp_path).case == [row]


def test_slabs_of_pymatgen(tmp_path):
    crystal = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    made = []
    for index in ((1, 1, 1), (1, 1, 0)):
        slab = SlabGenerator(crystal, index, 8, 12, center_slab=False).get_slabs()[0]
        atoms = AseAtomsAdaptor.get_atoms(slab)
        atoms.calc = EMT()
        made.append((slab, atoms, atoms.get_potential_energy()))
    per_atom = bulk("Cu", a=3.6)
    per_atom.calc = EMT()
    energy = per_atom.get_potential_energy()
    entries = [{**slab.as_dict(), "energy": e} for slab, _, e in made]
    (tmp_path / "s.json").write_text(json.dumps(entries))
    mine = tmp_path / "mine"
    command = ("data", "import", "slabs", mine, tmp_path / "s.json", "--prefix", "cu")
    done = run(*command, "--bulk-energy", energy)
    assert done.returncode == 0, done.stdout
    assert "to be done" not in done.stdout
    own = open_own_data(mine, tmp_path / "c")
    cases = {case.id: case for case in own.tasks[0].cases()}
    assert list(cases) == ["cu_110_2", "cu_111_1"]
    for (_, atoms, e), name in zip(made, ("cu_111_1", "cu_110_2"), strict=True):
        assert cases[name].reference("surface_energy") == pytest.approx(by_hand(atoms, e, energy))
    found = package.score("emt", out=tmp_path / "r", data=mine, tier="full")["surface_energy"]
    assert {r.outcome.status for r in found.records} == {"predicted"}
    for record in found.records:
        error = record.outcome.values["surface_energy"] - cases[record.case_id].reference(
            "surface_energy"
        )
        assert abs(error) < (1e-4 if record.protocol == "fixed" else 0.1)
    again = run(*command)
    assert again.returncode == 2
    assert "has 'cu_111_1' already" in again.stdout


def test_slabs_without_energies_say_what_is_left_to_do(tmp_path):
    crystal = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    slab = SlabGenerator(crystal, (1, 0, 0), 8, 12).get_slabs()[0].as_dict()
    (tmp_path / "s.json").write_text(json.dumps(slab))
    done = run("data", "import", "slabs", tmp_path / "m", tmp_path / "s.json")
    assert "to be done" in done.stdout
    assert "has no energy; give energy=… (eV) in its comment line, or state field 'value'" in (
        done.stdout
    )
    (tmp_path / "v.json").write_text(json.dumps([{**slab, "surface_energy": 1.5}]))
    done = run("data", "import", "slabs", tmp_path / "n", tmp_path / "v.json")
    assert "to be done" not in done.stdout
    (tmp_path / "w.json").write_text(json.dumps([crystal.as_dict()]))
    done = run("data", "import", "slabs", tmp_path / "o", tmp_path / "w.json")
    assert "w.json: entry 1: field 'oriented_unit_cell' is missing" in done.stdout


VASPRUN = """<?xml version="1.0"?><modeling>
<kpoints><varray name="kpointlist"><v>0 0 0</v></varray>
<varray name="weights"><v>1</v></varray></kpoints>
<atominfo><atoms>{n}</atoms><types>1</types>
<array name="atoms"><set>{atoms}</set></array></atominfo>
<structure name="initialpos"><crystal><varray name="basis">{cell}</varray></crystal>
<varray name="positions">{positions}</varray></structure>
<calculation><structure><crystal><varray name="basis">{cell}</varray></crystal>
<varray name="positions">{positions}</varray></structure>
<varray name="forces">{forces}</varray>
<scstep><energy><i name="e_fr_energy">-9.5</i><i name="e_0_energy">-9.4</i></energy></scstep>
<energy><i name="e_fr_energy">-9.5</i><i name="e_wo_entrp">-9.3</i><i name="e_0_energy">-9.4</i>
</energy></calculation></modeling>"""


def vasprun(folder, *, name="vasprun.xml", cut=0):
    """The output of a copper crystal, from the end of which some characters are missing."""
    atoms = bulk("Cu", cubic=True)

    def rows(array):
        return "".join(f"<v>{' '.join(map(str, row))}</v>" for row in array)

    text = VASPRUN.format(
        n=4,
        atoms="<rc><c>Cu</c><c>1</c></rc>" * 4,
        cell=rows(atoms.cell[:]),
        positions=rows(atoms.get_scaled_positions()),
        forces=rows(np.full((4, 3), 0.25)),
    )
    content = text[: len(text) - cut].encode()
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return atoms


@pytest.mark.parametrize("name", ["vasprun.xml", "vasprun.xml.gz"])
def test_vasp_output_has_the_energy_without_smearing(tmp_path, name):
    atoms = vasprun(tmp_path, name=name)
    found = read_file(tmp_path)
    assert found.energy == -9.4
    assert found.forces == pytest.approx(np.full((4, 3), 0.25))
    assert found.atoms.positions == pytest.approx(atoms.positions)


@pytest.mark.parametrize("name", ["vasprun.xml", "vasprun.xml.gz"])
def test_a_calculation_that_has_not_ended_is_refused(tmp_path, name):
    vasprun(tmp_path, name=name, cut=12)
    with pytest.raises(ReferenceDataError, match="has not ended"):
        read_file(tmp_path)
    (tmp_path / "OUTCAR").write_text("energy(sigma->0) = -9.4")
    with pytest.raises(ReferenceDataError, match="General timing and accounting"):
        read_file(tmp_path / "OUTCAR")


def test_files_of_many_kinds(tmp_path):
    structures = copper()
    write(tmp_path / "POSCAR", structures["bulk"].atoms)
    plain = structures["slab"].atoms
    plain.info.clear()
    slab = AseAtomsAdaptor.get_structure(plain)
    entry = ComputedStructureEntry(slab, structures["slab"].energy, correction=1.0)
    (tmp_path / "slab.json").write_text(json.dumps(entry.as_dict()))
    command = ("data", "import", "files", tmp_path / "m", "--task", "surface_energy", "--id", "c")
    command += (
        f"bulk={tmp_path / 'POSCAR'}@{structures['bulk'].energy}",
        f"slab={tmp_path}/slab.json",
    )
    done = run(*command, "--source", "doi:10.1/x", "--tag", "termination=0", "--fixed-only")
    assert done.returncode == 0, done.stdout
    assert "to be done" not in done.stdout
    case = open_own_data(tmp_path / "m", tmp_path / "c").tasks[0].cases()[0]
    expected = by_hand(
        structures["slab"].atoms, structures["slab"].energy, structures["bulk"].energy / 3
    )
    assert case.reference("surface_energy") == pytest.approx(expected, abs=1e-6)
    assert (case.protocols, case.tags) == (("fixed",), {"termination": 0})
    missing = run("data", "import", "files", tmp_path / "m", "--task", "t", "--id", "d", "x=none")
    assert "no such file" in missing.stdout


def hop():
    """Five images of a copper adatom across the border of its cell."""
    slab = fcc111("Cu", (2, 2, 2), a=3.6, vacuum=6.0, orthogonal=True)
    images = []
    for x in np.linspace(-0.4, 0.4, 5):
        image = slab.copy()
        image.append("Cu")
        image.positions[-1] = [x, 1.0, slab.positions[:, 2].max() + 1.9]
        image.pbc = True
        image.wrap()
        image.calc = EMT()
        image.get_forces()
        images.append(image)
    return images


@pytest.mark.parametrize("kind", ["trajectory", "files", "folders"])
def test_images_of_a_band(tmp_path, kind):
    images = hop()
    if kind == "trajectory":
        paths = [tmp_path / "band.traj"]
        write(paths[0], images)
    elif kind == "files":
        paths = [tmp_path]
        for i, image in enumerate(images):
            write(tmp_path / f"image_{i * 5}.extxyz", image)
    else:
        paths = [tmp_path]
        for i, image in enumerate(images):
            (tmp_path / f"{i:02d}").mkdir()
            write(tmp_path / f"{i:02d}" / "CONTCAR", image)
    energies = None if kind != "folders" else [i.get_potential_energy() for i in images]
    found = read_images(paths, energies)
    assert [s.energy for s in found] == pytest.approx([i.get_potential_energy() for i in images])
    steps = np.diff([s.atoms.positions for s in found], axis=0)
    assert np.abs(steps).max() == pytest.approx(0.2, abs=1e-6)
    with pytest.raises(ReferenceDataError, match="5 images, but 2 energies"):
        read_images(paths, [1.0, 2.0])


def test_images_without_energies_are_named(tmp_path):
    image = hop()[0]
    image.calc = None
    for i in range(3):
        write(tmp_path / f"{i}.xyz", image)
    with pytest.raises(ReferenceDataError, match="image 0 has no energy"):
        read_images([tmp_path], None)


def test_a_finished_band_is_scored(tmp_path):
    write(tmp_path / "band.traj", hop())
    slab = hop()[0]
    del slab[-1]
    write(tmp_path / "perfect.cif", slab)  # has no energy, and the barrier needs none
    command = ("data", "import", "neb", tmp_path / "m", tmp_path / "band.traj", "--id", "cu")
    done = run(*command, "--bulk", tmp_path / "perfect.cif")
    assert done.returncode == 0, done.stdout
    assert "to be done" not in done.stdout
    found = package.score("emt", out=tmp_path / "r", data=tmp_path / "m", protocols=["fixed"])
    energies = [image.get_potential_energy() for image in hop()]
    barrier = found["li_migration"].records[0].outcome.values["migration_barrier"]
    assert barrier == pytest.approx(max(energies) - energies[0], abs=1e-5)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_upright_keeps_distances_and_turns_forces(seed, mirrored):
    random = np.random.default_rng(seed)
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    if mirrored != (np.linalg.det(turn) < 0):
        turn[0] *= -1
    turned = atoms.copy()
    turned.set_cell(atoms.cell[:] @ turn)
    turned.positions = atoms.positions @ turn
    forces = random.normal(size=(8, 3))
    found = upright(ReferenceStructure(turned, 0.0, forces @ turn), vacuum=False)
    cell = found.atoms.cell[:]
    assert np.allclose([cell[0, 1], cell[0, 2], cell[1, 2]], 0)
    assert (np.diag(cell) > 0).all()
    before = atoms.positions[:, None] - atoms.positions
    after = found.atoms.positions[:, None] - found.atoms.positions
    assert np.allclose(
        np.einsum("ijk,ik->ij", before, forces), np.einsum("ijk,ik->ij", after, found.forces)
    )
    assert np.allclose(np.linalg.norm(before, axis=2), np.linalg.norm(after, axis=2))


SLAB = {
    "lattice": {"matrix": [[3, 0, 0], [0, 3, 0], [0, 0, 20]]},
    "sites": [{"species": [{"element": "Cu", "occu": 1}], "abc": [0, 0, 0]}],
}
SLAB = {**SLAB, "oriented_unit_cell": SLAB, "miller_index": [1, 0, 0], "energy": 1.0}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(-3, 3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*SLAB]), st.sampled_from(["", "lattice", "sites"]), JSON)
def test_any_json_gives_slabs_or_one_line(tmp_path, field, inside, value):
    slab = {**SLAB, field: value}
    if inside:
        slab["oriented_unit_cell"] = {**SLAB, inside: value}
    path = tmp_path / "s.json"
    path.write_text(json.dumps(slab))
    try:
        assert all(isinstance(s.name, str) for s in read_slabs(path, None))
    except ReferenceDataError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message


def test_code_is_never_run(tmp_path):
    (tmp_path / "a.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    with pytest.raises(ReferenceDataError, match=r"a\.py: is a program"):
        read_file(tmp_path / "a.py")
    assert not (tmp_path / "run").exists()


def test_disorder_is_refused():
    site = {"species": [{"element": "Li", "occu": 0.5}], "abc": [0, 0, 0]}
    structure = {"lattice": {"matrix": np.eye(3).tolist()}, "sites": [site]}
    with pytest.raises(ReferenceDataError, match=r"f\.json: site 0: is not occupied by one whole"):
        from_pymatgen(structure, "f.json")


def test_full_tier_is_not_advised_for_cases_of_one_protocol(folder):
    table = folder / "cases.toml"
    table.write_text(table.read_text() + 'protocols = ["fixed"]\n')
    done = run("score", "emt", "--data", folder)
    assert done.returncode == 0, done.stdout
    assert "--tier full" not in done.stdout
