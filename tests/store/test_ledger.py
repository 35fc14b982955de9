"""The ledger is a real MLflow store: what is written there is read back by MLflow itself."""

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pymc_vibes.core.errors import BadConfig, StoreUnavailable
from pymc_vibes.settings import Settings
from pymc_vibes.store.ledger import Entry, Ledger, address
from pymc_vibes.store.ledger_lock import sole_writer

CREATED = datetime(2024, 3, 1, 12, tzinfo=UTC)
FINISHED = CREATED + timedelta(seconds=90)
_numbers = count()


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def ledger(settings: Settings) -> Ledger:
    return Ledger(settings)


@pytest.fixture(scope="module")
def mlflow(settings: Settings, ledger: Ledger) -> Any:
    """MLflow's own client on the same store."""
    from mlflow import MlflowClient

    ledger.check()
    return MlflowClient(tracking_uri=address(settings.ledger_place))


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """A finished run that no other test has."""
    folder = tmp_path / "files"
    (folder / "figures").mkdir(parents=True)
    (folder / "summary.json").write_text('{"headline": "B wins."}')
    (folder / "figures" / "lift.png").write_bytes(b"\x89PNG")
    number = next(_numbers)
    return Entry(
        run_id=f"{number:026}",
        experiment="shop",
        experiment_id=f"e{number:025}",
        ending="FINISHED",
        began=CREATED,
        finished=FINISHED,
        params={"prior.alpha": "1.0", "window": "null"},
        metrics={"rate/B/mean": 0.125, "P/B is better than A": 0.98},
        tags={"vibes.kind": "ab-test", "vibes.verdict": "good"},
        note="**B wins.**",
        cells_hash="c" * 64,
        folder=folder,
    )


def runs_of(mlflow: Any, entry: Entry) -> list[Any]:
    name = f"{entry.experiment} ({entry.experiment_id})"
    found = mlflow.get_experiment_by_name(name)
    return list(mlflow.search_runs([found.experiment_id]))


def test_a_file_named_as_mlflow_names_it_is_that_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")

    settings = Settings(home=tmp_path)
    Ledger(settings).check()

    assert settings.ledger_place == str(file)
    assert address(settings.ledger_place) == f"sqlite:///{file}"
    assert file.stat().st_size > 0


def test_a_run_is_found_with_all_that_was_told_of_it(
    ledger: Ledger, mlflow: Any, entry: Entry
) -> None:
    ledger_id = ledger.mirror(entry)

    run = mlflow.get_run(ledger_id)
    assert run.info.status == "FINISHED"
    assert run.info.start_time == CREATED.timestamp() * 1000
    assert run.info.end_time == FINISHED.timestamp() * 1000
    assert run.data.params == entry.params
    assert run.data.metrics == entry.metrics
    assert run.data.tags["vibes.run_id"] == entry.run_id
    assert run.data.tags["vibes.verdict"] == "good"
    assert run.data.tags["mlflow.note.content"] == "**B wins.**"
    (cells,) = run.inputs.dataset_inputs
    assert cells.dataset.digest == "c" * 12


def test_files_become_artifacts_below_the_home(
    ledger: Ledger, mlflow: Any, settings: Settings, entry: Entry
) -> None:
    ledger_id = ledger.mirror(entry)

    names = {found.path for found in mlflow.list_artifacts(ledger_id)}
    (figure,) = mlflow.list_artifacts(ledger_id, "figures")
    assert names == {"summary.json", "figures"}
    assert figure.path == "figures/lift.png"
    place = Path(mlflow.get_run(ledger_id).info.artifact_uri)
    assert place.is_relative_to(settings.home / "ledger-artifacts" / entry.experiment_id)
    assert (place / "summary.json").read_text() == '{"headline": "B wins."}'


def test_the_same_run_twice_is_one_run(ledger: Ledger, mlflow: Any, entry: Entry) -> None:
    first, second = ledger.mirror(entry), ledger.mirror(entry)

    assert first == second
    assert len(runs_of(mlflow, entry)) == 1


