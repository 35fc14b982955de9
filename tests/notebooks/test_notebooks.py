"""Every notebook of the examples runs from start to end and shows its answer."""

import base64
from pathlib import Path
from typing import Any

import nbformat
import pytest

from pymc_vibes.kinds import catalog
from scripts.notebooks import FOLDER, run_notebook

NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
VEGA = "application/vnd.vegalite.v6+json"
PNG = b"\x89PNG"


def run(notebook: Any, folder: Path) -> Any:
    source, result = folder / "source.ipynb", folder / "result.ipynb"
    source.write_text(nbformat.writes(notebook), "utf-8")
    run_notebook(source, result, folder)
    return nbformat.read(result, as_version=4)


def shown(notebook: Any) -> list[dict[str, Any]]:
    """What the cells show: mime type to content."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [dict(output.get("data") or {output.name: output.text}) for output in outputs]


def words(bundles: list[dict[str, Any]], kind: str) -> str:
    """All text of that type; Markdown without what keeps it from being read as such."""
    return "\n".join(one[kind] for one in bundles if kind in one).replace("\\", "")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_shows_its_answer(name: str, tmp_path: Path) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("print(answer.summary.headline)"))

    *bundles, last = shown(run(notebook, tmp_path))

    said = words(bundles, "stdout") + words(bundles, "text/markdown")
    pictures = [bundle for bundle in bundles if VEGA in bundle]
    assert last["stdout"].strip() in said
    assert "Error:" not in said
    assert words(bundles, "stderr") == ""
    assert pictures
    assert all(base64.b64decode(one["image/png"]).startswith(PNG) for one in pictures)


def test_a_cell_that_fails_is_told(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])

    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run(notebook, tmp_path)


def test_every_kind_of_ours_has_its_notebook() -> None:
    ours = {
        slug
        for slug, kind in catalog().items()
        if type(kind.example).__module__.startswith("pymc_vibes.")
    }

    assert len(ours) > 1
    assert ours <= {*NAMES}
