"""The tree as the house tests see it: our own text files, wherever they lie."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "src",
    "tests",
    "scripts",
    "benchmarks",
    "docs",
    "examples/plugin",
    "examples/notebooks",
    ".ci",
)
NOT_OURS = {"vendor", "node_modules", "__pycache__", ".hypothesis"}
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".sh",
    ".js",
    ".css",
    ".html",
    ".yaml",
    ".yml",
    ".json",
    ".ipynb",
    "",
}


def our_files() -> list[Path]:
    """Text files that we wrote; `uv.lock` is written by a tool."""
    inside = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*"))]
    return [
        path
        for path in [*sorted(ROOT.glob("*")), *inside]
        if path.is_file() and path.suffix in TEXT and not NOT_OURS & set(path.parts)
    ]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Our text files: path in the project to content."""
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in our_files()}


@pytest.fixture(scope="session")
def modules(texts: dict[str, str]) -> dict[str, str]:
    """Our Python files: path in the project to content."""
    return {name: text for name, text in texts.items() if name.endswith(".py")}
