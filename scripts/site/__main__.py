"""Build the site of the documentation: `python -m scripts.site [--output FOLDER]`."""

import argparse
import tempfile
from pathlib import Path

from scripts.site.build import build_html
from scripts.site.pages import ROOT, clear, write_pages


def main() -> int:
    """Write the pages, build them, and say where they are."""
    parser = argparse.ArgumentParser(prog="scripts.site", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "site", help="default: site/")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "pages"
        clear(source)
        write_pages(source, {})
        clear(asked.output)
        code = build_html(source, asked.output, Path(folder) / "doctrees")
    if code == 0:
        print(f"The site is in {asked.output}: open {asked.output / 'index.html'}")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
