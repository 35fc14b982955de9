"""The package as a stranger gets it: its public names, its version, its wheel, its first page."""

import hashlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pymc_vibes


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def vendored(root: Path) -> Path:
    return root / "src/pymc_vibes/http/static/vendor"


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(folder),
    ]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_public_names_are_few_and_declared() -> None:
    declared = getattr(pymc_vibes, "__all__", [])
    tools = {"TYPE_CHECKING", "Any", "contextmanager", "import_module"}
    defined = {
        name
        for name in vars(pymc_vibes)
        if not name.startswith("_") and not isinstance(getattr(pymc_vibes, name), ModuleType)
    }

    assert len(declared) <= 15
    assert defined - tools <= set(declared)
    assert all(hasattr(pymc_vibes, name) for name in declared)


def test_the_version_stands_in_one_place(project: dict[str, Any], modules: dict[str, str]) -> None:
    repeated = [
        name
        for name, text in modules.items()
        if name.startswith("src/")
        and re.search(rf"""["']{re.escape(project["version"])}["']""", text)
    ]

    assert importlib.metadata.version("pymc-vibes") == project["version"]
    assert repeated == []


def test_the_changelog_speaks_of_the_version(
    project: dict[str, Any], texts: dict[str, str]
) -> None:
    assert re.search(rf"^## .*{re.escape(project['version'])}", texts["CHANGELOG.md"], re.MULTILINE)


def test_the_wheel_holds_all_of_the_package(wheel: zipfile.ZipFile, root: Path) -> None:
    source = root / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert files - set(wheel.namelist()) == set()


def test_the_wheel_ships_the_licenses(wheel: zipfile.ZipFile, project: dict[str, Any]) -> None:
    shipped = {name.partition("/licenses/")[2] for name in wheel.namelist()}

    assert set(project["license-files"]) - shipped == set()


def test_every_vendored_library_has_its_license(vendored: Path) -> None:
    licenses = (vendored / "LICENSES.txt").read_text("utf-8")
    libraries = {re.split(r"[-.]", path.name)[0] for path in vendored.glob("*.js")}

    assert libraries
    assert {name for name in libraries if name not in licenses} == set()


def test_vendored_files_are_the_ones_that_were_built(vendored: Path) -> None:
    recorded = {
        name: digest
        for digest, name in map(str.split, (vendored / "SHA256SUMS").read_text().splitlines())
    }

    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendored.iterdir()
        if path.name != "SHA256SUMS"
    }

    assert found == recorded


def test_the_first_two_commands_of_the_readme_are_verbs(texts: dict[str, str]) -> None:
    commands = re.findall(r"^(?:\$ )?make ([a-z-]+)", texts["README.md"], re.MULTILINE)
    verbs = re.findall(r"^([a-z-]+):", texts["Makefile"], re.MULTILINE)

    assert commands[:2] == ["demo", "test"]
    assert set(commands) <= set(verbs)
