"""Every notebook of the examples runs from start to end and shows its answer."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from pymc_vibes.kinds import catalog

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
RUNNING = Path(__file__).with_name("running.py")
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
VEGA = "application/vnd.vegalite.v6+json"
PNG = b"\x89PNG"
PERSONAL = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")


def run(name: str, folder: Path) -> Any:
    """Run a notebook of the examples, as on a machine without notebooks of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    places = {variable: str(folder / variable.lower()) for variable in PERSONAL}
    result, work = folder / "result.ipynb", folder / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, RUNNING, FOLDER / f"{name}.ipynb", result, work],
        env={**os.environ, "PATH": path, **places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
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
    *bundles, last = shown(run(name, tmp_path))

    said = words(bundles, "stdout") + words(bundles, "text/markdown")
    pictures = [bundle for bundle in bundles if VEGA in bundle]
    assert last["stdout"].strip() in said
    assert "Error:" not in said
    assert words(bundles, "stderr") == ""
    assert pictures
    assert all(base64.b64decode(one["image/png"]).startswith(PNG) for one in pictures)


def test_every_kind_of_ours_has_its_notebook() -> None:
    ours = {
        slug
        for slug, kind in catalog().items()
        if type(kind.example).__module__.startswith("pymc_vibes.")
    }

    assert len(ours) > 1
    assert ours <= {*NAMES}
