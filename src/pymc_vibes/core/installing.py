"""How somebody adds what an installation lacks."""

import sys
from pathlib import Path


def install_extra(extra: str, prefix: str | None = None) -> str:
    """Write the command that adds an optional part to the environment that this program runs in.

    `prefix` is that environment's folder. One that `uv tool` made has no pip of its own.

    >>> install_extra("team", "/usr")
    "pip install 'pymc-vibes[team]'"
    """
    is_tool = (Path(prefix or sys.prefix) / "uv-receipt.toml").is_file()
    return f"{'uv tool' if is_tool else 'pip'} install 'pymc-vibes[{extra}]'"
