"""The notebooks of the examples as pages, with what their cells show.

They are run here and not by Sphinx: each in a process, a folder and a home of its own. What one
showed is kept in `build/` until it, the product or a library changes. Figures are drawn anew from
their declarations, for light and for dark, with their sentence for those who do not see them.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pymc_vibes.core.figure import Figure
from pymc_vibes.stats.draw import to_svg
from scripts.notebooks import FOLDER, ROOT, run_notebook

KEPT = ROOT / "build" / "notebooks"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.ipynb")))
_AT_ONCE = 3  # one of them samples, with chains of its own
_DECLARED = "application/json"
# in the kernel: a figure also shows its declaration
_STARTUP = f"""
from IPython import get_ipython

get_ipython().display_formatter.formatters["{_DECLARED}"].for_type_by_name(
    "pymc_vibes.core.figure", "Figure", lambda figure: figure.model_dump(mode="json")
)
"""
_ALIKE = ("text/markdown", "text/html", "text/plain")  # the first that an output has is shown
_COLORS_OF_TERMINALS = re.compile(r"\x1b\[[0-9;]*m")
_FILES = "files"
_LONG = 30  # lines
_RULE = "────"
_WITHOUT = (
    "```{note}\nThis site was built without running the notebook: its code stands here without "
    "what it shows.\n```"
)


def write_notebooks(folder: Path, wanted: Collection[str]) -> None:
    """Write a page for every notebook into `notebooks/`; those that are wanted show their answers.

    Their files, as they are in the repository, go into `files/`.
    """
    pages = folder / "notebooks"
    pages.mkdir()
    shutil.copytree(FOLDER, folder / _FILES, ignore=lambda _, names: _no_notebooks(names))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        ran = dict(zip(wanted, pool.map(_ran, wanted), strict=True))
    for name in NAMES:
        notebook = json.loads(ran.get(name, FOLDER / f"{name}.ipynb").read_text("utf-8"))
        notebook["metadata"]["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
        cells = notebook["cells"]
        cells[1:1] = _beneath_title(name, has_run=name in ran)
        for number, cell in enumerate(cells):
            cell["metadata"] = {}  # times of execution
            if cell["cell_type"] == "code":
                _show(cell, pages, f"{name}-{number}")
        (pages / f"{name}.ipynb").write_text(json.dumps(notebook), "utf-8")


def _no_notebooks(names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".ipynb")]


def _beneath_title(name: str, *, has_run: bool) -> Iterator[dict[str, Any]]:
    link = f"{{download}}`Download this notebook <../{_FILES}/{name}.ipynb>`"
    told = f"{link} to run it yourself." if has_run else f"{_WITHOUT}\n\n{link} to run it."
    yield {"cell_type": "markdown", "id": "beneath-title", "source": told}


def _ran(name: str) -> Path:
    """Give the notebook with what it showed; run it where nothing that holds is kept."""
    source = FOLDER / f"{name}.ipynb"
    kept = KEPT / f"{name}-{_state_of(source)}.ipynb"
    if not kept.exists():
        for old in KEPT.glob(f"{name}-????????????????.ipynb"):
            old.unlink()
        KEPT.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as folder:
            result = Path(folder) / "result.ipynb"
            run_notebook(source, result, Path(folder), startup=_STARTUP)
            shutil.move(result, kept)
    return kept


def _state_of(notebook: Path) -> str:
    """Name all that the outputs of a notebook depend on: it, this file, the product, the lock."""
    product = sorted((ROOT / "src").rglob("*.py"))
    digest = hashlib.sha256()
    for path in (notebook, Path(__file__), ROOT / "uv.lock", *product):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _show(cell: dict[str, Any], folder: Path, name: str) -> None:
    shown = (_shown(output, folder, name) for output in cell["outputs"])
    cell["outputs"] = [output for output in shown if output is not None]
    cell["metadata"]["tags"] = [*_tags(cell)]


def _tags(cell: dict[str, Any]) -> Iterator[str]:
    """Fold long code; keep the lines of a table that is drawn with letters."""
    if "".join(cell["source"]).count("\n") > _LONG:
        yield "hide-input"
    if _RULE in str(cell["outputs"]):
        yield "wide"


def _shown(output: dict[str, Any], folder: Path, name: str) -> dict[str, Any] | None:
    """Give what a page shows of an output, which is one thing; nothing where there is none."""
    if output["output_type"] == "stream":
        return {**output, "text": _COLORS_OF_TERMINALS.sub("", "".join(output["text"]))}
    given = output.get("data", {})
    if _DECLARED in given:
        figure = Figure.model_validate(given[_DECLARED])
        given = {"text/markdown": _drawn(figure, folder, name)}
    best = next((one for one in _ALIKE if one in given), None)
    return None if best is None else {**output, "data": {best: given[best]}}


def _drawn(figure: Figure, folder: Path, name: str) -> str:
    """Draw a figure for light and for dark, and give the Markdown that shows one of them."""
    parts = []
    for scheme in ("light", "dark"):
        picture = f"{name}-{figure.name}-{scheme}.svg"
        (folder / picture).write_bytes(to_svg(figure, dark=scheme == "dark"))
        said = json.dumps(f"{figure.title}. {figure.alt}", ensure_ascii=False)
        options = f":alt: {said}\n:class: only-{scheme}"
        parts.append(f"```{{image}} {picture}\n{options}\n```")
    return "\n\n".join(parts)
