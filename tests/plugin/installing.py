"""A package with a kind as an installer leaves it: built, unpacked, with its entry point."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"


def run(*arguments: str, path: tuple[Path, ...], folder: Path = ROOT) -> tuple[int, str]:
    """Run Python with further packages on its path; give its exit code and what it said."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    environment.pop("PYTEST_XDIST_WORKER", None)  # it is a run of its own
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def install(place: Path, source: Path = EXAMPLE) -> Path:
    """Put a package into a folder, as `pip install --target` would, without a network."""
    wheels = place / "wheels"
    build = ("-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels))
    code, said = run(*build, path=(), folder=source)
    assert code == 0, said
    [wheel] = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place / "installed")
    return place / "installed"
