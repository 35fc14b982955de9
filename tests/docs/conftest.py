"""Pages whose examples run: each command on a terminal, its screen held against the page."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cli.terminal import environment, watch

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A command of a page and the screen that the page shows for it; `...` stands for anything."""

    command: str
    shown: str

    @property
    def must_fail(self) -> bool:
        return self.shown.startswith("Error: ")

    def matches(self, screen: str) -> bool:
        parts = (re.escape(part) for part in _trimmed(self.shown).split("..."))
        return re.fullmatch(".*".join(parts), _trimmed(screen), re.DOTALL) is not None


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in that language."""
    text = (ROOT / page).read_text("utf-8")
    return [body for name, body in BLOCK.findall(text) if name == language]


def steps(block: str) -> list[Step]:
    """The commands of a console block: `$ command`, `> more of it`, and what it shows."""
    found: list[tuple[list[str], list[str]]] = []
    lines = block.splitlines()
    if not block.startswith("$ "):
        lines = [f"$ {line}" for line in lines]  # without prompts, every line is a command
    for line in lines:
        if line.startswith("$ "):
            found.append(([line[2:].partition("   #")[0].rstrip()], []))
        elif line.startswith("> "):
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return [Step("\n".join(command), "\n".join(shown)) for command, shown in found]


def follow(step: Step, folder: Path, **more: str) -> tuple[int, str]:
    """Run a command as its reader would, in a folder that holds the home too."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # without a height a dumb terminal is taken as 80 wide; test runners in parallel set one
    size = {"LINES": "24", "COLUMNS": "100"}
    plain = environment(folder / "home", PATH=path, NO_COLOR="1", **more) | {"TERM": "dumb", **size}
    return watch(["/bin/bash", "-c", step.command], plain, folder=folder)


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
