"""`vibes runs reproduce` says equal, or what differs; the exit code tells programs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.run import Run, RunState
from pymc_vibes.settings import Settings
from pymc_vibes.store.queue import Queue
from tests.cli.conftest import Vibes, run_here


@pytest.fixture
def altered(plain: object, tmp_path: Path) -> str:
    """A run in a home of its own whose record says something else than its data."""
    del plain  # the home is set by it
    events = run_here("generate", "bernoulli", "-n", "50", "--format", "csv").out
    run_here("experiments", "create", "coins", "--type", "bernoulli", stdin=events)
    answer = Answer.model_validate_json(run_here("analyze", "coins", "--json").out)
    first, *others = answer.summary.estimates
    wrong = first.model_copy(update={"mean": 0.123456789})
    summary = answer.summary.model_copy(update={"estimates": (wrong, *others)})
    versions = {**answer.provenance.versions, "scipy": "0.1"}
    made = answer.provenance.model_copy(update={"versions": versions})
    run_id = answer.run_id[:-1] + ("1" if answer.run_id[-1] == "0" else "0")
    update = {"summary": summary, "provenance": made, "run_id": run_id}
    run = Run(
        id=run_id,
        experiment="coins",
        kind="bernoulli",
        state=RunState.SUCCEEDED,
        created=answer.created,
        finished=datetime.now(UTC),
        config=made.config,
        key=made.key,
        answer=answer.model_copy(update=update),
    )
    queue = Queue.open(Settings(home=tmp_path / "home"))
    queue.record(run, experiment_id=queue.experiment_id(answer.run_id))
    queue.close()
    return run_id


def test_an_exact_answer_comes_out_equal(vibes: Vibes, shop: str) -> None:
    run_id = json.loads(vibes("analyze", shop, "--json").text)["run_id"]

    done = vibes("runs", "reproduce", run_id)
    data = json.loads(vibes("runs", "reproduce", run_id, "--json").text)

    assert done.code == 0, done.err
    assert done.text.startswith("Equal: the answer came out the same to the last digit.")
    assert "values compared, from snapshot" in done.text
    assert data["equal"] is True


def test_what_differs_is_listed_and_ends_with_exit_code_1(altered: str) -> None:
    done = run_here("runs", "reproduce", altered)
    data = json.loads(run_here("runs", "reproduce", altered, "--json").out)

    assert done.code == 1
    assert "Different: 1 value of the answer changed." in done.text
    assert "0.123456789" in done.text
    assert "version of scipy" in done.text
    assert "Other versions are installed now, which may change last digits: scipy." in done.text
    assert data["equal"] is False
    assert data["total"] == 1


def test_an_unknown_run_is_said_to_be_unknown(vibes: Vibes) -> None:
    done = vibes("runs", "reproduce", "nope")
    assert done.code == 3
    assert "There is no run 'nope'." in done.err


def test_a_cached_answer_says_so_and_since_when_and_by_which_run(vibes: Vibes, shop: str) -> None:
    answer = json.loads(vibes("analyze", shop, "--json").text)
    again = json.loads(vibes("analyze", shop, "--json").text)
    card = vibes("analyze", shop, "--no-plot").text

    assert again["cached"] is True
    assert again["run_id"] == answer["run_id"]
    assert f"cached: computed {answer['created'][:10]}" in card
    assert f"by run {answer['run_id']}" in card
