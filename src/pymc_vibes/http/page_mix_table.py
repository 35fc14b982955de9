"""A table of an answer as a file for a spreadsheet."""

from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue
from starlette.responses import Response

from pymc_vibes.core.answer import Table
from pymc_vibes.core.errors import PageNotFound
from pymc_vibes.http.tabular import table_response

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table_file(tables: Iterable[Table], name: str, experiment: str) -> Response:
    """Give one of the tables as CSV, or raise `PageNotFound` where there is none of that name."""
    import pyarrow as pa

    found = {table.name: table for table in tables}
    if name not in found:
        known = ", ".join(found) or "none"
        raise PageNotFound(f"There is no table {name[:40]!r} here.", hint=f"There is: {known}.")
    table = found[name]
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    arrays = [pa.array(_column(values)) for values in columns]
    made = pa.Table.from_arrays(arrays, names=list(table.columns))
    return table_response(made, "csv", f"{experiment}-{name}")


def _column(values: Iterable[JsonValue]) -> list[Any]:
    """Give numbers as numbers, anything else as text that no spreadsheet runs."""
    found = list(values)
    if all(value is None or isinstance(value, int | float) for value in found):
        return found
    return [None if value is None else _inert(str(value)) for value in found]


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
