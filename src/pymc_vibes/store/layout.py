"""From the columns of a file to the columns of an experiment: who goes where, before any row."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pymc_vibes.core.errors import SchemaMismatch
from pymc_vibes.core.experiment import UploadOptions
from pymc_vibes.core.schema import Column, ColumnType, Schema, snake_case

MAX_EXTRAS = 200
# names that DuckLake or SQLite give meaning to in the tables behind a table: a column of such a
# name breaks the commit that moves inlined rows to files, after their files are gone
RESERVED = frozenset(
    {
        *("rowid", "oid", "row_id", "snapshot_id", "begin_snapshot", "end_snapshot"),
        *("file_row_number", "file_index", "filename", "ctid"),
    }
)
MAX_HEADERS = 1_000
_TIME_WORDS = ("date", "day", "time", "when", "created_at")
LIKE = 0.5  # from how much likeness on a header is suggested for a column

STORAGE: Mapping[ColumnType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "instant": "TIMESTAMP",
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A column to store, and where its values come from."""

    column: Column
    sources: tuple[int, ...] = ()
    constant: str | None = None
    label: str
    """What the person who sent the file calls it."""
    takes: Literal["all", "numbers", "others"] = "all"
    """Which values of its source belong here, where two columns share one."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What will be stored of a file."""

    targets: tuple[Target, ...]
    schema: Schema
    stored_as: Mapping[str, str]
    """Header -> stored column."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name the stored columns, in order."""
        return tuple(target.column.name for target in self.targets)

    @property
    def entities(self) -> tuple[str, ...]:
        """Name the roster's columns."""
        return self.schema.entities

    @property
    def columns(self) -> Mapping[str, str]:
        """Give the storage type of every declared column and every column of the file."""
        declared = {column.name: STORAGE[column.type] for column in self.schema.columns}
        return declared | {t.column.name: STORAGE[t.column.type] for t in self.targets}


def plan(
    headers: Sequence[str],
    schema: Schema,
    options: UploadOptions,
    *,
    required: frozenset[str] = frozenset(),
    present: Iterable[str] = (),
) -> Layout:
    """Say which column of the file is stored as what, or raise `SchemaMismatch`.

    `present` are the columns that the experiment's table has already.
    """
    if len(headers) > MAX_HEADERS:
        raise SchemaMismatch(f"The file has {len(headers):,} columns; at most {MAX_HEADERS:,} fit.")
    chosen = _from_options(headers, schema, options)
    used = {index for sources in chosen.values() for index in sources}
    _by_name(headers, schema, chosen, used)
    targets = [
        _target(_column(schema, name, required), headers, sources, options.constants.get(name))
        for name, sources in chosen.items()
    ]
    _check_complete(headers, schema, required, targets, used)
    extras = _extras(headers, schema, {t.column.name for t in targets}, used, set(present))
    targets += [_target(column, headers, (index,), None) for index, column in extras]
    stored = {headers[i]: t.column.name for t in targets for i in t.sources}
    targets = [part for target in targets for part in _split(target, schema, chosen)]
    return Layout(targets=tuple(targets), schema=schema, stored_as=stored)


def _from_options(
    headers: Sequence[str], schema: Schema, options: UploadOptions
) -> dict[str, tuple[int, ...]]:
    chosen: dict[str, tuple[int, ...]] = {}
    for given, sources in options.mapping.items():
        name = _declared(schema, given)
        if len(sources) != 1 and not schema_column(schema, name).joinable:
            raise SchemaMismatch(f"{name} takes one source column, not {len(sources)}.")
        chosen[name] = tuple(_find(headers, source) for source in sources)
    for given in options.constants:
        name = _declared(schema, given)
        if name in chosen:
            raise SchemaMismatch(f"{name} is given both a source column and a constant.")
        chosen[name] = ()
    return chosen


def schema_column(schema: Schema, name: str) -> Column:
    """Give the declared column, or the one that a pattern makes of the name."""
    for column in schema.columns:
        if column.name == name:
            return column
    for pattern in schema.patterns:
        if name.startswith(pattern.prefix):
            return Column(
                name=name,
                type=pattern.type,
                about=pattern.about,
                role=pattern.role,
                low=pattern.low,
                high=pattern.high,
            )
    return Column(name=name, type="string", about="Not declared by the kind.")


def _declared(schema: Schema, given: str) -> str:
    name = schema.resolve(given)
    if name is None:
        known = [column.name for column in schema.columns]
        near = difflib.get_close_matches(snake_case(given), known, n=2)
        raise SchemaMismatch(
            f"There is no column {given[:80]!r} to fill.",
            hint=f"Did you mean {' or '.join(near)}?" if near else f"It has: {', '.join(known)}.",
        )
    return name


