"""HTML from the pages, by Sphinx: every link inside the site is checked, a warning is an error."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

from pymc_vibes.http.release import VERSION
from scripts.site import look

_SETTINGS = {
    "project": "pymc-vibes",
    "release": VERSION,
    "html_title": "pymc-vibes",
    "extensions": "myst_nb",
    "myst_enable_extensions": ["deflist"],
    "exclude_patterns": ["files"],  # for downloads
    "language": "en",
    "nitpicky": True,
    "myst_heading_anchors": 3,
    "nb_execution_mode": "off",  # they have run
    "nb_render_markdown_format": "myst",
    "nb_code_prompt_show": "Show the code",
    "nb_code_prompt_hide": "Hide the code",
    "nb_ipywidgets_js": {},  # would come from elsewhere
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_last_updated_fmt": None,
    "html_permalinks_icon": "#",
    **look.SETTINGS,
}


def build_html(source: Path, output: Path, scratch: Path) -> int:
    """Build the site and give the exit code; every warning is told, and each one fails it."""
    pages = scratch / "html"
    app = Sphinx(
        source,
        None,
        pages,
        scratch / "doctrees",
        "html",
        confoverrides=dict(_SETTINGS),
        status=None,
        warningiserror=True,
    )
    look.dress(app)
    app.build(force_all=True)
    shutil.copytree(pages, output, dirs_exist_ok=True)
    return app.statuscode
