"""HTML from the pages, by Sphinx: every link inside the site is checked, a warning is an error."""

from pathlib import Path

from sphinx.application import Sphinx

from pymc_vibes.http.release import VERSION

_SETTINGS = {
    "project": "pymc-vibes",
    "release": VERSION,
    "html_title": "pymc-vibes",
    "extensions": "myst_parser",
    "html_theme": "furo",
    "language": "en",
    "nitpicky": True,
    "myst_heading_anchors": 3,
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_last_updated_fmt": None,
}


def build_html(source: Path, output: Path, doctrees: Path) -> int:
    """Build the site and give the exit code; every warning is told, and each one fails it."""
    app = Sphinx(
        source,
        None,
        output,
        doctrees,
        "html",
        confoverrides=dict(_SETTINGS),
        status=None,
        warningiserror=True,
    )
    app.build(force_all=True)
    return app.statuscode
