"""The wheel in an empty environment, as a stranger installs it: by pip, and as a tool."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(900)


def works(candidate: str) -> bool:
    """Say whether it runs: a shim on the PATH may not."""
    try:
        return (
            subprocess.run([candidate, "--version"], check=False, capture_output=True).returncode
            == 0
        )
    except OSError:
        return False


@pytest.fixture(scope="module")
def uv(root: Path) -> str:
    candidates = (
        shutil.which("uv"),
        str(root / ".bootstrap/bin/uv"),
        str(Path.home() / ".local/bin/uv"),
    )
    return next(one for one in candidates if one is not None and works(one))


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    command = ["-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run([sys.executable, *command], cwd=root, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def pins(uv: str, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The releases of the lock: what the tests ran with, and what the cache has."""
    path = tmp_path_factory.mktemp("pins") / "constraints.txt"
    command = [uv, "export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project", "-q"]
    path.write_bytes(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout)
    return path


@pytest.fixture(scope="module", params=["pip", "tool"])
def vibes(
    request: pytest.FixtureRequest,
    uv: str,
    root: Path,
    wheel: Path,
    pins: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """The command as it was installed, far from the checkout."""
    place = tmp_path_factory.mktemp(str(request.param))
    kept = dict(os.environ)  # where packages come from is a matter of the machine
    if request.param == "pip":
        steps = [
            [uv, "venv", "--python", sys.executable, str(place / "env")],
            [uv, "pip", "install", "--python", str(place / "env/bin/python"),
             "--constraints", str(pins), str(wheel)],
        ]  # fmt: skip
        found = place / "env/bin/vibes"
    else:
        kept |= {"UV_TOOL_DIR": str(place / "tools"), "UV_TOOL_BIN_DIR": str(place / "bin")}
        steps = [
            [uv, "tool", "install", "--python", sys.executable, "--constraints", str(pins),
             str(wheel)],
        ]  # fmt: skip
        found = place / "bin/vibes"
    for step in steps:
        done = subprocess.run(step, cwd=root, env=kept, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    yield found
    shutil.rmtree(place, ignore_errors=True)


def run(vibes: Path, home: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = subprocess.run(
        [vibes, "--home", str(home / "home"), *arguments],
        cwd=home,
        input=given,
        check=False,
        env={"PATH": os.defpath, "HOME": str(home)},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_an_installed_wheel_answers_a_question(vibes: Path, tmp_path: Path) -> None:
    kinds = json.loads(run(vibes, tmp_path, "kinds"))
    events = run(vibes, tmp_path, "generate", "ab-test", "--num-events", "400", "--format", "csv")
    run(vibes, tmp_path, "experiments", "create", "checkout", "--type", "ab-test")
    run(vibes, tmp_path, "events", "upload", "checkout", given=events)
    answer = json.loads(run(vibes, tmp_path, "analyze", "checkout", "--json"))

    assert len(kinds) >= 8
    assert answer["diagnostics"]["method"] == "exact"
    assert answer["summary"]["headline"]


def test_an_installed_wheel_has_its_pages(vibes: Path, tmp_path: Path) -> None:
    events = b"group,outcome\n" + b"all,1\nall,0\n" * 20
    run(vibes, tmp_path, "experiments", "create", "coins", "--type", "bernoulli")
    run(vibes, tmp_path, "events", "upload", "coins", given=events)

    report = tmp_path / "report.html"
    run(vibes, tmp_path, "report", "coins", "--output", str(report))

    page = report.read_text("utf-8")
    assert "<svg" in page
    assert "<style" in page
    assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["']https?:""", page)
