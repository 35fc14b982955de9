"""The lake: events of every experiment in DuckLake, shared by processes and by machines.

    create ──► ingest ──► reading ──► preview, export
                  │
                  └─ checked outside the lock, committed by one thread under the catalog's lock

The catalog is a SQLite file or PostgreSQL, the data are in a folder or an S3 bucket, in any mix.

Physical tables are named by ids of ours (`e_<id>` events, `r_<id>` roster), never by user text.
Old snapshots are never expired, so every answer can be computed again from the state it saw.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pymc_vibes.core.errors import ExperimentNotFound, NotInitialized
from pymc_vibes.core.experiment import (
    Experiment,
    LakeTable,
    Preview,
    Receipt,
    Snapshot,
    UploadOptions,
    check_name,
)
from pymc_vibes.settings import is_address, masked
from pymc_vibes.store import registry, upkeep, view
from pymc_vibes.store.catalog import Catalog, open_catalog
from pymc_vibes.store.committer import Committer
from pymc_vibes.store.duck import cursor_of, open_reader, reaching
from pymc_vibes.store.engine import open_lake
from pymc_vibes.store.files import Files, open_files
from pymc_vibes.store.ingest import Ingest
from pymc_vibes.store.view import ExportFormat, View
from pymc_vibes.store.writing import Writing, read_columns

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from pymc_vibes.core.schema import Schema
    from pymc_vibes.settings import Settings


LOCK_SECONDS = 30.0


class Lake:
    """The lake; safe to share between threads, and between processes by its places."""

    def __init__(
        self,
        settings: "Settings",
        catalog: Catalog,
        files: Files,
        root: "DuckDBPyConnection",
    ) -> None:
        self._settings = settings
        self._root = root
        self._catalog = catalog
        self._clock = catalog.clock(root)
        self._shelf = registry.Shelf()
        self._engine = open_reader(settings)
        self._committer = Committer(root, catalog, upkeep.compact, self._shelf)
        self._ingest = Ingest(
            engine=self._engine,
            root=root,
            committer=self._committer,
            files=files,
            home=settings.home,
        )

    @classmethod
    def open(cls, settings: "Settings", *, lock_seconds: float = LOCK_SECONDS) -> Self:
        """Open the lake: one of this machine is made where it is missing, a shared one is not.

        Raises `NotInitialized` where `vibes db init` has to make it first.
        """
        files = open_files(settings.data_place, settings)
        catalog = open_catalog(settings, lock_seconds)
        try:
            files.check()
            root = _found(settings, catalog) if catalog.is_shared else _made(settings, catalog)
        except BaseException:
            catalog.close()
            raise
        upkeep.sweep(settings.home / "staging")
        return cls(settings, catalog, files, root)

    def close(self) -> None:
        """Finish what waits and let go of everything."""
        self._committer.close()
        self._clock.close()
        self._catalog.close()
        self._engine.close()
        self._root.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self.close()

    # experiments

    def create(
        self, *, name: str, display_name: str, kind: str, config: Mapping[str, Any]
    ) -> Experiment:
        """Make an empty experiment, or raise `ExperimentExists`."""
        experiment = _new(name, display_name, kind, config)
        return self._committer.run(lambda writing: writing.create(experiment))

    def experiments(self) -> tuple[Experiment, ...]:
        """List the experiments by name."""
        return tuple(sorted(self._experiments().values(), key=lambda each: each.name))

    def experiment(self, name: str) -> Experiment:
        """Give the experiment of that name, or raise `ExperimentNotFound`."""
        folded = name.strip().lower()
        found = self._experiments().get(folded)
        if found is None:
            raise ExperimentNotFound(
                f"There is no experiment {name[:80]!r}.",
                hint="`vibes experiments list` shows those there are.",
            )
        return found

    def set_config(self, name: str, config: Mapping[str, Any]) -> Experiment:
        """Store another config for the experiment."""
        found = self.experiment(name)

        def work(writing: Writing) -> Experiment:
            return writing.configure(writing.experiment(found.id, name), config)

        return self._committer.run(work)

    def delete(self, name: str) -> None:
        """Delete the experiment with its events; the name is free again."""
        found = self.experiment(name)
        self._committer.run(lambda w: w.delete(w.experiment(found.id, name)))

    # events

    @reaching()
    def ingest(
        self,
        name: str,
        path: Path,
        schema: "Schema",
        options: UploadOptions,
        *,
        required: frozenset[str] = frozenset(),
        filename: str | None = None,
    ) -> Receipt:
        """Add the events of a file in one transaction; `required` columns need a value per row."""
        return self._ingest.run(
            self.experiment(name), path, schema, options, required=required, filename=filename
        )

    @reaching()
    def create_with_events(
        self,
        path: Path,
        schema: "Schema",
        options: UploadOptions,
        *,
        name: str,
        display_name: str,
        kind: str,
        filename: str | None = None,
    ) -> Receipt:
        """Make an experiment with its first events in one transaction: both, or neither."""
        made = _new(name, display_name, kind, {})
        return self._ingest.run(
            made, path, schema, options, required=frozenset(), filename=filename, is_new=True
        )

    def reading(
        self,
        experiment: Experiment,
        snapshot: int | None = None,
        schema: "Schema | None" = None,
    ) -> AbstractContextManager[View]:
        """Open the events as the record describes them, or as they were at a snapshot.

        With a schema, declared columns that the table lacks are there as NULL.
        """
        seconds = self._settings.query_seconds
        return view.reading(self._root, experiment, snapshot, schema, seconds)

    @reaching()
    def preview(self, name: str, limit: int = 50, offset: int = 0) -> Preview:
        """Give a page of events in order of time, then of arrival; times end in Z."""
        found = self.experiment(name)
        if found.rows == 0:
            return Preview(columns=(), rows=(), total=0)
        return view.preview(self._root, found, limit, offset, self._settings.query_seconds)

    @reaching()
    def export(self, name: str, file_format: ExportFormat, out: Path) -> None:
        """Write all events to a file; text that a spreadsheet would run is made harmless in CSV."""
        view.export(self._root, self._engine, self.experiment(name), file_format, out)

    # the lake itself

    def version(self) -> int:
        """Give the number of the current snapshot; far cheaper than reading any table."""
        return self._clock.version()

    @reaching()
    def snapshots(self, limit: int = 50) -> tuple[Snapshot, ...]:
        """List the newest snapshots, newest first."""
        cursor = cursor_of(self._root)
        try:
            return upkeep.snapshots(cursor, limit)
        finally:
            cursor.close()

    def tables(self) -> tuple[LakeTable, ...]:
        """List the experiments' tables by experiment."""
        return tuple(self._table(experiment) for experiment in self.experiments())

    def inspect(self, name: str) -> LakeTable:
        """Describe one experiment's table."""
        return self._table(self.experiment(name))

    def compact(self) -> None:
        """Write small appends together and drop files that nothing refers to."""
        self._committer.tidy()

    @reaching()
    def _table(self, experiment: Experiment) -> LakeTable:
        cursor = cursor_of(self._root)
        try:
            columns = read_columns(cursor, f"e_{experiment.id}")
        finally:
            cursor.close()
        return LakeTable(
            experiment=experiment.name,
            table=f"e_{experiment.id}",
            kind=experiment.kind,
            rows=experiment.rows,
            columns=columns,
        )

    @reaching()
    def _experiments(self) -> Mapping[str, Experiment]:
        found = self._shelf.at(self.version(), lambda: cursor_of(self._root))
        return {experiment.name: experiment for experiment in found.values()}


