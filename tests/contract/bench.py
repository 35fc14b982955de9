"""A bench that takes a kind through its whole life on a real DuckDB."""

import random
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pymc_vibes.core.config import Config
from pymc_vibes.core.kind import Extent, Kind
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.service.keys import canonical, cells_hash

ARROW = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "instant": pa.timestamp("us"),
}


class Bench:
    """Reduces and fits events of any kind, as the lake and the service do."""

    def __init__(self) -> None:
        self.connection = ibis.duckdb.connect()
        self._queries: dict[str, tuple[str, pa.Schema]] = {}
        self._sampled: dict[str, Posterior] = {}

    def cells(
        self, kind: Kind[Any], events: pa.Table, config: Config, roster: pa.Table | None = None
    ) -> tuple[Config, pa.Table]:
        """Give the resolved config and the canonical cells; the roster is that of the events."""
        events = complete(kind, events)
        if kind.resolve is not None:
            config = kind.resolve(config, extent(kind, events))
        entities = list(kind.schema.entities)
        known = events if roster is None else roster
        raw = self.connection.con
        raw.register("events", events)
        if entities:
            raw.register("roster", known.select(entities).group_by(entities).aggregate([]))
        query, types = self._query(kind, events.schema, config)
        # Ibis would cast too: DuckDB's own sums are wider than the types Ibis promises
        return config, canonical(raw.execute(query).to_arrow_table().cast(types))

    def fit(
        self, kind: Kind[Any], events: pa.Table, config: Config, roster: pa.Table | None = None
    ) -> tuple[Config, Posterior]:
        """Give the resolved config and the posterior; one that was sampled is kept.

        A fit is a function of its cells and settings: `anew` is for those who do not believe it.
        """
        resolved, cells = self.cells(kind, events, config, roster)
        key = f"{kind.slug} {cells_hash(cells)} {resolved.model_dump_json()}"
        if key in self._sampled:
            return resolved, self._sampled[key]
        posterior = self.anew(kind, events, config, roster)[1]
        if posterior.method == "nuts":
            self._sampled[key] = posterior
        return resolved, posterior

    def anew(
        self, kind: Kind[Any], events: pa.Table, config: Config, roster: pa.Table | None = None
    ) -> tuple[Config, Posterior]:
        """Give the same, fitted now."""
        resolved, cells = self.cells(kind, events, config, roster)
        return resolved, kind.fit(cells, resolved, NOBODY)

    def _query(self, kind: Kind[Any], schema: pa.Schema, config: Config) -> tuple[str, pa.Schema]:
        key = f"{kind.slug} {schema} {config.model_dump_json()}"
        if key not in self._queries:  # compiling takes longer than running
            events = ibis.table(ibis.Schema.from_pyarrow(schema), name="events")
            entities = kind.schema.entities
            roster = ibis.table(dict.fromkeys(entities, "string"), name="roster")
            reduced = kind.reduce(events, roster if entities else None, config)
            types = reduced.schema().to_pyarrow()
            self._queries[key] = str(ibis.to_sql(reduced, dialect="duckdb")), types
        return self._queries[key]


def complete(kind: Kind[Any], events: pa.Table) -> pa.Table:
    """Add the declared columns that are missing, in the types that the lake stores."""
    for column in kind.schema.columns:
        if column.name not in events.column_names:
            nulls = pa.nulls(events.num_rows, ARROW[column.type])
            events = events.append_column(column.name, nulls)
    types = {column.name: ARROW[column.type] for column in kind.schema.columns}
    fields = [(n, types.get(n, events.schema.field(n).type)) for n in events.column_names]
    return events.cast(pa.schema(fields))


def extent(kind: Kind[Any], events: pa.Table) -> Extent:
    """Say what the lake would know of the events."""
    if kind.schema.time is None or events.num_rows == 0:
        return Extent(rows=events.num_rows, first=None, last=None)
    ends = pc.min_max(events[kind.schema.time]).as_py()
    first, last = (t and t.replace(tzinfo=UTC) for t in (ends["min"], ends["max"]))
    return Extent(rows=events.num_rows, first=first, last=last)


def world(kind: Kind[Any], size: int, seed: int = 1) -> tuple[Any, pa.Table]:
    """Give the truth and the events of a simulated world."""
    rng = np.random.default_rng(seed)
    truth = kind.truth(kind.example, rng)
    return truth, kind.simulate(truth, size, rng)


def entities(kind: Kind[Any], events: pa.Table) -> list[str]:
    """Name the labels of the first entity column, in order."""
    return sorted(set(events[kind.schema.entities[0]].to_pylist()))


def shuffled(events: pa.Table) -> pa.Table:
    order = list(range(events.num_rows))
    random.Random(5).shuffle(order)  # noqa: S311  # not a secret
    return events.take(order)


def renamed(value: Any, labels: Mapping[str, str]) -> Any:
    """Rename labels wherever a config mentions them."""
    if isinstance(value, Mapping):
        return {labels.get(k, k): renamed(v, labels) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [renamed(v, labels) for v in value]
    return labels.get(value, value) if isinstance(value, str) else value


def twice(kind: Kind[Any], events: pa.Table) -> pa.Table:
    """Give the events and the same once more, later and seen in other units."""
    again = events
    if (time := kind.schema.time) in events.column_names:
        ends = pc.min_max(events[time]).as_py()
        weeks = (ends["max"] - ends["min"]).days // 7 + 1  # whole ones: weekly rows stay weekly
        later = pc.add(events[time], timedelta(weeks=weeks))
        again = again.set_column(events.column_names.index(time), time, later)
    for column in kind.schema.columns:
        if column.role == "unit" and column.name in events.column_names:
            at = events.column_names.index(column.name)
            other = pc.binary_join_element_wise(events[column.name], "again", " ")
            again = again.set_column(at, column.name, other)
    return pa.concat_tables([events, again])
