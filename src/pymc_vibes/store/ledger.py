"""The ledger: every finished run once more, in MLflow, for those who look for it there.

Our own run table is the record; nothing of ours ever reads the ledger. A run of ours is one run of
MLflow, found by the tag `vibes.run_id`: writing it again, also after a crash half-way, completes
the one there is. This is the only module that imports MLflow, and importing MLflow takes seconds,
so only the process that mirrors makes a `Ledger`.
"""

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pymc_vibes.core.errors import BadConfig, StoreUnavailable
from pymc_vibes.settings import Settings, is_address

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

type Ending = Literal["FINISHED", "FAILED", "KILLED"]

RUN_TAG = "vibes.run_id"
# MLflow's limits
LONGEST_NAME, LONGEST_PARAM, LONGEST_TAG = 250, 6000, 8000
BATCH = 100
DIGEST = 12  # characters of the hash of the cells; all of it is in a tag
CONNECT_SECONDS = 5
# of a server that is away, so that it is told before somebody wonders
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
_UNNAMEABLE = re.compile(r"[^\w .:/-]+")
_CLIMBING = re.compile(r"^\.+|/+\.+|/{2,}|^/+")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One finished run, ready to be written: all of it is text, numbers and files."""

    run_id: str
    experiment: str
    experiment_id: str
    ending: Ending
    began: datetime
    finished: datetime
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    note: str
    """Markdown that MLflow shows above the run."""
    cells_hash: str | None
    """Names the data set that the run rests on."""
    folder: Path
    """Every file below it becomes an artifact."""


class Ledger:
    """An MLflow store, made where it is missing."""

    def __init__(self, settings: Settings) -> None:
        _check_is_its_own(settings)
        self._root = _artifact_root(settings)
        self._environment = _environment(settings)
        with self._speaking(), _reaching():
            self._client = _client(settings.ledger_place)

    def check(self) -> None:
        """Raise `StoreUnavailable` unless the store answers."""
        with self._speaking(), _reaching():
            self._client.search_experiments(max_results=1)

    def mirror(self, entry: Entry) -> str:
        """Write a finished run, or complete what was begun of it; give MLflow's id of it."""
        with self._speaking():
            experiment_id = self._experiment(entry)
            found = self._found(experiment_id, entry.run_id)
            run = found or self._begin(experiment_id, entry)
            run_id = str(run.info.run_id)
            if run.info.status == entry.ending:
                return run_id
            self._fill(run_id, entry)
            with _reaching():  # what can go wrong here is the store, not the run
                self._client.log_artifacts(run_id, str(entry.folder))
            self._client.set_terminated(run_id, entry.ending, _millis(entry.finished))
        return run_id

    def _experiment(self, entry: Entry) -> str:
        """Give MLflow's experiment of one of ours; the id is in the name, for names are reused."""
        from mlflow.exceptions import MlflowException

        name = f"{entry.experiment} ({entry.experiment_id})"
        found = self._client.get_experiment_by_name(name)
        if found is None:
            location = self._root and f"{self._root}/{entry.experiment_id}"
            tags = {
                "vibes.experiment": entry.experiment,
                "vibes.kind": entry.tags["vibes.kind"],
                "mlflow.experimentKind": "custom_model_development",  # no language model's traces
            }
            try:
                return str(self._client.create_experiment(name, location, tags))
            except MlflowException:  # another process was faster
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        if (
            found.lifecycle_stage == "deleted"
        ):  # its name stays taken, and its run must be somewhere
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _found(self, experiment_id: str, run_id: str) -> "Run | None":
        from mlflow.entities import ViewType

        wanted = f"tags.`{RUN_TAG}` = '{run_id}'"
        runs = self._client.search_runs([experiment_id], wanted, ViewType.ALL, max_results=1)
        return runs[0] if runs else None

    def _begin(self, experiment_id: str, entry: Entry) -> "Run":
        return self._client.create_run(
            experiment_id,
            start_time=_millis(entry.began),
            run_name=entry.run_id,
            tags={RUN_TAG: entry.run_id, "mlflow.user": "pymc-vibes"},
        )

    def _fill(self, run_id: str, entry: Entry) -> None:
        """Write params, metrics and tags; the same twice is the same once."""
        from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

        when = _millis(entry.finished)
        params = [Param(name, _cut(text, LONGEST_PARAM)) for name, text in _named(entry.params)]
        metrics = [Metric(name, value, when, 0) for name, value in _named(entry.metrics)]
        told = {**entry.tags, "mlflow.note.content": entry.note}
        tags = [RunTag(name, _cut(text, LONGEST_TAG)) for name, text in _named(told)]
        for some in batched(params, BATCH, strict=False):
            self._client.log_batch(run_id, params=some)
        for several in batched(metrics, BATCH, strict=False):
            self._client.log_batch(run_id, metrics=several)
        for few in batched(tags, BATCH, strict=False):
            self._client.log_batch(run_id, tags=few)
        if entry.cells_hash is not None:
            source = f'{{"cells": "{entry.cells_hash}"}}'
            cells = Dataset(entry.experiment, entry.cells_hash[:DIGEST], "pymc-vibes", source)
            self._client.log_inputs(run_id, [DatasetInput(cells)])

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        with _set(self._environment), warnings.catch_warnings():
            # MLflow 3.17 declares its tables in a way that SQLAlchemy 2.1 is about to drop
            warnings.filterwarnings("ignore", "The ``noload`` loader strategy")
            yield


