"""The tutorial, followed from the first command to the last, on a terminal, from nothing."""

from pathlib import Path

import pytest

from tests.docs.conftest import Step, blocks, follow, steps

PAGES = ("docs/tutorial.md", "docs/guides/own-data.md")
VERBS = ("generate", "create", "upload", "list", "schema", "analyze", "compare", "delete")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_shows_what_the_page_shows(page: str, tmp_path: Path) -> None:
    to_run = [step for block in blocks(page, "console") for step in steps(block)]

    screens = [(step, *follow(step, tmp_path)) for step in to_run]

    wrong = [
        f"$ {step.command}\n[exit {code}]\n{screen}"
        for step, code, screen in screens
        if (code != 0) != step.must_fail or not step.matches(screen)
    ]
    assert screens
    assert not wrong, "\n".join(wrong)


def test_the_tutorial_uses_every_step_of_the_way() -> None:
    commands = "\n".join(step.command for b in blocks(PAGES[0], "console") for step in steps(b))

    assert [verb for verb in VERBS if f" {verb}" not in commands] == []
    assert " | vibes events upload" in commands


def test_a_shown_screen_matches_only_what_fits() -> None:
    step = Step("any", "Stored ... rows.\n...end")

    assert step.matches("Stored 12 rows.\r\nmore \nthe end\n".replace("\r", ""))
    assert not step.matches("Stored 12 rows.\nmore")
