"""The use cases, on a real lake and a real run table."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pymc_vibes.core.errors import (
    BadConfig,
    EntityNotFound,
    ExperimentExists,
    ExperimentNotFound,
    FigureNotFound,
    InsufficientData,
    KindMismatch,
    KindNotFound,
    QueryNotFound,
    RunNotFound,
)
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.run import RunState
from pymc_vibes.kinds import catalog
from pymc_vibes.service import Service, analysis
from pymc_vibes.service.worlds import example_world, truth_checks
from pymc_vibes.settings import Settings

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


def upload(service: Service, name: str, text: str, folder: Path) -> None:
    path = folder / "events.csv"
    path.write_text(text)
    service.upload(name, path, UploadOptions(format="csv"))


def test_a_repeated_question_is_answered_by_the_same_run(faults: Service) -> None:
    first, second = faults.analyze("faults"), faults.analyze("faults")
    assert (first.cached, second.cached) == (False, True)
    assert second.run_id == first.run_id
    assert second.summary == first.summary
    assert len(faults.runs("faults")) == 1


def test_another_process_finds_the_answer_too(faults: Service, tmp_path: Path) -> None:
    first = faults.analyze("faults")
    other = Service.open(Settings(home=tmp_path / "home"))
    again = other.analyze("faults")
    other.close()
    assert again.cached
    assert again.run_id == first.run_id


def test_the_same_rows_in_another_order_are_the_same_cells(
    service: Service, tmp_path: Path
) -> None:
    header, *rows = EVENTS.strip().splitlines()
    hashes = set()
    for name, ordered in (("forth", rows), ("back", rows[::-1])):
        service.create(name, "poisson-cohorts")
        upload(service, name, "\n".join([header, *ordered]) + "\n", tmp_path)
        hashes.add(service.analyze(name).provenance.cells_hash)
    assert len(hashes) == 1


def test_new_events_give_a_new_answer_and_the_old_one_stays_readable(
    faults: Service, tmp_path: Path
) -> None:
    before = faults.analyze("faults")
    snapshot = faults.experiment("faults").snapshot
    upload(faults, "faults", "ts,cohort,event\n2024-03-02T12:00:00Z,B,fault\n", tmp_path)
    after = faults.analyze("faults")
    then = faults.analyze("faults", snapshot=snapshot)
    assert after.provenance.key != before.provenance.key
    assert then.provenance.cells_hash == before.provenance.cells_hash
    assert faults.rebuilt(before.run_id).answer.summary == before.summary


def test_settings_for_one_question_do_not_stay(faults: Service) -> None:
    stored = faults.analyze("faults").provenance.config["level"]
    asked = faults.analyze("faults", {"level": 0.8}).provenance.config["level"]
    again = faults.analyze("faults").provenance.config["level"]
    assert (stored, asked, again) == (0.95, 0.8, 0.95)


def test_stored_settings_can_be_changed_and_taken_back(faults: Service) -> None:
    faults.configure("faults", {"level": 0.9})
    changed = faults.analyze("faults").provenance.config["level"]
    faults.configure("faults", {"level": None})
    assert (changed, faults.analyze("faults").provenance.config["level"]) == (0.9, 0.95)


def test_clearing_forgets_exactly_one_experiment(faults: Service, tmp_path: Path) -> None:
    faults.create("faults-2", "poisson-cohorts")
    upload(faults, "faults-2", EVENTS, tmp_path)
    faults.analyze("faults")
    faults.analyze("faults-2")
    assert faults.clear_cache("faults") == 1
    assert not faults.analyze("faults").cached
    assert faults.analyze("faults-2").cached


def test_clearing_reaches_a_server_that_remembers(faults: Service, tmp_path: Path) -> None:
    faults.analyze("faults")
    other = Service.open(Settings(home=tmp_path / "home"))
    other.clear_cache("faults")
    other.close()
    assert not faults.analyze("faults").cached


def test_equal_questions_at_one_time_make_one_run(faults: Service) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: faults.analyze("faults"), range(8)))
    assert len({answer.run_id for answer in answers}) == 1
    assert len(faults.runs("faults")) == 1


def test_a_question_that_cannot_be_answered_fails_once_and_says_why(service: Service) -> None:
    service.create("test", "ab-test")
    for _ in range(3):
        with pytest.raises(InsufficientData, match="two variants"):
            service.analyze("test")
    (failed,) = service.runs("test")
    assert failed.state is RunState.FAILED
    assert failed.error is not None
    assert failed.error["type"] == "/problems/insufficient-data"


def test_a_deleted_experiment_leaves_its_runs_and_frees_its_name(faults: Service) -> None:
    run_id = faults.analyze("faults").run_id
    faults.delete("faults")
    with pytest.raises(ExperimentNotFound):
        faults.experiment("faults")
    assert faults.run(run_id).state is RunState.SUCCEEDED
    assert faults.create("faults", "bernoulli").rows == 0


def test_wrong_names_are_answered_with_what_there_is(faults: Service) -> None:
    with pytest.raises(ExperimentNotFound) as experiment:
        faults.analyze("fautls")
    with pytest.raises(QueryNotFound) as query:
        faults.ask("faults", "nothing", {})
    with pytest.raises(FigureNotFound) as figure:
        faults.figure(faults.analyze("faults").run_id, "nothing")
    with pytest.raises(KindNotFound) as kind:
        faults.create("x", "nothing")
    hints = [str(caught.value.hint) for caught in (experiment, query, figure, kind)]
    assert ["faults" in hints[0], "compare" in hints[1], "It has" in hints[2]] == [True] * 3
    assert "bernoulli" in hints[3]


def test_a_name_that_the_data_have_never_seen_leaves_no_run(faults: Service) -> None:
    asked = {"event": "faullt", "model": "hierarchical"}
    for _ in range(2):
        with pytest.raises(EntityNotFound, match="faullt"):
            faults.analyze("faults", asked)

    assert faults.runs("faults") == ()


def test_what_does_not_fit_is_refused(faults: Service) -> None:
    with pytest.raises(ExperimentExists):
        faults.create("FAULTS", "bernoulli")
    with pytest.raises(KindMismatch):
        faults.experiment_of("faults", "ab-test")
    with pytest.raises(BadConfig):
        faults.create("other", "bernoulli", config={"level": 7})
    with pytest.raises(RunNotFound):
        faults.run("nothing")
    with pytest.raises(BadConfig):
        faults.generate("bernoulli", 0, 1)


def test_a_unit_keeps_its_arm_and_strangers_do_not_share_one(service: Service) -> None:
    service.create("banner", "multi-armed-bandits", config={"arms": ["x", "y", "z"]})
    kept = {service.ask("banner", "assign", {"unit_id": "u"}).data["arm"] for _ in range(5)}
    strangers = {service.ask("banner", "assign", {}).data["arm"] for _ in range(40)}
    assert len(kept) == 1
    # 40 draws of three equal arms all alike: chance 3 * (1/3)^40 < 1e-18
    assert len(strangers) > 1


def test_a_question_to_a_run_is_answered_by_its_own_posterior(
    faults: Service, tmp_path: Path
) -> None:
    run_id = faults.analyze("faults").run_id
    upload(faults, "faults", "ts,cohort,event\n2024-03-02T12:00:00Z,A,fault\n", tmp_path)
    asked = {"cohort": "A", "event": "fault"}
    assert faults.ask_run(run_id, "rate", asked).data["k"] == 2
    assert faults.ask("faults", "rate", asked).data["k"] == 3


def test_draws_are_named_and_seeded(faults: Service) -> None:
    run_id = faults.analyze("faults").run_id
    drawn = faults.draws(run_id, "rate", ["A"], 10, seed=1)["rate"]
    again = faults.draws(run_id, "rate", None, 10, seed=1)["rate"]
    assert drawn.shape == (10, 1)
    assert (again[:, 0] == drawn[:, 0]).all()
    with pytest.raises(BadConfig, match="no variable"):
        faults.draws(run_id, "lambda", None, 10, seed=1)


@pytest.mark.parametrize("kind", catalog())
def test_a_simulated_world_knows_its_truth(service: Service, kind: str) -> None:
    experiment = example_world(service, kind, size=1000)
    analysis = service.analysis(experiment.name, {"level": 0.999})
    checks = truth_checks(service, analysis)
    assert checks
    # at most a dozen intervals of 99.9 %: more than two misses have a chance below 1e-6
    assert sum(not check.covered for check in checks) <= 2


def test_no_truth_is_claimed_for_real_data(faults: Service) -> None:
    assert truth_checks(faults, faults.analysis("faults")) == ()


def test_a_run_of_an_older_version_keeps_its_answer_and_says_why_not_more(
    faults: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = faults.analyze("faults")
    kind = catalog()["poisson-cohorts"]
    newer = dataclasses.replace(kind, version=kind.version + 1)
    monkeypatch.setattr(analysis, "find_kind", lambda _slug: newer)
    faults.clear_cache("faults")
    with pytest.raises(RunNotFound, match=f"made by version {kind.version}"):
        faults.draws(answer.run_id, "rate", None, 10, seed=1)
    assert faults.figure(answer.run_id, answer.figures[0].name) == answer.figures[0]
    assert faults.analyze("faults").run_id != answer.run_id
