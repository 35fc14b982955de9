"""Find a PostgreSQL server for the tests, or install one, and print the folder of its programs.

The first that runs is taken: `VIBES_POSTGRES`, the folder of an `initdb` on the PATH, the usual
places of Debian, Red Hat, Alpine and Homebrew, the newest release first. With `--install`, a
missing one comes from the system's package manager.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.packages import APT_GET, run, ways

PROGRAMS = ("initdb", "postgres")
PLACES = (
    "usr/lib/postgresql/*/bin",  # Debian
    "usr/pgsql-*/bin",  # PostgreSQL's own packages for Red Hat
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)
OLDEST = 12  # DuckDB's PostgreSQL extension and the run table are tried from here on
MISSING = (
    "No PostgreSQL server was found. Run `make postgres` to install one, "
    "or set VIBES_POSTGRES to the folder that holds your initdb and postgres."
)
FAILED = (
    "No PostgreSQL server was found, and the system's package manager could not install one. "
    "Install one by hand, or set VIBES_POSTGRES to the folder that holds its initdb and postgres."
)
MANAGERS = {
    "apt-get": (
        [*APT_GET, "update", "-q"],
        [*APT_GET, "install", "-yq", "--no-install-recommends", "postgresql"],
    ),
    "dnf": (["dnf", "install", "-y", "postgresql-server"],),
    "apk": (["apk", "add", "postgresql"],),
    "brew": (["brew", "install", "postgresql@17"],),
}


class NoPostgresError(Exception):
    """No PostgreSQL server runs here, and the message says what to do."""


def find_postgres() -> Path:
    """Give the folder of the programs of a PostgreSQL server that runs."""
    chosen = os.environ.get("VIBES_POSTGRES")
    if chosen:
        if not _runs(Path(chosen)):
            raise NoPostgresError(
                f"VIBES_POSTGRES is {chosen!r}, which holds no initdb and postgres that run."
            )
        return Path(chosen)
    for folder in _candidates():
        if _runs(folder):
            return folder
    raise NoPostgresError(MISSING)


def install_postgres() -> Path:
    """Install a server by the first way that works, and give the folder of its programs."""
    for commands in ways(MANAGERS):
        if all(run(command) for command in commands):
            try:
                return find_postgres()
            except NoPostgresError:  # the package may hold a release that is too old
                continue
    raise NoPostgresError(FAILED)


def provide_postgres() -> Path:
    """Give the folder of a server, installing one when none is chosen or found."""
    try:
        return find_postgres()
    except NoPostgresError:
        if os.environ.get("VIBES_POSTGRES"):
            raise
        return install_postgres()


def main() -> None:
    """Print the folder of the programs; with `--install`, a missing server is installed."""
    is_wanted = "--install" in sys.argv[1:]
    try:
        print(provide_postgres() if is_wanted else find_postgres())
    except NoPostgresError as error:
        raise SystemExit(str(error)) from error


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent
    for place in PLACES:
        yield from sorted(Path("/").glob(place), key=_release, reverse=True)


def _release(folder: Path) -> int:
    digits = "".join(letter for letter in str(folder) if letter.isdigit())
    return int(digits or 0)


def _runs(folder: Path) -> bool:
    if not all(shutil.which(folder / program) for program in PROGRAMS):
        return False
    command = [str(folder / "postgres"), "--version"]
    asked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    # it says: postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)
    words = asked.stdout.partition("(PostgreSQL)")[2].split()
    return asked.returncode == 0 and bool(words) and int(words[0].partition(".")[0]) >= OLDEST


if __name__ == "__main__":
    main()
