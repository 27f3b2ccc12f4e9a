"""Model files: what is read from them, and one line for everything that is wrong with them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import write_model
from uipbench.errors import RegistryError
from uipbench.model_registry import find_model, list_models
from uipbench.modelfile import read_model_file
from uipbench.results import CardRecord

if TYPE_CHECKING:
    from pathlib import Path

LOAD = "def load(checkpoint, device, dtype):\n    return None\n"
NAMES = (
    "chgnet",
    "chgnet-0.2.0",
    "chgnet-r2scan",
    "emt",
    "sevennet-0",
    "sevennet-l3i5",
    "sevennet-mf-0",
)


def write(folder: Path, header: str, body: str = LOAD) -> Path:
    path = folder / "mine.py"
    lines = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    path.write_text(f"# /// script\n{lines}# ///\n{body}")
    return path


def error_of(path: Path, *, own: bool = True) -> str:
    with pytest.raises(RegistryError) as caught:
        read_model_file(path, own=own)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def test_own_file_needs_no_card(tmp_path: Path) -> None:
    model = read_model_file(write(tmp_path, 'dependencies = ["ase"]'), own=True)
    assert model.own
    assert model.card.name == model.card.title == "mine"
    assert model.card.licence == "unknown"
    assert model.card.elements == []
    assert model.card.parameters is None
    assert model.weights is None
    assert not model.has_batch


def test_all_parts_of_a_header(tmp_path: Path) -> None:
    header = f"""
