"""The tables of the run table, and how a database of an older version comes to have all of them.

Columns are only ever added, and those that are must be allowed to be empty: an older row has none.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine, MetaData, Table

# what indexes of some runs are of; SQLite uses one only for a query that says it in the same words
OPEN = "state IN ('queued', 'running') AND work IS NOT NULL"
WAITING = "state = 'queued' AND work IS NOT NULL"
TO_MIRROR = "mirrored IS NULL AND finished IS NOT NULL"


@cache
def tables() -> "MetaData":
    """Describe the tables: runs, their workers, remembered answers, kept choices, journals."""
    from sqlalchemy import Column, DateTime, Float, Index, Integer, MetaData, String, Table, Text

    described = MetaData()
    _describe_runs(described)
    Table(
        "workers",
        described,
        Column("name", String(200), primary_key=True),
        Column("heard", Float, nullable=False),
    )
    Table(
        "answers",
        described,
        Column("experiment_id", String(26), primary_key=True),
        Column("name", String(64), primary_key=True),
        Column("run_id", String(26), nullable=False),
    )
    Table(
        "kept",
        described,
        Column("scope", String(200), primary_key=True),
        Column("unit", Text, primary_key=True),
        Column("value", Text, nullable=False),
        Column("created", DateTime, nullable=False),
    )
    journals = Table(
        "journals",
        described,
        Column("scope", String(200), primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("name", String(64), nullable=False),
        Column("value", Text, nullable=False),
        Column("created", DateTime, nullable=False),
    )
    Index("one_entry_per_question", journals.c.scope, journals.c.name, unique=True)
    return described


def _describe_runs(described: "MetaData") -> None:
    from sqlalchemy import Boolean, Column, DateTime, Float, Integer, String, Table, Text

    runs = Table(
        "runs",
        described,
        Column("id", String(26), primary_key=True),
        Column("experiment_id", String(26), nullable=False),
        Column("experiment", String(64), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("state", String(16), nullable=False),
        Column("created", DateTime, nullable=False),
        Column("started", DateTime),
        Column("finished", DateTime),
        Column("config", Text, nullable=False),
        Column("key", String(64)),
        Column("error", Text),
        Column("progress", Text),
        Column("cancel_requested", Boolean),
        Column("priority", Integer),
        Column("worker", String(200)),
        Column("lease_until", Float),  # seconds by the database's clock
        Column("tries", Integer),
        Column("revision", Integer),
        Column("method", String(16)),
        Column("verdict", String(16)),
        Column("mirrored", String(200)),
        Column("headline", Text),
        # the large ones last: SQLite reads all of a row that stands before a column
        Column("work", Text),
        Column("answer", Text),
    )
    _index_runs(runs)


def _index_runs(runs: "Table") -> None:
    from sqlalchemy import Index, text

    Index("runs_of_experiment", runs.c.experiment_id, runs.c.id)
    Index("runs_of_experiment_by_state", runs.c.experiment_id, runs.c.state, runs.c.id)
    Index("runs_by_state", runs.c.state, runs.c.id)
    Index("runs_by_outcome", runs.c.state, runs.c.kind, runs.c.method, runs.c.verdict)
    open_ones, waiting, unmirrored = text(OPEN), text(WAITING), text(TO_MIRROR)
    Index(
        "one_open_run_per_question",
        runs.c.experiment_id,
        runs.c.key,
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )
    Index(
        "runs_in_turn",
        runs.c.state,
        runs.c.priority.desc(),
        runs.c.id,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    Index("runs_to_mirror", runs.c.id, sqlite_where=unmirrored, postgresql_where=unmirrored)


def missing(engine: "Engine", wanted: "MetaData") -> tuple[str, ...]:
    """Name the tables and columns that are not there."""
    from sqlalchemy import inspect

    look = inspect(engine)
    there = set(look.get_table_names())
    lacking = [f"table {name}" for name in wanted.tables if name not in there]
    for table in (table for table in wanted.sorted_tables if table.name in there):
        columns = {column["name"] for column in look.get_columns(table.name)}
        lacking += [
            f"column {table.name}.{column.name}"
            for column in table.columns
            if column.name not in columns
        ]
    return tuple(lacking)


def complete(engine: "Engine", wanted: "MetaData") -> None:
    """Create what is missing: tables, then columns, then indexes; what is there stays."""
    from sqlalchemy import inspect
    from sqlalchemy.schema import CreateColumn

    wanted.create_all(engine)
    for table in wanted.sorted_tables:
        there = {column["name"] for column in inspect(engine).get_columns(table.name)}
        lacking = [column for column in table.columns if column.name not in there]
        with engine.begin() as connection:
            for column in lacking:
                declared = CreateColumn(column).compile(dialect=engine.dialect)
                # every word of the statement is declared above
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {declared}")
        for index in table.indexes:
            index.create(engine, checkfirst=True)
