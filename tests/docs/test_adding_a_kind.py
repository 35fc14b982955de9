"""The guide to adding a kind: its commands run, its package is a kind, its code the example's."""

from pathlib import Path

import pytest

from tests.docs.conftest import ROOT, blocks, follow, steps
from tests.plugin.installing import EXAMPLE, install, run

PAGE = "docs/guides/adding-a-kind.md"
# installing is done as these do it, but without a network; the contract has tests of its own
ELSEWHERE = ("pip install ", "pytest ")
PROMISES = ("test_kinds.py", "test_calibration.py", "test_cli.py")


@pytest.fixture(scope="module")
def smallest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that the page shows, as its reader writes and installs it."""
    source = tmp_path_factory.mktemp("waiting-times")
    (source / "pyproject.toml").write_text(blocks(PAGE, "toml")[0])
    (source / "waiting_times.py").write_text(blocks(PAGE, "python")[0])
    return install(tmp_path_factory.mktemp("smallest"), source)


def test_every_step_shows_what_the_page_shows(smallest: Path, tmp_path: Path) -> None:
    path = f"{smallest}:{install(tmp_path / 'package')}"
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


def test_the_contract_holds_for_the_smallest_kind(smallest: Path) -> None:
    chosen = [f"tests/contract/{promise}" for promise in PROMISES]

    code, said = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow",
        *chosen, "-k", "waiting-times", path=(smallest,),
    )  # fmt: skip

    assert code == 0, said
    assert " passed" in said


def test_the_smallest_kind_stays_small() -> None:
    assert len(blocks(PAGE, "python")[0].splitlines()) < 130


def test_other_code_of_the_page_is_code_of_the_example() -> None:
    texts = [file.read_text("utf-8") for file in EXAMPLE.rglob("*.py")]
    shown = blocks(PAGE, "python")[1:]

    missing = [block for block in shown if not any(block in text for text in texts)]

    assert shown
    assert missing == []


def test_modules_that_the_page_names_are_there() -> None:
    text = (ROOT / PAGE).read_text("utf-8")
    named = ("exact", "curves", "describe", "decide", "chart")

    assert all(f"`stats.{name}`" in text for name in named)
    assert all((ROOT / f"src/pymc_vibes/stats/{name}.py").exists() for name in named)
