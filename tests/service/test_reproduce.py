"""A recorded answer is computed again from what was recorded, and every difference is told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from pymc_vibes.core.answer import Answer
from pymc_vibes.core.errors import BadRequest, NoAnswer
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import Pending, Run, RunState
from pymc_vibes.kinds import catalog
from pymc_vibes.service import Service
from pymc_vibes.service.reproduce import Difference, compare
from pymc_vibes.settings import Settings
from tests.sampled.registered import TOSSES, Gate

EVENTS = """ts,cohort,event
2024-03-01T10:00:00Z,A,fault
2024-03-01T11:00:00Z,A,fault
2024-03-02T10:00:00Z,B,fault
"""


@pytest.fixture
def faults(service: Service, tmp_path: Path) -> Service:
    service.create("faults", "poisson-cohorts")
    upload(service, "faults", EVENTS, tmp_path)
    return service


@pytest.fixture
def coin(gate: Gate, service: Service, tmp_path: Path) -> Service:
    """A kind that must sample, and waits for nobody."""
    gate.open()
    service.create("coin", "coin")
    upload(service, "coin", TOSSES, tmp_path)
    return service


def upload(service: Service, name: str, text: str, folder: Path) -> None:
    path = folder / "events.csv"
    path.write_text(text)
    service.upload(name, path, UploadOptions(format="csv"))


def record(service: Service, answer: Answer) -> Answer:
    """Record an answer as if it had been computed elsewhere, and give it."""
    run = Run(
        id=f"{answer.run_id[:-1]}{'0' if answer.run_id[-1] != '0' else '1'}",
        experiment=answer.experiment,
        kind=answer.kind,
        state=RunState.SUCCEEDED,
        created=answer.created,
        finished=datetime.now(UTC),
        config=answer.provenance.config,
        key=answer.provenance.key,
        answer=answer,
    )
    owner = service.queue.experiment_id(answer.run_id)
    changed = run.model_copy(update={"answer": answer.model_copy(update={"run_id": run.id})})
    service.queue.record(changed, experiment_id=owner)
    assert changed.answer is not None
    return changed.answer


def changed(answer: Answer, **provenance: Any) -> Answer:
    made = answer.provenance.model_copy(update=provenance)
    return answer.model_copy(update={"provenance": made})


@pytest.mark.parametrize("slug", sorted(catalog()))
def test_the_answer_of_every_kind_comes_out_again(
    service: Service, tmp_path: Path, slug: str
) -> None:
    events = tmp_path / "events.parquet"
    parquet.write_table(service.generate(slug, 300, 7), events)
    example = catalog()[slug].example.model_dump(mode="json")
    service.create("simulated", slug, config=example)
    service.upload("simulated", events)
    answer = service.analyze("simulated")

    found = service.reproduce(answer.run_id)

    assert found.differences == ()
    assert found.equal
    assert (found.source, found.snapshot) == ("snapshot", answer.provenance.snapshot)
    assert found.compared > 20


def test_events_that_came_later_change_nothing(faults: Service, tmp_path: Path) -> None:
    answer = faults.analyze("faults")
    upload(faults, "faults", EVENTS.replace("2024", "2025"), tmp_path)
    assert faults.reproduce(answer.run_id).equal


def test_a_check_is_no_run_and_no_answer(faults: Service) -> None:
    answer = faults.analyze("faults")
    before = faults.runs()
    faults.reproduce(answer.run_id)
    assert faults.runs() == before
    assert faults.analyze("faults").run_id == answer.run_id


def test_another_process_reproduces_it_too(faults: Service, tmp_path: Path) -> None:
    answer = faults.analyze("faults")
    other = Service.open(Settings(home=tmp_path / "home"))
    found = other.reproduce(answer.run_id)
    other.close()
    assert found.equal


def test_each_number_that_differs_is_told_with_both_values(faults: Service) -> None:
    answer = faults.analyze("faults")
    first, *others = answer.summary.estimates
    wrong = first.model_copy(update={"mean": 0.5})
    summary = answer.summary.model_copy(update={"estimates": (wrong, *others)})
    recorded = record(faults, answer.model_copy(update={"summary": summary}))

    found = faults.reproduce(recorded.run_id)

    assert not found.equal
    assert found.total == 1
    what = f"summary.estimates[{first.label}].mean"
    assert found.differences == (Difference(what=what, recorded=0.5, again=first.mean),)
    assert found.headline == "Different: 1 value of the answer changed."


def test_other_versions_are_told_and_an_equal_answer_stays_equal(faults: Service) -> None:
    answer = faults.analyze("faults")
    versions = {**answer.provenance.versions, "numpy": "1.0"}
    recorded = record(faults, changed(answer, versions=versions, kind_version=0))

    found = faults.reproduce(recorded.run_id)

    now = answer.provenance
    assert found.equal
    assert found.surroundings == (
        Difference(what="kind version", recorded=0, again=now.kind_version),
        Difference(what="version of numpy", recorded="1.0", again=now.versions["numpy"]),
    )
    assert "Other versions are installed now" in " ".join(found.reasons)


def test_cells_that_are_not_those_recorded_are_a_difference(faults: Service) -> None:
    answer = faults.analyze("faults")
    recorded = record(faults, changed(answer, cells_hash="0" * 64))

    found = faults.reproduce(recorded.run_id)

    assert not found.equal
    assert found.headline == "Different: the cells changed, and the answer came out the same."
    assert [one.what for one in found.surroundings] == ["cells"]


def test_without_its_snapshot_it_is_computed_from_the_recorded_cells(faults: Service) -> None:
    answer = faults.analyze("faults")
    recorded = record(faults, changed(answer, snapshot=999_999))

    found = faults.reproduce(recorded.run_id)

    assert found.equal
    assert (found.source, found.snapshot) == ("cells", None)
    assert "no longer has the events as of snapshot 999999" in found.reasons[0]


def test_a_deleted_experiment_is_reproduced_from_its_cells(faults: Service) -> None:
    answer = faults.analyze("faults")
    faults.delete("faults")
    faults.create("faults", "ab-test")  # the name is in other hands

    found = faults.reproduce(answer.run_id)

    assert found.equal
    assert found.source == "cells"


def test_what_was_sampled_is_sampled_anew_by_a_run_of_its_own(coin: Service) -> None:
    answer = coin.analyze("coin")

    found = coin.reproduce(answer.run_id)

    assert found.equal
    assert found.by not in (None, answer.run_id)
    assert {run.id for run in coin.runs("coin")} == {answer.run_id, found.by}
    assert coin.analyze("coin").run_id == answer.run_id


def test_who_does_not_wait_gets_the_run_and_compares_later(coin: Service) -> None:
    answer = coin.analyze("coin")
    hasty = coin.without_waiting()
    with pytest.raises(Pending) as pending:
        hasty.reproduce(answer.run_id)
    fresh = pending.value.run.id
    coin.answer(fresh)

    found = hasty.reproduce(answer.run_id, by=fresh)

    assert found.equal
    assert found.by == fresh


def test_a_run_of_something_else_reproduces_nothing(coin: Service) -> None:
    first = coin.analyze("coin")
    other = coin.analyze("coin", {"seed": 7})
    with pytest.raises(BadRequest, match="does not compute run"):
        coin.reproduce(first.run_id, by=other.run_id)
    with pytest.raises(BadRequest, match="does not compute run"):
        coin.reproduce(first.run_id, by=first.run_id)


def test_a_run_without_an_answer_cannot_be_reproduced(coin: Service) -> None:
    with pytest.raises(Exception, match="fell off the table"):
        coin.analyze("coin", {"ends": "broken"})
    (failed,) = coin.runs("coin")
    with pytest.raises(NoAnswer, match=r"has no answer: .*fell off the table"):
        coin.reproduce(failed.id)


def test_how_long_it_took_is_no_difference(coin: Service) -> None:
    answer = coin.analyze("coin")
    slower = tuple(one.model_copy(update={"seconds": 99.0}) for one in answer.diagnostics.attempts)
    diagnostics = answer.diagnostics.model_copy(update={"attempts": slower})
    again = answer.model_copy(update={"diagnostics": diagnostics})
    assert compare(answer, again, by=None).equal
