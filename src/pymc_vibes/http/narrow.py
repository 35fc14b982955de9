"""A table with more columns than a page has room for, as several tables below each other.

A reader of a page scrolls down, hardly ever sideways, and paper does not scroll at all. Each part
begins with the names of the rows.
"""

from dataclasses import replace
from itertools import pairwise

from pymc_vibes.http.grids import Grid, Heading

ROOM = 104  # characters side by side in the column of a page, and on paper
_GAP = 1.3  # between columns
_LINES = 3  # that a heading may take
_TEXT = 24  # characters in which text wraps well
_NAME = 14  # characters in which the name of a row does


def narrow(grid: Grid) -> tuple[Grid, ...]:
    """Part a grid that is too wide; numbers stay beside their intervals."""
    widths = [_width(grid, index) for index in range(len(grid.headings))]
    rest = sum(widths[1:])
    count = -(-int(rest) // int(ROOM - widths[0])) if widths and widths[0] < ROOM / 2 else 1
    if count <= 1:
        return (grid,)
    ends = _ends(grid.headings, widths, rest / count)
    return tuple(_part(grid, start, end) for start, end in pairwise((1, *ends)))


def _ends(headings: tuple[Heading, ...], widths: list[float], share: float) -> list[int]:
    """Find the columns that parts of about the same width end before."""
    ends, filled = [], 0.0
    for index in range(1, len(headings)):
        belongs = "interval" in headings[index].title  # to the number before it
        if filled >= share and not belongs:
            ends.append(index)
            filled = 0.0
        filled += widths[index]
    return [*ends, len(headings)]


def _width(grid: Grid, index: int) -> float:
    heading = grid.headings[index]
    words = f"{heading.title} {heading.unit}".split() or [""]
    head = max(*map(len, words), -(-len(" ".join(words)) // _LINES))
    body = max((len(row[index]) for row in grid.rows), default=0)
    most = body if heading.is_number else _TEXT if index else _NAME
    return _GAP + max(head, min(body, most))


def _part(grid: Grid, start: int, end: int) -> Grid:
    headings = grid.headings[start:end]
    # columns that name a unit have another one than the title
    has_unit = any(heading.is_number and not heading.unit for heading in headings)
    return replace(
        grid,
        title=grid.title if start == 1 else f"{grid.title}, continued",
        unit=grid.unit if has_unit else "",
        headings=(grid.headings[0], *headings),
        rows=tuple((row[0], *row[start:end]) for row in grid.rows),
    )
