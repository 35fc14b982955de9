"""Notebooks are stored as they are written: valid, small, and without what a run leaves behind."""

from pathlib import Path
from typing import Any

import nbformat
import pytest

MAX_BYTES = 30_000


@pytest.fixture(scope="module")
def notebooks(root: Path) -> dict[str, Any]:
    """The notebooks of the project: path to content."""
    found = sorted(root.glob("examples/**/*.ipynb"))
    return {str(path): nbformat.read(path, as_version=4) for path in found}


def test_notebooks_are_valid_and_their_cells_have_ids(notebooks: dict[str, Any]) -> None:
    for notebook in notebooks.values():
        nbformat.validate(notebook)

    assert notebooks
    assert all(cell.get("id") for notebook in notebooks.values() for cell in notebook.cells)


def test_notebooks_hold_no_outputs(notebooks: dict[str, Any]) -> None:
    left = [
        f"{path}: {cell.id}"
        for path, notebook in notebooks.items()
        for cell in notebook.cells
        if cell.get("outputs") or cell.get("execution_count") or cell.metadata
    ]

    assert left == []


def test_notebooks_say_nothing_of_the_machine_they_were_written_on(
    notebooks: dict[str, Any],
) -> None:
    known = {"kernelspec", "language_info"}
    plain = {"display_name": "Python 3", "language": "python", "name": "python3"}

    assert all(notebook.metadata.keys() <= known for notebook in notebooks.values())
    assert all(notebook.metadata.kernelspec == plain for notebook in notebooks.values())


def test_notebooks_are_small(notebooks: dict[str, Any]) -> None:
    assert [path for path in notebooks if Path(path).stat().st_size > MAX_BYTES] == []