def test_what_was_begun_before_a_crash_is_completed(
    ledger: Ledger, mlflow: Any, settings: Settings, entry: Entry
) -> None:
    blocked = settings.home / "ledger-artifacts" / entry.experiment_id
    blocked.parent.mkdir(exist_ok=True)
    blocked.touch()  # no folder can be made here
    with pytest.raises(StoreUnavailable):
        ledger.mirror(entry)
    blocked.unlink()
    (begun,) = runs_of(mlflow, entry)

    ledger_id = ledger.mirror(entry)

    (run,) = runs_of(mlflow, entry)
    assert begun.info.status == "RUNNING"
    assert run.info.run_id == begun.info.run_id == ledger_id
    assert run.info.status == "FINISHED"
    assert run.data.metrics == entry.metrics
    assert len(mlflow.get_metric_history(ledger_id, "rate/B/mean")) == 1


@pytest.mark.parametrize("ending", ["FAILED", "KILLED"])
def test_runs_without_an_answer_keep_how_they_ended(
    ledger: Ledger, mlflow: Any, entry: Entry, ending: Any
) -> None:
    ended = dataclasses.replace(entry, ending=ending, cells_hash=None, metrics={})
    run = mlflow.get_run(ledger.mirror(ended))
    assert run.info.status == ending
    assert run.inputs.dataset_inputs == []


def test_experiments_of_one_name_stay_apart(ledger: Ledger, mlflow: Any, entry: Entry) -> None:
    reused = dataclasses.replace(entry, experiment_id="f" * 26, run_id="z" * 26)
    first, second = (mlflow.get_run(ledger.mirror(one)) for one in (entry, reused))
    assert first.info.experiment_id != second.info.experiment_id


def test_names_and_texts_of_any_kind_are_taken(ledger: Ledger, mlflow: Any, entry: Entry) -> None:
    odd = dataclasses.replace(
        entry,
        params={"note": "x" * 10_000},
        metrics={"rate/<b>": 1.0, "rate/(b)": 2.0, "../up": 3.0, "ünï/" + "y" * 400: 4.0},
        tags={**entry.tags, "vibes.headline": "nul\x00" + "z" * 9000},
    )
    run = mlflow.get_run(ledger.mirror(odd))
    assert sorted(run.data.metrics.values()) == [1.0, 2.0, 3.0, 4.0]
    assert len(run.data.params["note"]) == 6000
    assert run.data.tags["vibes.headline"].startswith("nulzzz")


def test_many_numbers_are_written(ledger: Ledger, mlflow: Any, entry: Entry) -> None:
    many = dataclasses.replace(
        entry,
        metrics={f"rate/{number}/mean": float(number) for number in range(450)},
        params={f"setting {number}": "1" for number in range(130)},
    )
    run = mlflow.get_run(ledger.mirror(many))
    assert len(run.data.metrics) == 450
    assert len(run.data.params) == 130


def test_a_deleted_experiment_comes_back_with_its_next_run(
    ledger: Ledger, mlflow: Any, entry: Entry
) -> None:
    first = mlflow.get_run(ledger.mirror(entry))
    mlflow.delete_experiment(first.info.experiment_id)
    second = ledger.mirror(dataclasses.replace(entry, run_id="y" * 26))
    assert mlflow.get_run(second).info.experiment_id == first.info.experiment_id


def test_the_environment_is_as_it_was(
    ledger: Ledger, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    before = dict(os.environ)
    ledger.mirror(entry)
    assert dict(os.environ) == before


def test_a_ledger_that_is_away_says_so(tmp_path: Path) -> None:
    away = Settings(home=tmp_path, ledger="postgresql://nobody@127.0.0.1:1/mlflow")
    with pytest.raises(StoreUnavailable, match="The ledger does not answer"):
        Ledger(away)


def test_a_database_with_our_own_tables_is_refused(tmp_path: Path) -> None:
    shared = Settings(home=tmp_path, ledger=str(tmp_path / "runs.sqlite"))
    with pytest.raises(BadConfig, match="holds tables of ours"):
        Ledger(shared)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Callable[[], bool]]:
    """A ledger that somebody writes to, and a way to ask for it."""
    settings = Settings(home=tmp_path)

    def ask() -> bool:
        with sole_writer(settings) as is_alone:
            return is_alone

    with sole_writer(settings) as is_alone:
        assert is_alone
        yield ask


def test_only_one_writes_to_a_ledger(held: Callable[[], bool]) -> None:
    assert not held()


def test_the_next_may_write_when_the_first_is_done(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with sole_writer(settings):
        pass
    with sole_writer(settings) as is_alone:
        assert is_alone