def prepare_lake(settings: "Settings") -> tuple[str, ...]:
    """Make the lake where it is missing, and say in words what was done; safe to repeat."""
    from pymc_vibes.store.provision import provide_bucket, provide_database

    done = []
    if is_address(settings.catalog_place):
        done.append(f"catalog: {provide_database(settings.catalog_place)}")
    if is_address(settings.data_place):
        done.append(f"data: {provide_bucket(settings, settings.data_place)}")
    catalog = open_catalog(settings, LOCK_SECONDS)
    try:
        existed = catalog.exists()
        _made(settings, catalog).close()
    finally:
        catalog.close()
    where = f"{masked(settings.catalog_place)} with data in {settings.data_place}"
    return (*done, f"lake: {where}: {'already there' if existed else 'made'}")


def _made(settings: "Settings", catalog: Catalog) -> "DuckDBPyConnection":
    """Open the engine, making what is missing."""
    with catalog.locked():
        root = open_lake(settings, making=True)
        try:
            upkeep.prepare(root)
        except BaseException:
            root.close()
            raise
    return root


def _found(settings: "Settings", catalog: Catalog) -> "DuckDBPyConnection":
    """Open the engine, or raise `NotInitialized` where something is missing."""
    missing = NotInitialized(
        f"There is no lake in {masked(settings.catalog_place)} yet.",
        hint="Set it up: vibes db init",
    )
    if not catalog.exists():
        raise missing
    root = open_lake(settings, making=False)
    if not upkeep.is_prepared(root):
        root.close()
        raise missing
    return root


def _new(name: str, display_name: str, kind: str, config: Mapping[str, Any]) -> Experiment:
    """Give an experiment that is not in the lake yet."""
    return Experiment(
        id=upkeep.new_id(),
        name=check_name(name),
        display_name=display_name,
        kind=kind,
        config=config,
        created=datetime.now(UTC),
    )
