"""How the site looks: the colors and letters of the product, and tables that fit a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes  # type: ignore[import-untyped]  # it carries no types
from sphinx.application import Sphinx

_STATIC = Path(__file__).parent / "static"
_FAVICON = Path(__file__).parents[2] / "src/pymc_vibes/http/static/favicon.svg"
_LETTERS = {
    "site-serif": 'ui-serif, Charter, "Bitstream Charter", "Iowan Old Style", Georgia, serif',
    "font-stack": 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif',
}
# as in the product's app.css
_LIGHT = {
    "color-background-primary": "#fdfcfa",
    "color-background-secondary": "#f5f2ec",
    "color-background-border": "#d9d4ca",
    "color-foreground-primary": "#1b1a18",
    "color-foreground-secondary": "#5b5750",
    "color-foreground-muted": "#6f6a62",
    "color-brand-primary": "#0a63a0",
    "color-brand-content": "#0a63a0",
    "color-brand-visited": "#0a63a0",
    "color-code-background": "#f5f2ec",
    "color-inline-code-background": "#f5f2ec",
}
_DARK = {
    "color-background-primary": "#15171a",
    "color-background-secondary": "#1e2125",
    "color-background-border": "#363a40",
    "color-foreground-primary": "#ece9e3",
    "color-foreground-secondary": "#a9a59c",
    "color-foreground-muted": "#9a968d",
    "color-brand-primary": "#6cbef0",
    "color-brand-content": "#6cbef0",
    "color-brand-visited": "#6cbef0",
    "color-code-background": "#1e2125",
    "color-inline-code-background": "#1e2125",
}
SETTINGS: dict[str, Any] = {
    "html_theme": "furo",
    "html_theme_options": {
        "light_css_variables": _LIGHT | _LETTERS,
        "dark_css_variables": _DARK,
        "top_of_page_buttons": [],
    },
    "html_static_path": [str(_STATIC)],
    "html_css_files": ["site.css"],
    "html_js_files": ["site.js"],
    "html_favicon": str(_FAVICON),
}
_FEW = 3  # columns; a table with fewer fits a phone
_SHOWN_BY_CELLS = "cell_output"


def dress(app: Sphinx) -> None:
    """Let every page that is read have tables for phones."""
    app.connect("doctree-read", _stack_tables)


def _stack_tables(_: Sphinx, page: nodes.document) -> None:
    """Name each cell after its column; the style sheet shows the names where rows are stacked."""
    for table in page.findall(nodes.table):
        titles, rows = _read(table)
        if len(titles) < _FEW or _is_shown_by_a_cell(table):
            continue
        table["classes"].append("stacked")
        for row in rows:
            for title, cell in list(zip(titles, row, strict=True))[1:]:
                if title and cell.astext():
                    cell.children[0].insert(0, nodes.inline("", title, classes=["of"]))
                elif not cell.astext():
                    cell["classes"].append("empty")


def _read(table: nodes.table) -> tuple[list[str], Iterator[list[nodes.Element]]]:
    """Give the titles of the columns and the cells of each row."""
    titles = [entry.astext() for head in table.findall(nodes.thead) for entry in _cells(head)]
    rows = (_cells(row) for body in table.findall(nodes.tbody) for row in body.findall(nodes.row))
    return titles, rows


def _cells(part: nodes.Element) -> list[nodes.Element]:
    return list(part.findall(nodes.entry))


def _is_shown_by_a_cell(table: nodes.Node) -> bool:
    above = table.parent
    while above is not None:
        if _SHOWN_BY_CELLS in above.get("classes", ()):
            return True
        above = above.parent
    return False
