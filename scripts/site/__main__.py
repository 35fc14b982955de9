"""Build the site of the documentation into a folder that is not committed."""

import argparse
import tempfile
from pathlib import Path

from scripts.chromium import NoBrowserError
from scripts.site.build import build_html
from scripts.site.notebooks import NAMES, write_notebooks
from scripts.site.pages import ROOT, clear, write_pages
from scripts.site.pictures import take_pictures

OUTPUT = ROOT / "site"
_NO_PICTURES = "The site is built without pictures of the product."


def main() -> int:
    """Write the pages, build them, and say where they are."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "pages"
        clear(source)
        try:
            pictures = take_pictures(source / "pictures") if asked.pictures != "none" else {}
        except NoBrowserError as error:
            print(f"{error} {_NO_PICTURES}")
            if asked.pictures == "all":
                return 1
            pictures = {}
        write_pages(source, pictures)
        write_notebooks(source, asked.notebooks)
        clear(asked.output)
        code = build_html(source, asked.output, Path(folder) / "built")
    if code == 0:
        print(f"The site is in {asked.output}: open {asked.output / 'index.html'}")
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.site", description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT.name}/")
    parser.add_argument(
        "--pictures",
        choices=("all", "some", "none"),
        default="some",
        help="of the product: all, or it fails; as a browser allows (default); none",
    )
    parser.add_argument(
        "--notebooks",
        nargs="*",
        choices=NAMES,
        default=NAMES,
        metavar="NAME",
        help="those that run and show what their cells give (default: all); "
        "none without a name, which is quick",
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
