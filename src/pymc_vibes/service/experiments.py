"""Experiments and their events: what is asked about, before anything is asked."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pymc_vibes.core.config import Config, parse
from pymc_vibes.core.errors import BadConfig, ExperimentExists, ExperimentNotFound, KindMismatch
from pymc_vibes.core.experiment import (
    Experiment,
    LakeTable,
    Preview,
    Receipt,
    Snapshot,
    UploadOptions,
    check_name,
)
from pymc_vibes.core.kind import Kind
from pymc_vibes.kinds import catalog, find_kind

if TYPE_CHECKING:
    import pyarrow as pa

    from pymc_vibes.store.lake import Lake

MAX_EVENTS = 10_000_000  # simulated in one call
_INDEX = "__index_level_"  # how Arrow names the index of a pandas frame


class ArrowTable(Protocol):
    """A table that Arrow can read, whichever library made it."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


class Experiments:
    """The experiments of one lake."""

    def __init__(self, lake: "Lake") -> None:
        self.lake = lake
        self._known: tuple[int, Mapping[str, Experiment]] = (-1, {})

    def create(
        self,
        name: str,
        kind: str,
        *,
        display_name: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> Experiment:
        """Make an empty experiment; settings given here are its own defaults."""
        folded = check_name(name)
        model = find_kind(kind).config
        settings = model.merged({}, config or {})
        return self.lake.create(
            name=folded,
            display_name=(display_name or name).strip()[:200],
            kind=kind,
            config=_as_stored(parse(model, settings), settings),
        )

    def experiments(self) -> tuple[Experiment, ...]:
        """List experiments by name."""
        return tuple(self._experiments().values())

    def experiment(self, name: str) -> Experiment:
        """Give the experiment, or raise `ExperimentNotFound` with near misses."""
        import difflib

        folded = name.strip().lower()
        known = self._experiments()
        if folded in known:
            return known[folded]
        near = difflib.get_close_matches(folded, known, n=3)
        hint = (
            f"Did you mean {', '.join(near)}?"
            if near
            else f"Create it with `vibes experiments create {folded or 'NAME'} --type KIND`."
        )
        raise ExperimentNotFound(f"There is no experiment {name[:80]!r}.", hint=hint)

    def experiment_of(self, name: str, kind: str) -> Experiment:
        """Give the experiment, or raise `KindMismatch` where it is of another kind."""
        experiment = self.experiment(name)
        if experiment.kind != kind:
            raise KindMismatch(
                f"{experiment.name} is of kind {experiment.kind}; this needs {kind}.",
                hint=f"Name an experiment of kind {kind} with ?experiment=NAME.",
            )
        return experiment

    def configure(self, name: str, changes: Mapping[str, Any]) -> Experiment:
        """Change stored settings of an experiment; None takes one back to the kind's default."""
        experiment = self.experiment(name)
        model = find_kind(experiment.kind).config
        merged = model.merged(experiment.config, changes)
        kept = {field: value for field, value in merged.items() if value is not None}
        self.lake.set_config(experiment.name, _as_stored(parse(model, kept), kept))
        return self.experiment(name)

    # events

    def upload(
        self,
        name: str,
        path: Path,
        options: UploadOptions | None = None,
        *,
        filename: str | None = None,
    ) -> Receipt:
        """Add the events of a file, all or nothing unless the options say otherwise."""
        options = options or UploadOptions()
        experiment = self.experiment(name)
        kind = find_kind(experiment.kind)
        required = frozenset(
            column.name
            for column in kind.schema.columns
            if column.decides
            and experiment.config.get(column.decides.field) == column.decides.present
        )
        return self.lake.ingest(
            experiment.name, path, kind.schema, options, required=required, filename=filename
        )

    def upload_first(
        self,
        name: str,
        kind: str,
        path: Path,
        options: UploadOptions | None = None,
        *,
        filename: str | None = None,
    ) -> Receipt:
        """Add the events of a file to an experiment of the kind, made where there is none yet.

        A file that is refused makes none. One of another kind is a `KindMismatch`.
        """
        if name.strip().lower() not in self._experiments():
            try:
                return self.lake.create_with_events(
                    path,
                    find_kind(kind).schema,
                    options or UploadOptions(),
                    name=check_name(name),
                    display_name=name.strip()[:200],
                    kind=kind,
                    filename=filename,
                )
            except ExperimentExists:
                pass  # somebody else was faster
        self.experiment_of(name, kind)
        return self.upload(name, path, options, filename=filename)

    def upload_table(
        self, name: str, events: "ArrowTable", options: UploadOptions | None = None
    ) -> Receipt:
        """Add the events of a table in memory: pandas, Polars, Ibis, Arrow; an index is left out.

        What the options say of the format does not matter.
        """
        import tempfile

        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(events)
        index = [column for column in table.column_names if column.startswith(_INDEX)]
        told = (options or UploadOptions()).model_copy(update={"format": "parquet"})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.parquet"
            pq.write_table(table.drop_columns(index), path)
            return self.upload(name, path, told)

    def preview(self, name: str, *, limit: int = 50, offset: int = 0) -> Preview:
        """Give a page of events in time order."""
        return self.lake.preview(self.experiment(name).name, limit, offset)

    def generate(
        self, kind: str, size: int | None, seed: int, config: Mapping[str, Any] | None = None
    ) -> "pa.Table":
        """Simulate events of a believable world of the kind, truth drawn from its example."""
        return self.world(kind, size, seed, config)[1]

    def world(
        self, kind: str, size: int | None, seed: int, config: Mapping[str, Any] | None = None
    ) -> tuple[Any, "pa.Table"]:
        """Give a simulated world: its truth (labelled) and its events; open, a common size."""
        import numpy as np

        found = find_kind(kind)
        size = found.sizes.common if size is None else size
        if not 1 <= size <= MAX_EVENTS:
            raise BadConfig(f"Ask for 1 to {MAX_EVENTS:,} events, not {size:,}.")
        example = found.example.model_dump(mode="json") | dict(config or {})
        rng = np.random.default_rng(seed)
        truth = found.truth(parse(found.config, example), rng)
        return truth, found.simulate(truth, size, rng)

    # the lake

    def kinds(self) -> tuple[Kind[Any], ...]:
        """List the kinds."""
        return tuple(catalog().values())

    def tables(self) -> tuple[LakeTable, ...]:
        """List the lake's tables by experiment."""
        return self.lake.tables()

    def snapshots(self, limit: int = 50) -> tuple[Snapshot, ...]:
        """List the lake's snapshots, newest first."""
        return self.lake.snapshots(limit)

    def _experiments(self) -> Mapping[str, Experiment]:
        # asking the catalog for its version is far cheaper than reading the metadata table
        version = self.lake.version()
        if self._known[0] != version:
            found = sorted(self.lake.experiments(), key=lambda experiment: experiment.name)
            self._known = (version, {experiment.name: experiment for experiment in found})
        return self._known[1]


def _as_stored(parsed: Config, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that were given, as JSON; a name that is no field was moved into one."""
    fields = parsed.model_dump(mode="json")
    named = given.keys() if given.keys() <= fields.keys() else parsed.model_fields_set
    return {name: value for name, value in fields.items() if name in named}
