"""Every command with its own help, as the terminal shows it."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from pymc_vibes.cli.app import app
from scripts.site.markdown import block, code, heading, page

_WIDTH = 88
_INTRODUCTION = (
    "`vibes` is also installed as `pv`. Data go to stdout, talk goes to stderr; off a terminal, "
    "and with `--json`, commands print JSON. Options of a kind, such as `--level`, are its "
    "[settings](kinds.md). Exit codes stand in the [tutorial](../tutorial.md#in-scripts)."
)


def command_page() -> str:
    """Write the page of all commands."""
    root = get_command(app)
    told = [part for name, text in _helps(root, "vibes", None) for part in (name, block(text))]
    return page(heading("Commands"), _INTRODUCTION, *told)


def _helps(command: Any, path: str, above: Any) -> Iterator[tuple[str, str]]:
    """Give a heading and the help of a command and of those below it; a group has only those."""
    name = path.rpartition(" ")[2]
    here = typer.Context(
        command, info_name=name, parent=above, terminal_width=_WIDTH, max_content_width=_WIDTH
    )
    below = getattr(command, "commands", {})
    if not below or above is None:
        yield heading(code(path), 2), command.get_help(here)
    for part, inner in below.items():
        yield from _helps(inner, f"{path} {part}", here)