@contextmanager
def _reaching() -> Iterator[None]:
    """Turn whatever MLflow, a driver or the network say into the designed problem."""
    try:
        yield
    except Exception as error:
        raise StoreUnavailable(
            f"The ledger does not answer: {first_line(error)}",
            hint="Check VIBES_LEDGER; `vibes doctor` checks every part.",
        ) from error


def _client(place: str) -> "MlflowClient":
    if not is_address(place):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
    elif place.startswith("postgresql"):
        _knock(address(place))
    from mlflow import MlflowClient  # seconds: not before the store is known to be there

    return MlflowClient(tracking_uri=address(place))


def _knock(database: str) -> None:
    """Raise at once where the database is away: MLflow would try for minutes."""
    from sqlalchemy import create_engine

    engine = create_engine(database, connect_args={"connect_timeout": CONNECT_SECONDS})
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def _check_is_its_own(settings: Settings) -> None:
    taken = (settings.queue_place, settings.catalog_place)
    if settings.ledger_place in taken:
        raise BadConfig(
            "VIBES_LEDGER names a database that holds tables of ours.",
            hint="Give MLflow a database of its own: both have a table of runs.",
        )


def address(place: str) -> str:
    """Give the address by which MLflow knows the store.

    >>> address("/srv/ledger.sqlite")
    'sqlite:////srv/ledger.sqlite'
    >>> address("postgresql://db/mlflow"), address("http://mlflow:5000")
    ('postgresql+psycopg://db/mlflow', 'http://mlflow:5000')
    """
    if not is_address(place):
        return f"sqlite:///{place}"
    scheme, _, rest = place.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme == "postgresql" else place


def _artifact_root(settings: Settings) -> str | None:
    """Give the place of artifacts; an MLflow server has one of its own."""
    if settings.ledger_place.startswith(("http://", "https://")):
        return None
    if is_address(settings.artifacts_place):
        return f"{settings.artifacts_place.rstrip('/')}/ledger"
    return str((settings.home / "ledger-artifacts").absolute())


def _environment(settings: Settings) -> Mapping[str, str]:
    """Give what MLflow and boto3 read nowhere else; and nothing is reported to anybody."""
    wanted = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_LOGGING_LEVEL": "WARNING", **_PATIENCE}
    if not is_address(settings.artifacts_place):
        return wanted
    if settings.s3_endpoint:
        wanted["MLFLOW_S3_ENDPOINT_URL"] = settings.s3_endpoint
    if settings.s3_secret is not None:
        wanted["AWS_ACCESS_KEY_ID"] = settings.s3_key_id
        wanted["AWS_SECRET_ACCESS_KEY"] = settings.s3_secret.get_secret_value()
    return wanted | {"AWS_DEFAULT_REGION": settings.s3_region}


@contextmanager
def _set(environment: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process, and set them back.

    MLflow and boto3 read some settings nowhere else. Nothing of ours is read here: what was there
    is kept only to be put back.
    """
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _named[T](values: Mapping[str, T]) -> Sequence[tuple[str, T]]:
    """Give names that MLflow takes, each of them once.

    >>> _named({"a/b (c)": 1, "a/b <c>": 2, "../x": 3})
    [('a/b _c_', 1), ('a/b _c_ 2', 2), ('_/x', 3)]
    """
    named: dict[str, T] = {}
    for name, value in values.items():
        plain = _CLIMBING.sub("_", _UNNAMEABLE.sub("_", name))[: LONGEST_NAME - 8].strip(" /.")
        taken, number = plain or "_", 2
        while taken in named:
            taken, number = f"{plain} {number}", number + 1
        named[taken] = value
    return list(named.items())


def _cut(text: str, longest: int) -> str:
    text = text.replace("\x00", "")  # PostgreSQL holds no NUL
    return text if len(text) <= longest else f"{text[: longest - 2]} …"


def first_line(error: Exception) -> str:
    """Say in one line what broke."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no reason given'}"


def _millis(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
