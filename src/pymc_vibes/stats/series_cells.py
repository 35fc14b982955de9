"""Cells of daily series, by person."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import BadConfig, EntityNotFound
from pymc_vibes.core.posterior import instead_of

if TYPE_CHECKING:
    import pyarrow as pa

NAMELESS = ""
"""Whose rows name nobody; stored text is never empty, so this cannot clash with a name."""

MOST_PEOPLE = 50
EVERYBODY = "all"
"""What those rows are called together, unless somebody has that name."""


def people_of(cells: "pa.Table", user_id: str | None) -> dict[str, list[dict[str, Any]]]:
    """Give each person's cells, as rows; those of nobody in particular are called `all`.

    Raises `EntityNotFound` where the person asked for is not there, `BadConfig` for too many.
    """
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in cells.to_pylist():
        grouped.setdefault(row["user_id"], []).append(row)
    if user_id is not None and user_id not in grouped:
        raise EntityNotFound(
            f"There is no user_id {user_id[:80]!r} in the data.",
            hint=instead_of(user_id, sorted(grouped)),
        )
    if len(grouped) > MOST_PEOPLE:
        raise BadConfig(
            f"The data have {len(grouped):,} people; at most {MOST_PEOPLE} are fitted at once.",
            hint="Choose one with user_id.",
            fields=[{"field": "user_id", "reason": "is open, and there are too many"}],
        )
    nameless = EVERYBODY
    while nameless in grouped:
        nameless = f"({nameless})"
    return {label if label != NAMELESS else nameless: rows for label, rows in grouped.items()}
