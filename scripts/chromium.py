"""Find a Chromium for the browser tests, or install one, and print its path.

The first that runs is taken: `VIBES_CHROMIUM`, a browser on the PATH, the usual places of macOS,
Playwright's own. With `--install`, a missing one comes from the system's package manager, or from
Playwright where there is none that can.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from scripts.packages import APT_GET, run, ways

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
MISSING = (
    "No Chromium or Chrome was found. Run `make chromium` to install one, "
    "or set VIBES_CHROMIUM to the path of yours."
)
FAILED = (
    "No Chromium or Chrome was found, and neither the system's package manager nor Playwright "
    "could install one. Install one by hand, or set VIBES_CHROMIUM to the path of yours."
)
# without its recommended fonts Chromium draws boxes for letters
MANAGERS = {
    "apt-get": (
        [*APT_GET, "update", "-q"],
        [*APT_GET, "install", "-yq", "--no-install-recommends", "chromium", "fonts-liberation"],
    ),
    "dnf": (["dnf", "install", "-y", "chromium"],),
    "apk": (["apk", "add", "chromium", "font-liberation"],),
    "brew": (["brew", "install", "--cask", "chromium"],),
}


class NoBrowserError(Exception):
    """No browser runs here, and the message says what to do."""


def find_chromium() -> str:
    """Give the path of a browser that runs."""
    chosen = os.environ.get("VIBES_CHROMIUM")
    if chosen:
        if not _runs(chosen):
            raise NoBrowserError(f"VIBES_CHROMIUM is {chosen!r}, which does not run as a browser.")
        return chosen
    for place in _candidates():
        if _runs(place):
            return place
    raise NoBrowserError(MISSING)


def install_chromium() -> str:
    """Install a browser by the first way that works, and give its path."""
    for commands in _ways():
        if all(run(command) for command in commands):
            try:
                return find_chromium()
            except NoBrowserError:  # a package of that name need not hold the browser
                continue
    raise NoBrowserError(FAILED)


def provide_chromium() -> str:
    """Give the path of a browser that runs, installing one when none is chosen or found."""
    try:
        return find_chromium()
    except NoBrowserError:
        if os.environ.get("VIBES_CHROMIUM"):
            raise
        return install_chromium()


def main() -> None:
    """Print the path of a browser; with `--install`, a missing one is installed."""
    is_wanted = "--install" in sys.argv[1:]
    try:
        print(provide_chromium() if is_wanted else find_chromium())
    except NoBrowserError as error:
        raise SystemExit(str(error)) from error


def _ways() -> Iterator[list[list[str]]]:
    yield from ways(MANAGERS)
    yield [[sys.executable, "-m", "playwright", "install", "chromium"]]


def _candidates() -> Iterator[str]:
    yield from (found for found in map(shutil.which, NAMES) if found)
    yield from MAC_PLACES
    yield from _playwright_own()


def _playwright_own() -> Iterator[str]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return
    with sync_playwright() as playwright:
        yield playwright.chromium.executable_path


def _runs(path: str) -> bool:
    # a distribution may put a placeholder on the PATH that only says how to get the real one
    if shutil.which(path) is None:
        return False
    asked = subprocess.run([path, "--version"], check=False, capture_output=True, timeout=60)
    return asked.returncode == 0


if __name__ == "__main__":
    main()
