"""The page about notebooks lists all of them, and its code runs."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guides/notebooks.md").read_text("utf-8")


@pytest.fixture
def shell() -> Generator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_the_page_lists_every_notebook() -> None:
    listed = re.findall(r"examples/notebooks/([\w-]+)\.ipynb", PAGE)

    assert sorted(listed) == sorted(p.stem for p in (ROOT / "examples/notebooks").glob("*.ipynb"))


def test_the_code_of_the_page_runs(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIBES_HOME", str(tmp_path))
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)

    with capture_output() as said:
        results = [shell.run_cell(block, store_history=True) for block in blocks]

    assert len(results) > 3
    assert [one.error_before_exec or one.error_in_exec for one in results] == [None] * len(results)
    assert shell.user_ns["answer"].summary.headline in said.stdout
