"""What is said of a run on its way: its stage, its chains, the time left, and what stands in it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pymc_vibes.core.run import Progress, Run, RunState
from pymc_vibes.service import standing
from pymc_vibes.service.standing import Place

THEN = datetime(2024, 1, 1, tzinfo=UTC)


def run(progress: Progress | None = None, **more: Any) -> Run:
    told = {"state": RunState.RUNNING, "created": THEN, "config": {}, **more}
    return Run(id="1", experiment="e", kind="k", progress=progress, **told)


def sampling(
    done: int = 0, total: int = 0, *, seconds: float = 10.0, facts: Mapping[str, float] = {}
) -> Progress:
    updated = THEN + timedelta(seconds=seconds)
    return Progress(
        stage="sample", done=done, total=total, facts=facts, began=THEN, updated=updated
    )


CHAINS = {"chain_1": 600, "chain_2": 400, "divergences": 1, "attempt": 2, "tune": 500}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (run(state=RunState.QUEUED), "Waiting for its turn"),
        (run(), "Starting"),
        (run(Progress(stage="wait", updated=THEN)), "Waiting for a free sampler"),
        (run(Progress(stage="compile", updated=THEN)), "Compiling the model"),
        (run(Progress(stage="rates over time", updated=THEN)), "Rates over time"),
        (run(sampling(1, 10, facts={"chain_1": 1, "tune": 5})), "Tuning the sampler"),
        (run(sampling(1000, 2000, facts=CHAINS)), "Sampling"),
        (run(sampling(1, 10), cancelling=True), "Stopping"),
    ],
)
def test_each_stage_has_a_name(found: Run, said: str) -> None:
    assert standing.stage(found) == said


def test_chains_and_counts_are_told_once_each() -> None:
    found = run(sampling(1000, 2000, facts=CHAINS))

    assert [(one.number, one.done, one.total) for one in standing.chains(found)] == [
        (1, 600, 1000),
        (2, 400, 1000),
    ]
    assert standing.facts(found) == ("1,000 of 2,000 steps", "1 divergence", "attempt 2")


def test_what_only_one_process_does_has_no_chains() -> None:
    assert standing.chains(run(sampling(1, 2))) == ()
    assert standing.chains(run()) == ()


@pytest.mark.parametrize(
    ("done", "seconds", "later", "left"),
    [
        (500, 10.0, 0.0, 10.0),
        (250, 10.0, 0.0, 30.0),
        (500, 10.0, 4.0, 6.0),
        (500, 10.0, 99.0, 0.0),
        (1000, 10.0, 0.0, 0.0),
    ],
)
def test_what_is_left_goes_as_fast_as_what_was_done(
    done: int, seconds: float, later: float, left: float
) -> None:
    found = run(sampling(done, 1000, seconds=seconds))
    now = THEN + timedelta(seconds=seconds + later)

    assert standing.seconds_left(found, now) == pytest.approx(left, rel=1e-9)


@pytest.mark.parametrize(
    "progress",
    [
        None,
        sampling(0, 0),
        sampling(40, 1000),  # too little was done
        sampling(500, 1000, seconds=1.0),  # for too short a time
        sampling(500, 1000).model_copy(update={"began": None}),  # an older worker told
        sampling(0, 1, facts={"about_seconds": 15}),
    ],
)
def test_without_a_basis_nothing_is_estimated(progress: Progress | None) -> None:
    assert standing.seconds_left(run(progress), THEN + timedelta(seconds=10)) is None


def test_a_cold_start_says_what_it_usually_takes() -> None:
    cold = {"about_seconds": 15.0, "attempt": 1}
    found = run(Progress(stage="compile", total=1, facts=cold, began=THEN, updated=THEN))

    assert standing.share(found) is None
    assert standing.sentence(found, THEN + timedelta(seconds=3)) == (
        "Compiling the model (usually about 15 s), 3 s since it was asked for."
    )


@pytest.mark.parametrize(
    ("found", "place", "said"),
    [
        (run(tries=1), Place(), ()),
        (run(tries=2), Place(), ("A worker died; begun again (try 2).",)),
        (
            run(state=RunState.QUEUED, tries=1),
            Place(ahead=2),
            ("A worker died; it will be begun again.", "2 runs go first."),
        ),
        (
            run(state=RunState.QUEUED),
            Place(is_served=False),
            ("Waiting: no worker is running; start one with `vibes worker`.",),
        ),
        (
            run(tries=1),
            Place(is_served=False),
            ("Its worker is not heard of any more; the next one that is free begins it again.",),
        ),
        (run(state=RunState.SUCCEEDED, tries=1), Place(), ()),
    ],
)
def test_what_one_should_know_is_said(found: Run, place: Place, said: tuple[str, ...]) -> None:
    assert standing.notes(found, place) == said


def test_the_time_of_a_run_is_that_of_its_work() -> None:
    waited, worked = THEN + timedelta(seconds=60), THEN + timedelta(seconds=72)
    found = run(state=RunState.SUCCEEDED, started=waited, finished=worked)

    assert standing.took(found) == 12
    assert standing.took(run()) is None
    assert standing.history(found) == ("k", "took 12 s")


def test_an_unfinished_run_is_listed_with_worker_and_try() -> None:
    found = run(tries=2, worker="cherry-4711-01hqz3v9k2m0000000000000000")

    assert standing.history(found) == ("k", "try 2", "worker cherry-4711")
