"""How a value in a file becomes a value in the lake, as SQL, and why it cannot.

A row goes through three layers: what is present (blank text counts as missing), what it is as its
type (NULL where it cannot be), and the first problem of the row. The same SQL stores good rows and
explains bad ones.

Times: ISO 8601 and its usual relaxations. A time without an offset is taken in the given zone; in
the hour that a clock change skips it moves forward by the change, in the hour that repeats it
means the later one (standard time). A date alone is midnight. A bare number is never a time.
"""

# every name in the SQL is ours or quoted; values are bound or quoted

from collections.abc import Sequence
from dataclasses import dataclass

from pymc_vibes.core.schema import Column
from pymc_vibes.store.duck import literal, quoted
from pymc_vibes.store.layout import Layout, Target

EARLIEST = "1900-01-01"
LATEST = "2200-01-01"
VALUE_CHARS = 80  # how much of a bad value is shown
KEPT_CHARS = 10_000  # how much of each value is kept of a row that is set aside
MAX_TEXT_BYTES = 65_536  # of one value: events are facts, not documents

_WHOLE = {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
}
_NAIVE_TIMES = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_ZONED_TIME = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that can be wrong with a row."""

    condition: str
    reason: str
    target: int | None = None


@dataclass(frozen=True, kw_only=True)
class Checked:
    """SQL that types and checks the rows of a source with columns s0, s1, ..."""

    layout: Layout
    width: int
    """How many columns the source has."""
    problems: tuple[Problem, ...]
    typed: str
    """FROM clause with t0, t1, ... typed, p0, p1, ... as they came, `problem` (index or NULL)."""

    def stored(self) -> str:
        """Give the columns to store, by name."""
        return ", ".join(
            f"t{index} AS {quoted(name)}" for index, name in enumerate(self.layout.names)
        )

    def good_rows(self) -> str:
        """Select the rows without a problem."""
        return f"SELECT {self.stored()} {self.typed} WHERE problem IS NULL"

    def all_rows(self) -> str:
        """Select every row; fails at the first one that has a problem."""
        guarded = "CASE WHEN problem IS NULL THEN t0 ELSE error('bad row') END"
        return f"SELECT {self.stored().replace('t0', guarded, 1)} {self.typed}"

    def bad_rows(self, most: int, *, whole: bool) -> str:
        """Select line, problem, value and fault of rows with a problem, and `whole` as they came.

        Not more than `most` of them.
        """
        shown = " ".join(
            f"WHEN {index} THEN p{problem.target}::VARCHAR"
            for index, problem in enumerate(self.problems)
            if problem.target is not None
        )
        value = f"CASE problem {shown} ELSE _shown END" if shown else "_shown"
        columns = range(self.width if whole else 0)
        source = "".join(f", substr(s{index}::VARCHAR, 1, {KEPT_CHARS})" for index in columns)
        return (
            f"SELECT _line, problem, substr({value}, 1, {VALUE_CHARS}), _fault{source} "
            f"{self.typed} WHERE problem IS NOT NULL LIMIT {most}"
        )


def check(
    layout: Layout, types: Sequence[str], source: str, *, zone: str, faults: bool = False
) -> Checked:
    """Build the SQL that types and checks the rows of `source`.

    `types` are DuckDB's types of s0, s1, ...; `faults` says that the source has the columns of
    ours: `_line`, `_fault`, `_shown`.
    """
    targets = layout.targets
    present = [_present(target, types) for target in targets]
    kinds = [_kind_of(target, types) for target in targets]
    typed = [
        _typed(index, kind, target.column, zone)
        for index, (target, kind) in enumerate(zip(targets, kinds, strict=True))
    ]
    problems = _problems(layout, faults=faults)
    cases = " ".join(f"WHEN {p.condition} THEN {index}" for index, p in enumerate(problems))
    verdict = f"CASE {cases} END" if cases else "NULL"
    times = [
        index
        for index, (target, kind) in enumerate(zip(targets, kinds, strict=True))
        if target.column.type == "instant" and not _is_time(kind)
    ]
    layers = (
        [f"{sql} AS p{index}" for index, sql in enumerate(present)],
        [f"{_iso(f'p{index}', zone)} AS u{index}" for index in times],
        [f"{_relaxed(index)} AS y{index}" for index in times],
        [f"{sql} AS t{index}" for index, sql in enumerate(typed)],
        [f"{verdict} AS problem"],
    )
    select = f"FROM {source}"
    for layer in filter(None, layers):
        select = f"FROM (SELECT *, {', '.join(layer)} {select})"
    return Checked(
        layout=layout,
        width=len(types),
        problems=problems,
        typed=select,
    )


def _kind_of(target: Target, types: Sequence[str]) -> str:
    return types[target.sources[0]] if len(target.sources) == 1 else "VARCHAR"


def _present(target: Target, types: Sequence[str]) -> str:
    if target.constant is not None:
        return literal(target.constant)
    parts = [
        _not_blank(f"s{index}") if types[index] == "VARCHAR" else f"s{index}"
        for index in target.sources
    ]
    if len(parts) == 1:
        return _share(parts[0], target.takes, types[target.sources[0]])
    texts = ", ".join(f"coalesce(({part})::VARCHAR, '')" for part in parts)
    absent = " AND ".join(f"({part}) IS NULL" for part in parts)
    return f"CASE WHEN {absent} THEN NULL ELSE concat_ws(' | ', {texts}) END"


def _share(sql: str, takes: str, kind: str) -> str:
    """Keep the values that are numbers, or the others, where two columns share a source."""
    if takes == "all":
        return sql
    if kind == "VARCHAR":
        is_number = f"TRY_CAST({sql} AS DOUBLE) IS NOT NULL"
    else:
        is_number = "true" if kind in _WHOLE or _is_fraction(kind) else "false"
    return f"CASE WHEN {'' if takes == 'numbers' else 'NOT '}({is_number}) THEN {sql} END"


def _not_blank(sql: str) -> str:
    # the first test is a comparison of bytes and settles almost every value
    return f"CASE WHEN {sql} >= '!' THEN {sql} WHEN trim({sql}) <> '' THEN {sql} END"


def _typed(index: int, kind: str, column: Column, zone: str) -> str:
    sql = f"p{index}"
    match column.type:
        case "string":
            return sql if kind == "VARCHAR" else f"{sql}::VARCHAR"
        case "integer":
            return _integer(sql, kind)
        case "number":
            return _number(sql, kind)
        case "boolean":
            return _boolean(sql, kind)
        case "instant":
            return _instant(index, kind, zone)


def _is_fraction(kind: str) -> bool:
    return kind in {"FLOAT", "DOUBLE"} or kind.startswith("DECIMAL")


def _integer(sql: str, kind: str) -> str:
    if kind in _WHOLE or kind == "BOOLEAN":
        return f"TRY_CAST({sql} AS BIGINT)"
    if _is_fraction(kind):
        return f"CASE WHEN {sql} = trunc({sql}) THEN TRY_CAST({sql} AS BIGINT) END"
    text = _as_text(sql, kind)
    whole = f"TRY_CAST({text} AS BIGINT)"
    return (
        f"CASE WHEN {whole} = TRY_CAST({text} AS DOUBLE) THEN {whole} "
        f"WHEN lower({text}) = 'true' THEN 1 WHEN lower({text}) = 'false' THEN 0 END"
    )


def _number(sql: str, kind: str) -> str:
    if kind in _WHOLE or kind == "BOOLEAN" or _is_fraction(kind):
        return f"{sql}::DOUBLE"
    return f"TRY_CAST({_as_text(sql, kind)} AS DOUBLE)"


def _boolean(sql: str, kind: str) -> str:
    if kind == "BOOLEAN":
        return sql
    if kind in _WHOLE or _is_fraction(kind):
        return f"CASE WHEN {sql} = 0 THEN false WHEN {sql} = 1 THEN true END"
    text = _as_text(sql, kind)
    return (
        f"CASE WHEN lower(trim({text})) IN ('1', 'true', 'yes', 't', 'y', '1.0') THEN true "
        f"WHEN lower(trim({text})) IN ('0', 'false', 'no', 'f', 'n', '0.0') THEN false END"
    )


def _is_time(kind: str) -> bool:
    return kind in _NAIVE_TIMES or kind == _ZONED_TIME


def _instant(index: int, kind: str, zone: str) -> str:
    sql = f"p{index}"
    if kind in _NAIVE_TIMES:
        return _in_zone(f"{sql}::TIMESTAMP", zone)
    if kind == _ZONED_TIME:
        return f"make_timestamp(epoch_us({sql}))"
    return f"coalesce(u{index}, {_iso(f'y{index}', zone)})"


def _relaxed(index: int) -> str:
    """Rewrite a time that was not read: no seconds, a space before the offset, a comma, lower z.

    A layer of its own: DuckDB would work out a text that is used twice for every row.
    """
    spaced = f"regexp_replace(upper(trim(p{index}::VARCHAR)), ' +([-+]\\d|Z)', '\\1')"
    timed = f"regexp_replace({spaced}, '([T ]\\d\\d:\\d\\d)(Z|[-+]|$)', '\\1:00\\2')"
    return f"CASE WHEN u{index} IS NULL THEN replace({timed}, ',', '.') END"


def _iso(text: str, zone: str) -> str:
    text = f"{text}::VARCHAR"
    naive = f"TRY_CAST({text} AS TIMESTAMP)"
    plain = f"strlen({text}) = 10 OR {text} LIKE '____-__-_____:__:__'"
    zoned = f"make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
    tail = f"substr({text}, 12)"
    impossible = (
        f"regexp_matches({tail}, '[-+](1[6-9]|[2-9]\\d)(:?\\d\\d)?$|[-+]\\d\\d:?[6-9]\\d$')"
    )
    return (
        f"CASE WHEN {text} < '0' OR {text} >= ':' THEN NULL "
        f"WHEN {plain} THEN {_in_zone(naive, zone)} "
        f"WHEN regexp_matches({tail}, '[-+A-Ya-z]') THEN "
        f"CASE WHEN NOT {impossible} THEN {zoned} END "
        f"WHEN right({text}, 1) = 'Z' THEN {naive} ELSE {_in_zone(naive, zone)} END"
    )


def _in_zone(naive: str, zone: str) -> str:
    if zone == "UTC":
        return naive
    return f"make_timestamp(epoch_us(timezone({literal(zone)}, {naive})))"


def _as_text(sql: str, kind: str) -> str:
    return sql if kind == "VARCHAR" else f"{sql}::VARCHAR"


def _problems(layout: Layout, *, faults: bool) -> tuple[Problem, ...]:
    found = [Problem(condition="_fault IS NOT NULL", reason="")] if faults else []
    for index, target in enumerate(layout.targets):
        found += _column_problems(index, target.column)
    place = {name: index for index, name in enumerate(layout.names)}
    found += _row_problems(layout, place)
    return tuple(found)


_WANTED = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false (1/0, true/false, yes/no)",
    "instant": "a time, such as 2026-01-31T14:30:00Z or 2026-01-31 (bare numbers are not times)",
}


def _column_problems(index: int, column: Column) -> list[Problem]:
    name, value = column.name, f"t{index}"

    def problem(condition: str, reason: str) -> Problem:
        return Problem(condition=condition, reason=f"{name} {reason}.", target=index)

    found = []
    if column.required:
        found.append(problem(f"p{index} IS NULL", "needs a value in every row"))
    if column.type == "string":
        long = f"strlen({value}) > {MAX_TEXT_BYTES}"
        found.append(problem(long, f"must not be longer than {MAX_TEXT_BYTES:,} bytes"))
        found.append(problem(f"contains({value}, chr(0))", "must not hold a NUL character"))
    else:
        wanted = f"must be {_WANTED[column.type]}"
        found.append(problem(f"{value} IS NULL AND p{index} IS NOT NULL", wanted))
    if column.type == "number":
        found.append(problem(f"NOT isfinite({value})", "must be finite"))
    if column.type == "instant":
        outside = f"{value} < TIMESTAMP '{EARLIEST}' OR {value} >= TIMESTAMP '{LATEST}'"
        found.append(problem(outside, "must lie between the years 1900 and 2199"))
    if column.low is not None:
        word, sign = ("above", "<=") if column.low_open else ("at least", "<")
        found.append(problem(f"{value} {sign} {column.low!r}", f"must be {word} {column.low:g}"))
    if column.high is not None:
        found.append(problem(f"{value} > {column.high!r}", f"must be at most {column.high:g}"))
    return found


def _row_problems(layout: Layout, place: dict[str, int]) -> list[Problem]:
    found = []
    groups = [group for group in layout.schema.one_of if all(name in place for name in group)]
    if layout.schema.one_of:
        complete = " OR ".join(
            "(" + " AND ".join(f"t{place[name]} IS NOT NULL" for name in group) + ")"
            for group in groups
        )
        wanted = ", or ".join(" with ".join(group) for group in layout.schema.one_of)
        found.append(Problem(condition=f"NOT ({complete})", reason=f"A row needs {wanted}."))
    for small, large in layout.schema.at_most:
        if small in place and large in place:
            found.append(
                Problem(
                    condition=f"t{place[small]} > t{place[large]}",
                    reason=f"{small} must not exceed {large}.",
                    target=place[small],
                )
            )
    return found
