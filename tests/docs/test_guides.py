"""The guides of hierarchies and sampling, followed on one server that keeps what it compiles."""

import shlex
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import serving
from tests.docs.conftest import Step, blocks, follow, steps

SAMPLED = "docs/guides/sampled-answers.md"
PAGES = (
    "docs/guides/borrowing-strength.md",
    "docs/guides/diagnostics.md",
    "docs/guides/entity-rates.md",
    "docs/guides/interventions.md",
    "docs/guides/marketing-mix.md",
    "docs/guides/n-of-1-conduct.md",
    "docs/guides/n-of-1.md",
    SAMPLED,
)
HERE = "localhost:8000"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server for all guides; each has experiments of its own."""
    with serving(tmp_path_factory.mktemp("guides")) as (_, address):
        yield address


def shown(step: Step, folder: Path, address: str) -> tuple[int, str]:
    """Do what a step says, at that server."""
    if not step.command.startswith("curl "):
        return follow(step, folder, VIBES_URL=address)
    words = shlex.split(step.command)
    (path,) = (word.removeprefix(HERE) for word in words if word.startswith(HERE))
    body = words[words.index("--json") + 1].encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data=body, headers=headers)  # noqa: S310  # ours
    with urllib.request.urlopen(request, timeout=300) as response:  # noqa: S310  # ours
        return 0, response.read().decode()


@pytest.mark.parametrize("page", PAGES)
def test_every_step_shows_what_the_page_shows(page: str, served: str, tmp_path: Path) -> None:
    told = [step for block in blocks(page, "console") for step in steps(block)]
    # the server of the page runs already, as the fixture `served`: started here it would never end
    to_run = [step for step in told if step.command != "vibes serve"]

    screens = [(step, *shown(step, tmp_path, served)) for step in to_run]

    wrong = [
        f"$ {step.command}\n[exit {code}]\n{screen}"
        for step, code, screen in screens
        if (code != 0) != step.must_fail or not step.matches(screen)
    ]
    assert screens
    assert not wrong, "\n".join(wrong)


def test_the_bars_are_those_that_judge() -> None:
    from pymc_vibes.stats import diagnose

    text = (Path(__file__).parents[2] / SAMPLED).read_text("utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("| "))
    bars = ("R_HAT_GOOD", "R_HAT_FAIR", "ESS_GOOD", "ESS_FAIR", "BFMI_GOOD", "BFMI_FAIR")
    told = [f" {getattr(diagnose, bar):g} " for bar in (*bars, "DIVERGENCES_FAIR")]

    missing = [bar for bar in (*told, f" {100 * diagnose.DEPTH_FAIR:g} % ") if bar not in table]
    assert missing == []