def _find(headers: Sequence[str], source: str) -> int:
    for same in (str, str.casefold, snake_case):
        hits = [index for index, header in enumerate(headers) if same(header) == same(source)]
        if len(hits) == 1:
            return hits[0]
    near = difflib.get_close_matches(source, headers, n=3)
    raise SchemaMismatch(
        f"The file has no column {source[:80]!r}.",
        hint=f"Did you mean {', '.join(near)}?" if near else f"It has: {_listed(headers)}.",
        found=[header[:80] for header in headers[:MAX_EXTRAS]],
    )


def _by_name(
    headers: Sequence[str],
    schema: Schema,
    chosen: dict[str, tuple[int, ...]],
    used: set[int],
) -> None:
    settled = set(chosen)
    for index, header in enumerate(headers):
        name = None if index in used else schema.resolve(header)
        if name is None or name in settled:
            continue
        if name in chosen:
            first = headers[chosen[name][0]]
            raise SchemaMismatch(
                f"The columns {first[:80]!r} and {header[:80]!r} both mean {name}.",
                hint=f"Say which one to take: --map {name}={header}",
                column=name,
            )
        chosen[name] = (index,)
    used.update(index for sources in chosen.values() for index in sources)


def _column(schema: Schema, name: str, required: frozenset[str]) -> Column:
    column = schema_column(schema, name)
    needed = column.required or name in required
    return column.model_copy(update={"required": needed})


def _target(
    column: Column, headers: Sequence[str], sources: tuple[int, ...], constant: str | None
) -> Target:
    label = headers[sources[0]] if len(sources) == 1 else column.name
    return Target(column=column, sources=sources, constant=constant, label=label)


def _split(target: Target, schema: Schema, chosen: Iterable[str]) -> tuple[Target, ...]:
    """Give the numbers among the values of a column to the column that wants them, if any does."""
    name = target.column.numbers
    if name is None or name in chosen or not target.sources:
        return (target,)
    numbers = replace(target, column=schema_column(schema, name), takes="numbers")
    return replace(target, takes="others"), numbers


def _check_complete(
    headers: Sequence[str],
    schema: Schema,
    required: frozenset[str],
    targets: Sequence[Target],
    used: set[int],
) -> None:
    have = {target.column.name for target in targets}
    needed = [c for c in schema.columns if c.required or c.expected or c.name in required]
    missing = [column.name for column in needed if column.name not in have]
    groups = [group for group in schema.one_of if not have.issuperset(group)]
    if schema.one_of and len(groups) == len(schema.one_of):
        missing.append(" or ".join(" with ".join(group) for group in schema.one_of))
    if not missing:
        return
    free = [header for index, header in enumerate(headers) if index not in used]
    wanted = ", ".join(f"{column.name} ({column.about.rstrip('.')})" for column in needed)
    raise SchemaMismatch(
        f"The file has no column for {', '.join(missing)}. It has: {_listed(headers)}."
        + (f" Needed: {wanted}." if wanted else ""),
        hint=f"Say which column it is: {_suggestion(schema, missing, free)}",
        missing=missing,
        found=[header[:80] for header in headers[:MAX_EXTRAS]],
        needed=[column.name for column in needed],
    )


def _suggestion(schema: Schema, missing: Sequence[str], free: Sequence[str]) -> str:
    left = list(free)
    parts = []
    for name in missing:
        first = name.split(" ", maxsplit=1)[0]
        column = schema_column(schema, first)
        words = (first, *column.aliases, *(_TIME_WORDS if column.type == "instant" else ()))
        guess = max(left, key=lambda header: _likeness(header, words), default=None)
        if guess is None or _likeness(guess, words) < LIKE:
            parts.append(f"--map {first}=COLUMN")
        else:
            left.remove(guess)
            parts.append(f"--map {first}={guess}")
    return " ".join(parts)


def _likeness(header: str, words: Iterable[str]) -> float:
    name = snake_case(header)
    return max(difflib.SequenceMatcher(None, name, word).ratio() for word in words)


def _extras(
    headers: Sequence[str],
    schema: Schema,
    taken: set[str],
    used: set[int],
    present: set[str],
) -> list[tuple[int, Column]]:
    taken = taken | {column.name for column in schema.columns}
    declared = set(taken)
    taken |= RESERVED
    extras = []
    for index, header in enumerate(headers):
        if index in used:
            continue
        name = base = snake_case(header)
        suffix = 2
        while name in taken:
            name, suffix = f"{base}_{suffix}", suffix + 1
        taken.add(name)
        extras.append((index, Column(name=name, type="string", about="Not declared by the kind.")))
    known = {name for name in present if name not in declared} | {c.name for _, c in extras}
    if len(known) > MAX_EXTRAS:
        raise SchemaMismatch(
            f"The experiment would have {len(known):,} columns that its kind does not know; "
            f"at most {MAX_EXTRAS} are kept.",
            hint="Leave out the columns that the question does not need.",
        )
    return extras


def _listed(headers: Sequence[str]) -> str:
    shown = ", ".join(header[:40] or "(no name)" for header in headers[:20])
    return shown + (f" and {len(headers) - 20} more" if len(headers) > 20 else "")
