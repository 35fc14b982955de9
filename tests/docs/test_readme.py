"""What the README promises, run: its commands, its requests, its Python."""

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import serving
from tests.cli.terminal import environment
from tests.docs.conftest import blocks, follow, steps

VISITS = "group,bought\n" + "old,no\nnew,yes\nold,yes\nnew,no\n" * 10
# these build the environment or stay until they are told to stop; tests of their own run them
ELSEWHERE = ("make ", "pip install", "vibes serve")


def commands() -> list[str]:
    return [step.command for block in blocks("README.md", "console") for step in steps(block)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's commands have been followed."""
    found = tmp_path_factory.mktemp("readme")
    (found / "visits.csv").write_text(VISITS)
    for block in blocks("README.md", "console"):
        for step in steps(block):
            if step.command.startswith("vibes ") and not step.command.startswith(ELSEWHERE):
                code, screen = follow(step, found)
                assert code == 0, f"$ {step.command}\n{screen}"
    return found


def requested(command: str, address: str) -> Any:
    """Send what a `curl` command would send, to our server, and give the JSON answer."""
    words = shlex.split(command)
    url = next(word for word in words if word.startswith("localhost:8000"))
    body = words[words.index("--json") + 1].encode() if "--json" in words else None
    headers = {"Content-Type": "application/json"}
    target = address + url.removeprefix("localhost:8000")
    request = urllib.request.Request(target, data=body, headers=headers)  # noqa: S310  # ours
    with urllib.request.urlopen(request, timeout=300) as response:  # noqa: S310  # ours
        return json.load(response)


def test_every_command_is_run_by_some_test() -> None:
    known = (*ELSEWHERE, "vibes ", "curl ")

    assert commands()
    assert [command for command in commands() if not command.startswith(known)] == []


def test_the_commands_lead_to_an_answer(folder: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pymc_vibes.cli", "runs", "list", "checkout"],
        env=environment(folder / "home"),
        capture_output=True,
        check=True,
    )

    assert json.loads(listed.stdout)[0]["state"] == "succeeded"


def test_the_python_runs_after_the_commands(folder: Path) -> None:
    programs = blocks("README.md", "python")

    said = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env=environment(folder / "home"),
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for program in programs
    ]

    assert said
    assert all(said)


def test_the_requests_are_answered(tmp_path: Path) -> None:
    asked = [command for command in commands() if command.startswith("curl ")]

    with serving(tmp_path) as (_, address):
        answers = [requested(command, address) for command in asked]

    assert len(answers) >= 3
    assert all(answers)


def test_no_setting_is_misspelled() -> None:
    from pymc_vibes.settings import Settings

    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    known = {f"VIBES_{name.upper()}" for name in Settings.model_fields}

    assert set(re.findall(r"VIBES_[A-Z_]+", text)) - known == set()
