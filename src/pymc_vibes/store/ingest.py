"""From a file to a receipt: read, check, settle what the first batch decides, commit once."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pymc_vibes.core.errors import BadConfig, IdempotencyConflict
from pymc_vibes.core.experiment import Experiment, Receipt, UploadOptions
from pymc_vibes.core.schema import Schema
from pymc_vibes.store import registry
from pymc_vibes.store.duck import cursor_of
from pymc_vibes.store.layout import Layout, plan
from pymc_vibes.store.readers import Upload, open_upload
from pymc_vibes.store.registry import Batch
from pymc_vibes.store.stage import Places, Staged, stage
from pymc_vibes.store.upkeep import new_id
from pymc_vibes.store.writing import Writing, read_columns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pymc_vibes.store.committer import Committer
    from pymc_vibes.store.files import Files

HASH_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class _Request:
    """One upload, as it was asked for."""

    batch: str
    upload: Upload
    schema: Schema
    options: UploadOptions
    required: frozenset[str]
    digest: str | None
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A checked batch, and the experiment's settings it was checked against."""

    staged: Staged
    decided: Mapping[str, str]
    assumed: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class _Outdated:
    """The experiment's settings changed while the batch was checked."""

    experiment: Experiment


class Ingest:
    """Takes uploads."""

    def __init__(
        self,
        *,
        engine: "DuckDBPyConnection",
        root: "DuckDBPyConnection",
        committer: "Committer",
        files: "Files",
        home: Path,
    ) -> None:
        self._engine = engine
        self._root = root
        self._committer = committer
        self._files = files
        self._home = home.absolute()

    def run(
        self,
        experiment: Experiment,
        path: Path,
        schema: Schema,
        options: UploadOptions,
        *,
        required: frozenset[str],
        filename: str | None,
        is_new: bool = False,
    ) -> Receipt:
        """Check the whole file and commit it, or raise and leave nothing behind.

        An experiment that `is_new` is made by the same commit.
        """
        self._check_zone(options.timezone)
        digest = _digest(path, options) if options.idempotency_key else None
        if digest is not None:
            replay = self._replay(experiment, options, digest)
            if replay is not None:
                return replay
        request = _Request(
            batch=new_id(),
            upload=open_upload(path, options.format, filename, self._engine),
            schema=schema,
            options=options,
            required=required,
            digest=digest,
            is_new=is_new,
        )
        places = self._places(request.batch)
        try:
            receipt = self._until_current(experiment, request, places)
        finally:
            places.roster.unlink(missing_ok=True)
            places.events.unlink(missing_ok=True)
        if receipt.batch != request.batch:
            # InternalFault and the like: a commit may have taken the file over, so only a refusal
            # of ours removes it; what is left without an owner is removed by compaction
            self._files.remove(_name_of(experiment, request))
        return receipt

    def _until_current(self, experiment: Experiment, request: _Request, places: Places) -> Receipt:
        while True:
            ready = self._deliver(experiment, request, self._prepare(experiment, request, places))
            outcome = self._committer.run(_commit_of(experiment, request, ready))
            if isinstance(outcome, Receipt):
                return outcome
            experiment = outcome.experiment

    def _deliver(self, experiment: Experiment, request: _Request, ready: _Ready) -> _Ready:
        """Move a file of events to where the lake's data are, outside of any lock."""
        if not isinstance(ready.staged.events, Path):
            return ready
        name = _name_of(experiment, request)
        self._files.take(ready.staged.events, name)
        return replace(ready, staged=replace(ready.staged, events=self._files.address(name)))

    def _prepare(self, experiment: Experiment, request: _Request, places: Places) -> _Ready:
        fields = {c.decides.field: c for c in request.schema.columns if c.decides}
        assumed = {field: experiment.config.get(field) for field in fields}
        required = request.required | {
            column.name
            for field, column in fields.items()
            if column.decides and assumed[field] == column.decides.present
        }
        staged = self._stage(experiment, request, places, required)
        decided = {}
        for field, column in fields.items():
            if column.decides is None or assumed[field] is not None:
                continue
            filled = staged.filled.get(column.name, 0)
            decided[field] = column.decides.present if filled else column.decides.absent
            if filled and filled < staged.rows:
                required = required | {column.name}
                staged = self._stage(experiment, request, places, required)
        return _Ready(staged=staged, decided=decided, assumed=assumed)

    def _stage(
        self, experiment: Experiment, request: _Request, places: Places, required: frozenset[str]
    ) -> Staged:
        upload = request.upload
        layout = self._plan(experiment, request, required)
        return stage(
            self._engine,
            upload,
            layout,
            places,
            zone=request.options.timezone,
            skip_bad_rows=request.options.skip_bad_rows,
        )

    def _plan(self, experiment: Experiment, request: _Request, required: frozenset[str]) -> Layout:
        headers = request.upload.headers
        layout = plan(headers, request.schema, request.options, required=required)
        declared = {column.name for column in request.schema.columns}
        if declared.issuperset(layout.names):
            return layout
        cursor = cursor_of(self._root)
        try:
            present = read_columns(cursor, f"e_{experiment.id}")
        finally:
            cursor.close()
        return plan(headers, request.schema, request.options, required=required, present=present)

    def _replay(
        self, experiment: Experiment, options: UploadOptions, digest: str
    ) -> Receipt | None:
        cursor = cursor_of(self._root)
        try:
            known = registry.find_batch(cursor, experiment.id, options.idempotency_key or "")
        finally:
            cursor.close()
        return None if known is None else _replayed(known, digest, options)

    def _places(self, batch: str) -> Places:
        return Places(
            events=self._home / "staging" / f"{batch}.parquet",
            roster=self._home / "staging" / f"{batch}.roster.parquet",
            rejects=self._home / "rejects" / f"{batch}.ndjson",
        )

    def _check_zone(self, zone: str) -> None:
        if zone == "UTC":
            return
        cursor = cursor_of(self._engine)
        try:
            found = cursor.execute(
                "SELECT 1 FROM pg_timezone_names() WHERE name = ?", [zone]
            ).fetchone()
        finally:
            cursor.close()
        if found is None:
            raise BadConfig(
                f"{zone[:80]!r} is not a time zone.",
                hint="Use an IANA name such as Europe/Berlin or America/New_York.",
                fields=[{"field": "timezone", "reason": "not an IANA time zone"}],
            )


