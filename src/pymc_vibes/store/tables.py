"""The tables of the run table, and how a file of an older version comes to have all of them.

Columns are only ever added, and those that are must be allowed to be empty: an older row has none.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine, MetaData


@cache
def tables() -> "MetaData":
    """Describe the tables: runs, remembered answers, kept choices."""
    from sqlalchemy import Column, DateTime, MetaData, String, Table, Text

    described = MetaData()
    _describe_runs(described)
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
    return described


def _describe_runs(described: "MetaData") -> None:
    from sqlalchemy import Boolean, Column, DateTime, Index, String, Table, Text, text

    runs = Table(
        "runs",
        described,
        Column("id", String(26), primary_key=True),
        Column("experiment_id", String(26), nullable=False),
        Column("experiment", String(64), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("state", String(16), nullable=False),
        Column("created", DateTime, nullable=False),
        Column("finished", DateTime),
        Column("config", Text, nullable=False),
        Column("key", String(64)),
        Column("answer", Text),
        Column("error", Text),
        Column("progress", Text),
        Column("cancel_requested", Boolean),
        Column("owner", String(200)),
        Column("work", Text),
    )
    Index("runs_of_experiment", runs.c.experiment_id, runs.c.id)
    unfinished = text("state IN ('queued', 'running') AND owner IS NOT NULL")
    Index(
        "one_run_per_question",
        runs.c.experiment_id,
        runs.c.key,
        unique=True,
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )


def complete(engine: "Engine", wanted: "MetaData") -> None:
    """Create what is missing: tables, then columns, then indexes; what is there stays."""
    from sqlalchemy import inspect
    from sqlalchemy.schema import CreateColumn

    wanted.create_all(engine)
    for table in wanted.sorted_tables:
        there = {column["name"] for column in inspect(engine).get_columns(table.name)}
        missing = [column for column in table.columns if column.name not in there]
        with engine.begin() as connection:
            for column in missing:
                declared = CreateColumn(column).compile(dialect=engine.dialect)
                # every word of the statement is declared above
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {declared}")
        for index in table.indexes:
            index.create(engine, checkfirst=True)
