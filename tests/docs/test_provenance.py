"""The guide of provenance, followed on a home of its own, up to what MLflow then holds."""

from pathlib import Path

import pytest

from pymc_vibes.settings import Settings
from pymc_vibes.store.ledger import Ledger, address
from tests.docs.conftest import Step, blocks, follow, steps

PAGE = "docs/guides/provenance.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provenance")


@pytest.fixture(scope="module")
def screens(folder: Path) -> list[tuple[Step, int, str]]:
    """Every step of the page with what it showed."""
    told = [step for block in blocks(PAGE, "console") for step in steps(block)]
    return [(step, *follow(step, folder)) for step in told]


def test_every_step_shows_what_the_page_shows(screens: list[tuple[Step, int, str]]) -> None:
    wrong = [
        f"$ {step.command}\n[exit {code}]\n{screen}"
        for step, code, screen in screens
        if code != 0 or not step.matches(screen)
    ]
    assert screens
    assert not wrong, "\n".join(wrong)


def test_mlflow_has_the_runs_at_the_address_of_the_page(
    screens: list[tuple[Step, int, str]], folder: Path
) -> None:
    from mlflow import MlflowClient

    assert screens
    settings = Settings(home=folder / "home")
    Ledger(settings).check()
    place = settings.ledger_place
    client = MlflowClient(tracking_uri=address(place))
    (found,) = [one for one in client.search_experiments() if one.name.startswith("signups (")]
    (command,) = (text for text in blocks(PAGE, "text") if text.startswith("uvx mlflow=="))
    assert len(client.search_runs([found.experiment_id])) == 2
    assert command.strip().endswith(f"/{Path(place).name}")


def test_the_version_of_mlflow_is_the_one_that_is_installed() -> None:
    from importlib.metadata import version

    (command,) = blocks(PAGE, "text")
    assert f"mlflow=={version('mlflow-skinny')} " in command
