"""Virtual environments of models, made by a real pip from wheels that the tests write."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from ase.build import bulk

from tests.conftest import write_model
from uipbench.environment_build import install_commands, interpreter_for
from uipbench.environments import (
    MARKER,
    Environment,
    ensure_environment,
    environment_key,
    environments_folder,
    existing_environment,
    list_environments,
    package_versions,
    remove_environment,
)
from uipbench.errors import EnvironmentSetupError, RegistryError
from uipbench.installed import running_interpreter_satisfies
from uipbench.modelfile import ModelFile, read_model_file
from uipbench.weights import weights_sha256
from uipbench.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Run

LOAD = "def load(checkpoint, device, dtype):\n    return None\n"
WEIGHTS = b"these are the weights"
WEIGHTS_SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


def write_wheel(folder: Path, name: str, version: str, requires: str = "") -> None:
    """A wheel of one package with a weights file in it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": b"",
        f"{name}/data/weights.pt": WEIGHTS,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"
        "\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        record = ""
        for path, content in files.items():
            wheel.writestr(path, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record += f"{path},sha256={digest.decode()},{len(content)}\n"
        wheel.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pip that installs from a folder of wheels without any network."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("ase", "numpy"):
        write_wheel(wheels, name, "99.0")
    write_wheel(wheels, "tinymodel", "1.5")
    write_wheel(wheels, "stalepins", "2.0", "Requires-Dist: does-not-exist==0\n")
    monkeypatch.setenv("UIPBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return tmp_path / "cache"


def model_file(folder: Path, dependencies: list[str], extra: str = "") -> Path:
    path = write_model(folder / "tiny.py", LOAD, extra=extra)
    text = path.read_text().replace('dependencies = ["ase"]', f"dependencies = {dependencies}")
    path.write_text(text)
    return path


def tiny(folder: Path, dependencies: list[str], extra: str = "") -> ModelFile:
    return read_model_file(model_file(folder, dependencies, extra), own=True)


WEIGHTS_TABLE = (
    "# [tool.uipbench.weights]\n"
    '# package = "tinymodel"\n# file = "data/weights.pt"\n'
    f'# sha256 = "{WEIGHTS_SHA256}"\n'
)


def test_running_interpreter_is_used_where_it_fits(tmp_path: Path, cache: Path) -> None:
    model = tiny(tmp_path, ["ase>=3.26", "numpy"])
    environment = ensure_environment(model, offline=True)
    assert environment.own_interpreter
    assert str(environment.python) == sys.executable
    assert set(package_versions(model, environment)) == {"ase", "numpy"}
    assert not cache.exists()


@pytest.mark.parametrize(
    ("python", "requirements", "satisfied"),
    [
        ("", [], True),
        ("", ["ase>=3.26,<4"], True),
        ("", ["ase>=99"], False),
        ("", ["no-such-package"], False),
        ("", ["no-such-package; sys_platform == 'nowhere'"], True),
        ("", ["ase @ file:///somewhere"], False),
        ("", ["coverage[toml]"], True),
        ("", ["importlib_metadata[nothing]; python_version < '3'"], True),
        ("<3.11", ["ase"], False),
    ],
)
def test_whether_the_running_interpreter_fits(
    python: str, requirements: list[str], *, satisfied: bool
) -> None:
    assert running_interpreter_satisfies(python, requirements) == satisfied


def test_environment_is_made_once_and_found_again(tmp_path: Path, cache: Path) -> None:
    model = tiny(tmp_path, ["tinymodel==1.5"], WEIGHTS_TABLE)
    lines: list[str] = []
    made = ensure_environment(model, report=lines.append)
    assert any(line.startswith("Creating an environment for tiny") for line in lines)
    assert any("tinymodel" in line for line in lines)
    assert not made.own_interpreter
    assert made.versions["tinymodel"] == "1.5"
    assert made.versions["ase"] == "99.0"
    assert package_versions(model, made) == {"tinymodel": "1.5"}
    assert weights_sha256(model, made, None) == WEIGHTS_SHA256

    lines.clear()
    assert ensure_environment(model, offline=True, report=lines.append) == made
    assert lines == []
    (info,) = list_environments()
    assert info.key == environment_key(model) == made.python.parent.parent.name
    assert info.complete
    assert info.dependencies == ("tinymodel==1.5",)
    assert info.size_bytes() > 1_000_000
    marker = json.loads((info.path / MARKER).read_text())
    assert marker["installer"] == "pip"

    (made.site_packages / "tinymodel/data/weights.pt").write_bytes(b"others")
    with pytest.raises(EnvironmentSetupError, match=r"sha256 .*expected .*remove and create"):
        weights_sha256(model, made, None)
    (made.site_packages / "tinymodel/data/weights.pt").unlink()
    with pytest.raises(EnvironmentSetupError, match=r"weights.pt: .*No such file"):
        weights_sha256(model, made, None)

    remove_environment(info.key)
    assert list_environments() == []
    assert existing_environment(model) is None
    assert cache.exists()


def test_package_without_its_own_dependencies(tmp_path: Path, cache: Path) -> None:
    model = tiny(tmp_path, ["tinymodel"], '# no-deps = ["stalepins==2.0"]\n')
    environment = ensure_environment(model)
    assert package_versions(model, environment) == {"stalepins": "2.0", "tinymodel": "1.5"}
    assert environment.site_packages.is_relative_to(cache)


@pytest.mark.usefixtures("cache")
def test_interrupted_build_is_cleaned_up(tmp_path: Path) -> None:
    model = tiny(tmp_path, ["tinymodel"])
    folder = environments_folder() / environment_key(model)
    (folder / "lib").mkdir(parents=True)
    (folder / "half-written").touch()
    assert [info.complete for info in list_environments()] == [False]
    assert existing_environment(model) is None
    ensure_environment(model)
    assert not (folder / "half-written").exists()
    assert [info.complete for info in list_environments()] == [True]


@pytest.mark.usefixtures("cache")
def test_damaged_marker_counts_as_unfinished(tmp_path: Path) -> None:
    model = tiny(tmp_path, ["tinymodel"])
    folder = environments_folder() / environment_key(model)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text('{"python": ')
    assert existing_environment(model) is None


TWICE = """
import sys
from pathlib import Path
from uipbench.environments import ensure_environment
from uipbench.modelfile import read_model_file
ensure_environment(read_model_file(Path(sys.argv[1]), own=True), report=print)
"""


@pytest.mark.usefixtures("cache")
def test_two_processes_make_it_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TWICE, str(model_file(tmp_path, ["tinymodel"]))]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("Creating an environment" in text for text in said) == [False, True]


def test_key_depends_on_the_packages_alone(tmp_path: Path) -> None:
    key = environment_key(tiny(tmp_path, ["b", "a"]))
    assert environment_key(tiny(tmp_path, ["a", "b"], '# title = "x"\n')) == key
    assert environment_key(tiny(tmp_path, ["a", "b==1"])) != key
    assert environment_key(tiny(tmp_path, ["a"], '# no-deps = ["b"]\n')) != key


@pytest.mark.usefixtures("cache")
def test_package_that_does_not_exist(tmp_path: Path) -> None:
    model = tiny(tmp_path, ["no-such-package-anywhere"])
    with pytest.raises(EnvironmentSetupError, match="no set of packages fits") as caught:
        ensure_environment(model)
    assert "no-such-package-anywhere" in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 16
    assert list_environments() == []


@pytest.mark.usefixtures("cache")
def test_no_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(EnvironmentSetupError, match=r"index cannot be reached: .*PIP_INDEX_URL"):
        ensure_environment(tiny(tmp_path, ["tinymodel"]))


def test_offline_names_what_is_needed(tmp_path: Path, cache: Path) -> None:
    model = tiny(tmp_path, ["tinymodel==1.5"])
    with pytest.raises(
        EnvironmentSetupError, match=r"tinymodel==1.5.*uipbench env create .*tiny.py"
    ):
        ensure_environment(model, offline=True)
    assert not cache.exists()


def needing_python(folder: Path, specifier: str) -> ModelFile:
    path = model_file(folder, ["tinymodel"])
    path.write_text(path.read_text().replace(">=3.11", specifier))
    return read_model_file(path, own=True)


@pytest.mark.usefixtures("cache")
def test_no_python_is_known_to_fit(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentSetupError, match="needs Python >=4"):
        ensure_environment(needing_python(tmp_path, ">=4"))


@pytest.mark.usefixtures("cache")
def test_no_python_on_the_path_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name on the PATH that does not run, as a version manager's may, is no interpreter."""
    shim = tmp_path / "bin" / "python3.18"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\necho 'not installed' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    message = "needs Python >=3.18, .* no other fits on the PATH; .*--installer uv"
    with pytest.raises(EnvironmentSetupError, match=message):
        ensure_environment(needing_python(tmp_path, ">=3.18"))


def test_another_python_on_the_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "bin" / "python3.18"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho 3.18.2\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert interpreter_for(">=3.18") == (str(other), "3.18")
    assert interpreter_for(">=3.18.3,<3.19") == (None, "3.18")
    create, *_ = install_commands(needing_python(tmp_path, ">=3.18"), tmp_path / "e", "pip")
    assert create == [str(other), "-m", "venv", str(tmp_path / "e")]


@pytest.mark.usefixtures("cache")
def test_uv_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentSetupError, match="uv is not on the PATH"):
        ensure_environment(tiny(tmp_path, ["tinymodel"]), installer="uv")


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("UIPBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EnvironmentSetupError, match="cannot be written: Not a directory"):
        ensure_environment(tiny(tmp_path, ["tinymodel"]))


@pytest.mark.usefixtures("cache")
def test_removing_what_is_not_there() -> None:
    with pytest.raises(EnvironmentSetupError, match="no environment with key 'beef'"):
        remove_environment("beef")
    with pytest.raises(EnvironmentSetupError, match="no environment with key"):
        remove_environment("../..")


def test_digest_of_an_own_checkpoint(tmp_path: Path) -> None:
    model = tiny(tmp_path, ["ase"])
    environment = Environment(tmp_path, tmp_path)
    checkpoint = tmp_path / "mine.pt"
    checkpoint.write_bytes(WEIGHTS)
    assert weights_sha256(model, environment, checkpoint) == WEIGHTS_SHA256
    assert weights_sha256(model, environment, None) is None
    with pytest.raises(RegistryError, match=r"none.pt: cannot be read: No such file.*--checkpoint"):
        weights_sha256(model, environment, tmp_path / "none.pt")


@pytest.mark.usefixtures("cache")
def test_command_line(tmp_path: Path, uipbench: Callable[..., Run]) -> None:
    path = str(model_file(tmp_path, ["tinymodel==1.5"], WEIGHTS_TABLE))
    assert "No environments yet" in uipbench("env", "list").stdout
    assert "not made yet" in uipbench("env", "show", path).stdout
    created = uipbench("env", "create", path)
    assert created.returncode == 0, created.stderr
    assert "is ready" in created.stdout
    assert "tinymodel-1.5-py3-none-any.whl" in created.stderr
    (row,) = json.loads(uipbench("env", "list", "--json").stdout)
    assert row["versions"]["tinymodel"] == "1.5"
    assert row["models"] == []
    shown = json.loads(uipbench("env", "show", path, "--json").stdout)
    assert shown["packages"] == {"tinymodel": "1.5"}
    assert shown["weights_sha256"] == WEIGHTS_SHA256
    assert shown["n_packages"] == len(row["versions"])
    assert shown["size_bytes"] == row["size_bytes"]
    head, line = uipbench("env", "list").stdout.splitlines()
    assert head.split() == ["key", "python", "size", "packages", "made", "models"]
    assert line.split()[0] == row["key"]
    assert line.endswith("no registered model")
    shown_lines = uipbench("env", "show", path).stdout.splitlines()
    assert any(re.match(r"size +\d+\.\d MB, \d+ packages$", x) for x in shown_lines)
    assert uipbench("env", "remove", path).stdout == f"removed {row['key']}\n"
    again = uipbench("env", "remove", path)
    assert again.returncode == 2
    assert "has no environment of its own" in again.stderr


@pytest.mark.usefixtures("cache")
def test_resolve_installs_nothing_and_names_what_cannot_be_found(
    tmp_path: Path, uipbench: Callable[..., Run]
) -> None:
    good = model_file(tmp_path, ["tinymodel==1.5"], '# no-deps = ["stalepins==2.0"]\n')
    bad = good.with_name("bad.py")
    bad.write_text(good.read_text().replace("==1.5", "==1.6").replace('"tiny"', '"bad"'))
    both = uipbench("env", "resolve", str(good), str(bad))
    assert both.returncode == 1
    first, second, *_ = both.stdout.splitlines()
    assert first == "resolved  tiny"
    assert second.startswith("failed    bad: no packages: the step 'install' failed")
    assert "tinymodel==1.6" in both.stdout
    assert list_environments() == []


@pytest.mark.slow
def test_packages_of_every_registered_model_can_still_be_found(
    uipbench: Callable[..., Run],
) -> None:
    done = uipbench("env", "resolve", timeout=3600)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_worker_runs_in_an_environment_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real installation of another ase than the one that runs the tests."""
    monkeypatch.setenv("UIPBENCH_CACHE", str(tmp_path / "cache"))
    body = (
        "from ase.calculators.emt import EMT\nimport ase\n\n"
        "def load(checkpoint, device, dtype):\n"
        "    assert ase.__version__ == '3.26.0', ase.__version__\n    return EMT()\n"
    )
    path = write_model(tmp_path / "old_ase.py", body)
    path.write_text(path.read_text().replace('["ase"]', '["ase==3.26.0"]'))
    model = read_model_file(path, own=True)
    environment = ensure_environment(model)
    assert package_versions(model, environment) == {"ase": "3.26.0"}
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "numpy.py").write_text("raise ImportError('PYTHONPATH leaks')")
    with WorkerProcess(
        model, environment, checkpoint=None, device="cpu", dtype="default"
    ) as worker:
        worker.start(120)
        (answer,) = worker.evaluate([bulk("Cu")], ("energy", "forces"), 60)
    assert answer.energy == pytest.approx(-0.0057, abs=1e-3)  # type: ignore[union-attr]


@pytest.mark.slow
def test_worker_runs_in_another_python_than_the_harness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uipbench: Callable[..., Run]
) -> None:
    """Scored from the command line by a Python of the PATH that the harness does not run in."""
    versions = [f"3.{minor}" for minor in (14, 13, 12) if minor != sys.version_info.minor]
    runs = (v for v in versions if interpreter_for(f"=={v}.*")[0] is not None)
    other = next(runs, None)
    if other is None:
        pytest.skip(f"none of Python {', '.join(versions)} is on the PATH")
    monkeypatch.setenv("UIPBENCH_CACHE", str(tmp_path / "cache"))
    body = (
        "import sys\nfrom ase.calculators.emt import EMT\n\n"
        "def load(checkpoint, device, dtype):\n"
        f"    assert sys.version.startswith('{other}.'), sys.version\n    return EMT()\n"
    )
    path = write_model(tmp_path / "newer.py", body)
    path.write_text(path.read_text().replace(">=3.11", f"=={other}.*"))
    done = uipbench(
        *("score", "./newer.py", "--tasks", "surface_energy"),
        *("--cases", "al_111", "--protocol", "fixed"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (info,) = list_environments()
    assert info.python == other
