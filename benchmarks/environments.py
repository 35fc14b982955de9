"""Environments of their own for peers whose pins clash with ours: made once, by uv, in a cache.

Nothing of a peer is installed beside us, and nothing of us beside a peer.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_CANDIDATES = ("uv", str(_ROOT / ".bootstrap/bin/uv"), "~/.local/bin/uv")  # as in scripts/setup.sh


def environment(name: str, requirements: Sequence[str]) -> Path:
    """Give the interpreter of an environment with those packages; make it where it is missing."""
    told = f"{sys.version_info[:2]} {sorted(requirements)}"
    folder = _cache() / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    python, made = folder / "bin" / "python", folder / ".made"
    if not made.exists():
        print(f"Installing {', '.join(requirements)} ...", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--quiet", "--python", str(python), *requirements)
        made.touch()
    return python


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pymc-vibes" / "benchmarks"


def _uv(*arguments: str) -> None:
    subprocess.run([_program(), *arguments], check=True, cwd=_ROOT)  # noqa: S603  # our own words


def _program() -> str:
    found = [shutil.which(Path(candidate).expanduser()) for candidate in _CANDIDATES]
    for program in filter(None, found):
        if _runs(program):
            return program
    raise FileNotFoundError("uv makes the environments of the peers, and it is not installed")


def _runs(program: str) -> bool:
    """Say whether it works: a pyenv shim can be on the PATH and still not run."""
    asked = [program, "--version"]
    done = subprocess.run(asked, check=False, capture_output=True, cwd=_ROOT)  # noqa: S603  # uv
    return done.returncode == 0