def _name_of(experiment: Experiment, request: _Request) -> str:
    return f"main/e_{experiment.id}/{request.batch}.parquet"


def _commit_of(
    experiment: Experiment, request: _Request, ready: _Ready
) -> Callable[[Writing], Receipt | _Outdated]:
    def work(writing: Writing) -> Receipt | _Outdated:
        if request.is_new:
            return _append(writing, _made(writing, experiment, ready), request, ready)
        current = writing.experiment(experiment.id, experiment.name)
        key = request.options.idempotency_key
        known = None if key is None else writing.batch(current.id, key)
        if known is not None:
            return _replayed(known, request.digest or "", request.options)
        if any(current.config.get(field) != value for field, value in ready.assumed.items()):
            return _Outdated(experiment=current)
        if ready.decided:
            current = writing.configure(current, {**current.config, **ready.decided})
        return _append(writing, current, request, ready)

    return work


def _made(writing: Writing, experiment: Experiment, ready: _Ready) -> Experiment:
    """Make the experiment, with what its first batch decides."""
    config = {**experiment.config, **ready.decided}
    return writing.create(experiment.model_copy(update={"config": config}))


def _append(writing: Writing, experiment: Experiment, request: _Request, ready: _Ready) -> Receipt:
    staged = ready.staged
    diagnosis = staged.diagnosis
    receipt = Receipt(
        experiment=experiment.name,
        batch=request.batch,
        ingested=staged.rows,
        rejected=diagnosis.bad,
        bad_rows=diagnosis.first,
        rejects_file=str(diagnosis.rejects) if diagnosis.rejects else None,
        columns=staged.layout.stored_as,
        decided=ready.decided,
    )
    batch = Batch(
        experiment_id=experiment.id,
        key=request.options.idempotency_key,
        digest=request.digest,
        receipt=receipt,
        rows=staged.rows,
        first=staged.first,
        last=staged.last,
        received=datetime.now(UTC).replace(tzinfo=None),
    )
    return writing.append(
        experiment,
        batch,
        columns=staged.layout.columns,
        entities=staged.layout.entities,
        events=staged.events,
        roster=staged.roster,
    )


def _replayed(known: tuple[str, Receipt], digest: str, options: UploadOptions) -> Receipt:
    if known[0] != digest:
        raise IdempotencyConflict(
            f"The idempotency key {options.idempotency_key!r} was used with another upload.",
            hint="Use a new key for new data; the same key only repeats the same upload.",
        )
    return known[1].model_copy(update={"replayed": True})


def _digest(path: Path, options: UploadOptions) -> str:
    """Give the SHA-256 of what was sent: the bytes, and how they are to be read."""
    how = options.model_dump(mode="json", exclude={"idempotency_key"})
    digest = hashlib.sha256(json.dumps(how, sort_keys=True).encode())
    with path.open("rb") as file:
        while piece := file.read(HASH_BYTES):
            digest.update(piece)
    return digest.hexdigest()
