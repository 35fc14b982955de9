"""The terminal. It speaks HTTP: to a server where one is set, else to the app in this process."""

import sys


def main() -> None:
    """Run `vibes`."""
    if sys.argv[1:] == ["--version"]:
        # asked by scripts and prompts: answered before anything is imported
        from importlib.metadata import version

        sys.stdout.write(f"vibes {version('pymc-vibes')}\n")
        return
    from pymc_vibes.cli.app import run

    run()
