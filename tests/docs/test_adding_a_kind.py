"""The guide to adding a kind: its commands run, and its code is that of the example."""

from pathlib import Path

import pytest

from tests.docs.conftest import ROOT, blocks, follow, steps
from tests.plugin.installing import EXAMPLE, install

PAGE = "docs/guides/adding-a-kind.md"
# installing is done as these do it, but without a network; the contract runs in tests/plugin
ELSEWHERE = ("pip install ", "pytest ")


def test_every_step_shows_what_the_page_shows(tmp_path: Path) -> None:
    path = str(install(tmp_path / "package"))
    told = [step for block in blocks(PAGE, "console") for step in steps(block)]

    screens = [
        (step, *follow(step, tmp_path, PYTHONPATH=path))
        for step in told
        if not step.command.startswith(ELSEWHERE)
    ]

    wrong = [
        f"$ {step.command}\n[exit {code}]\n{screen}"
        for step, code, screen in screens
        if code != 0 or not step.matches(screen)
    ]
    assert len(screens) > 5
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", ["python", "toml"])
def test_code_of_the_page_is_code_of_the_example(language: str) -> None:
    files = [*EXAMPLE.rglob("*.py"), EXAMPLE / "pyproject.toml"]
    texts = [file.read_text("utf-8") for file in files]

    missing = [block for block in blocks(PAGE, language) if not any(block in t for t in texts)]

    assert blocks(PAGE, language)
    assert missing == []


def test_modules_that_the_page_names_are_there() -> None:
    text = (ROOT / PAGE).read_text("utf-8")
    named = ("exact", "curves", "describe", "decide", "chart")

    assert all(f"`stats.{name}`" in text for name in named)
    assert all((ROOT / f"src/pymc_vibes/stats/{name}.py").exists() for name in named)