requires-python = ">=3.11"
dependencies = ["torch~=2.13.0"]
[tool.uipbench]
name = "full"
elements = "1-3, 79"
elements-except = ["He"]
no-deps = ["matgl==1.2.7"]
training-data = "some"
[tool.uipbench.environment]
MY_SETTING = "1"
[tool.uipbench.weights]
package = "pkg"
file = "a/b.pt"
sha256 = "{"ab" * 32}"
[[tool.uipbench.golden]]
structure = "Si"
energy_per_atom = -5.4
"""
    batch = "def load_batch(checkpoint, device, dtype): ...\n"
    model = read_model_file(write(tmp_path, header, LOAD + batch), own=True)
    assert model.card.elements == ["H", "Li", "Au"]
    assert model.card.training_data == "some"
    assert model.requires_python == ">=3.11"
    assert (model.dependencies, model.no_deps) == (("torch~=2.13.0",), ("matgl==1.2.7",))
    assert model.environment == {"MY_SETTING": "1"}
    assert model.weights is not None
    assert model.weights.file == "a/b.pt"
    assert (model.golden[0].structure, model.golden[0].energy_per_atom) == ("Si", -5.4)
    assert model.has_batch


def test_comments_layout_and_docstrings_do_not_change_the_digest(tmp_path: Path) -> None:
    def digest(body: str, header: str = "") -> str:
        return read_model_file(write(tmp_path, header, body), own=True).code_sha256

    plain = digest(LOAD)
    assert digest('"""Doc."""\n\n\n# comment\n' + LOAD.replace("    ", "  ")) == plain
    assert digest(LOAD.replace("None", "True")) != plain
    assert digest(LOAD, "[tool.uipbench.environment]\nFAST = '1'") != plain


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("dependencies = [", r"header that starts in line 1 is not TOML"),
        ('dependencies = "ase"', r"'dependencies' is 'ase', expected a list of texts"),
        ('dependencies = ["ase=>3"]', "expected requirements like"),
        ('dependancies = ["ase"]', "unknown key 'dependancies'; did you mean 'dependencies'"),
        ("requires-python = 3", "'requires-python' is 3, expected a text like"),
        ('requires-python = "three"', "'requires-python' is 'three', expected"),
        ('[tool.uipbench]\nlicense = "MIT"', "unknown key 'license'; did you mean 'licence'"),
        ("[tool.uipbench]\nname = 3", r"'name' is '3'"),
        ('[tool.uipbench]\nname = "a b"', r"'name' is 'a b'"),
        ('[tool.uipbench]\nname = "../up"', r"'name' is '../up'"),
        ('[tool.uipbench]\nparameters = "many"', "'parameters' is 'many'"),
        ('[tool.uipbench]\nelements = "H-Pu"', "ranges of atomic numbers"),
        ('[tool.uipbench]\nelements = "0-4"', "between 1 and 118"),
        ('[tool.uipbench]\nelements = ["Xx"]', "'Xx' is none"),
        ("[tool.uipbench]\nelements = 5", "'5' is none"),
        ('[tool.uipbench]\nno-deps = "x"', "'no_deps' is 'x', expected a list"),
        ("[tool.uipbench.environment]\nA = 1", "expected a table of texts"),
        ('[tool.uipbench.weights]\npackage = "x"', "also the key 'file'"),
        ('[tool.uipbench.weights]\nsha512 = "x"', "unknown key 'sha512'"),
        (
            '[tool.uipbench.weights]\npackage="x"\nfile="y"\nsha256="z"',
            "sha256 of 64 hexadecimal digits",
        ),
        (
            '[tool.uipbench.weights]\nurl="https://x"\nfile="y"\nfiles={a="z"}',
            "sha256 of 64 hexadecimal digits",
        ),
        ('[tool.uipbench.weights]\nurl="https://x"', "also the key 'file'"),
        ('[tool.uipbench]\nweights = "x"', "'weights' is 'x', expected a table"),
        ("[[tool.uipbench.golden]]\nstructure = 1", "energy_per_atom"),
        ('[tool.uipbench]\napproximate = ["energy"]', "some of forces, rotation, stress"),
        ("[tool]\nuipbench = 1", r"\[tool.uipbench\] is int, expected a table"),
    ],
)
def test_bad_header_is_one_line(tmp_path: Path, header: str, message: str) -> None:
    path = write(tmp_path, header)
    error_of(path)
    with pytest.raises(RegistryError, match=message):
        read_model_file(path, own=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LOAD, "no '# /// script' header"),
        ("# /// script\n# dependencies = []\n" + LOAD, ":1: .*is not closed"),
        ("\n\n# /// script\n#bad\n# ///\n" + LOAD, ":3: .*is not closed"),
        ("# /// script\n# ///\n" * 2 + LOAD, "2 '# /// script' headers"),
        ("# /// script\n# ///\nx = (\n", ":3: not Python"),
        ("# /// script\n# ///\nx = 1\n", "no function 'load"),
        ("# /// script\n# ///\ndef load(path): ...\n", ":3: 'load' takes 1 arguments, expected"),
        ("# /// script\n# ///\nx = '\0'\n", "not Python"),
        ("# /// script\n# ///\nx = " + "-" * 9000 + "1\n", ": not Python: "),
    ],
)
def test_bad_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.py"
    path.write_text(text)
    error_of(path)
    with pytest.raises(RegistryError, match=message):
        read_model_file(path, own=True)


def test_file_with_windows_line_ends_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, 'dependencies = ["ase"]')
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_model_file(path, own=True).dependencies == ("ase",)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\x80\x02weights", "not UTF-8"), (b"#" * 2**21, "too large for a model file")],
)
def test_checkpoint_given_as_model_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "weights.py"
    path.write_bytes(content)
    assert message in error_of(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in error_of(tmp_path / "none.py")
    assert "cannot be read: Is a directory" in error_of(tmp_path)


def test_registered_model_states_its_whole_card(tmp_path: Path) -> None:
    path = write(tmp_path, '[tool.uipbench]\nname = "x"')
    assert "'title' Field required" in error_of(path, own=False)


def test_reading_never_runs_the_file(tmp_path: Path) -> None:
    read_model_file(write(tmp_path, "", "raise SystemExit\n" + LOAD), own=True)


VARIANTS = """
dependencies = ["ase"]
[tool.uipbench]
family = "Toy"
xc = "PBE"
[tool.uipbench.environment]
A = "1"
[tool.uipbench.variants.toy-small]
checkpoint = "small"
xc = "r2SCAN"
training-data = "little"
[tool.uipbench.variants."toy-0.1"]
checkpoint = "large"
"""
VARIANT_LOAD = "def load(checkpoint, device, dtype, variant):\n    return None\n"


def test_variants_share_what_they_do_not_state(tmp_path: Path) -> None:
    path = write(tmp_path, VARIANTS, VARIANT_LOAD)
    small, large = (find_model(f"{path}::{name}") for name in ("toy-small", "toy-0.1"))
    assert (small.card.name, small.variant, small.card.xc) == ("toy-small", "small", "r2SCAN")
    assert (large.card.name, large.variant, large.card.xc) == ("toy-0.1", "large", "PBE")
    assert (small.card.family, small.card.training_data) == ("Toy", "little")
    assert dict(large.environment) == {"A": "1"}
    assert small.own
    assert small.address == f"{path}::toy-small"
    assert small.code_sha256 != large.code_sha256


@pytest.mark.parametrize(
    ("header", "body", "name", "message"),
    [
        (VARIANTS, VARIANT_LOAD, "", "no variant ''; known: toy-small, toy-0.1; .*FILE::NAME"),
        (VARIANTS, VARIANT_LOAD, "toy-smal", "did you mean 'toy-small'"),
        (VARIANTS, LOAD, "toy-small", r"expected load\(checkpoint, device, dtype, variant\)"),
        ("[tool.uipbench]\nvariants = 1", VARIANT_LOAD, "x", "must be tables by name"),
        ("[tool.uipbench.variants]\n", VARIANT_LOAD, "x", "must be tables by name"),
        (
            '[tool.uipbench]\nname = "x"\n[tool.uipbench.variants.y]',
            VARIANT_LOAD,
            "y",
            "instead of 'name'",
        ),
        (
            "[tool.uipbench.variants.x]\nlicense = 'MIT'",
            VARIANT_LOAD,
            "x",
            r"\[tool.uipbench.variants.x\]: unknown key 'license'",
        ),
    ],
)
def test_bad_variants_are_one_line(
    tmp_path: Path, header: str, body: str, name: str, message: str
) -> None:
    path = write(tmp_path, header, body)
    with pytest.raises(RegistryError, match=message) as caught:
        read_model_file(path, own=True, name=name)
    assert "\n" not in str(caught.value)


def test_registry_has_the_models() -> None:
    assert set(NAMES) <= set(list_models())


def test_registered_model_may_be_given_by_path() -> None:
    assert not find_model(list_models()["emt"]).own


def test_unknown_name_has_the_nearest() -> None:
    with pytest.raises(RegistryError, match="no model named 'chgnett'; did you mean 'chgnet'"):
        find_model("chgnett")


def test_name_of_nothing_known_lists_all() -> None:
    with pytest.raises(RegistryError, match=r"known: chgnet, .*uipbench list models"):
        find_model("xyzzy42")


def install_plugin(folder: Path, monkeypatch: pytest.MonkeyPatch, value: str, name: str) -> None:
    """Lay out an installed distribution that offers a model, with heavy packages around it."""
    package = folder / "heavy_package" / "models"
    package.mkdir(parents=True)
    for init in (package.parent / "__init__.py", package / "__init__.py"):
        init.write_text("raise ImportError('the harness must not import this')\n")
    card = "".join(
        f'# {field} = "x"\n'
        for field in CardRecord.model_fields
        if field not in {"name", "parameters", "elements", "energy_corrections"}
    )
    extra = card + '# parameters = 1\n# elements = ["Cu"]\n'
    write_model(package / "plugin_model.py", LOAD, name=name, extra=extra)
    info = folder / "heavy_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: heavy-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[uipbench.models]\nplugin = {value}\n")
    monkeypatch.syspath_prepend(str(folder))


def test_entry_point_offers_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, monkeypatch, "heavy_package.models.plugin_model", "plugged")
    model = find_model("plugged")
    assert model.path == tmp_path / "heavy_package" / "models" / "plugin_model.py"
    assert not model.own


def test_lost_entry_point_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, monkeypatch, "heavy_package.models.lost", "plugged")
    with pytest.raises(RegistryError, match=r"entry point 'plugin' \(heavy_package.models.lost\)"):
        list_models()


def test_two_models_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_plugin(tmp_path, monkeypatch, "heavy_package.models.plugin_model", "emt")
    with pytest.raises(RegistryError, match=r"a model named 'emt' is in .*emt.py already"):
        list_models()


def test_listing_imports_no_model_package() -> None:
    code = (
        "import sys; from uipbench.model_registry import list_models; list_models();"
        "assert not {'torch', 'ase', 'chgnet'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "golden",
    ["5", *(f'[{{structure = "NaCl", energy_per_atom = {e}}}]' for e in ("nan", "inf", "9" * 400))],
)
def test_golden_energy_that_is_none_is_refused(tmp_path, golden):
    extra = f"# golden = {golden}\n"
    path = write_model(tmp_path / "m.py", "def load(c, d, t): ...\n", extra=extra)
    with pytest.raises(RegistryError, match=r"golden.*'energy_per_atom' \(eV\)"):
        read_model_file(path, own=True)


@pytest.mark.parametrize("number", ["-5", "9" * 400])
def test_number_of_parameters_that_no_model_has_is_refused(tmp_path, number):
    path = write_model(
        tmp_path / "m.py", "def load(c, d, t): ...\n", extra=f"# parameters = {number}\n"
    )
    with pytest.raises(RegistryError, match=r"'parameters' is .* should be (less|greater) than or"):
        read_model_file(path, own=True)
