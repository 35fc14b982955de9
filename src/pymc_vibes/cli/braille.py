"""A grid of terminal cells: eight dots of braille in each, text on top, one color per cell."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

# the bit of each dot in a braille cell, by (column, row) within the cell
_BITS = {
    (0, 0): 1,
    (0, 1): 2,
    (0, 2): 4,
    (1, 0): 8,
    (1, 1): 16,
    (1, 2): 32,
    (0, 3): 64,
    (1, 3): 128,
}
# middle tones of the 256 colors, readable on a light and on a dark terminal
_CODES = ("38;5;32", "38;5;166", "38;5;36", "38;5;133", "38;5;136", "38;5;74", "39")
_DASH = (5, 4)  # dots drawn and left out

type Color = int | None
"""The index of a series; None is the terminal's own ink."""


def paint(text: str, series: Color, *, color: bool) -> str:
    r"""Color a text for a series.

    >>> paint("x", 0, color=True), paint("x", 0, color=False)
    ('\x1b[38;5;32mx\x1b[0m', 'x')
    """
    if not color or series is None or not text.strip():
        return text
    return f"\x1b[{_CODES[series % len(_CODES)]}m{text}\x1b[0m"


@dataclass
class Grid:
    """Cells of `width` by `height`; positions are fractions, (0, 0) is bottom left."""

    width: int
    height: int
    dots: dict[tuple[int, int], int] = field(default_factory=dict)
    texts: dict[tuple[int, int], str] = field(default_factory=dict)
    colors: dict[tuple[int, int], Color] = field(default_factory=dict)

    def column(self, x: float) -> int:
        """Give the column of cells at `x`."""
        return min(self.width - 1, max(0, int(x * self.width)))

    def row(self, y: float) -> int:
        """Give the row of cells at `y`, counted from the top."""
        return min(self.height - 1, max(0, int((1 - y) * self.height)))

    def text(self, column: int, row: int, letter: str, series: Color) -> None:
        """Put one letter over whatever the cell holds."""
        self.texts[column, row] = letter
        self.colors[column, row] = series

    def path(
        self, points: Iterable[tuple[float, float]], series: Color, *, dashed: bool = False
    ) -> None:
        """Draw a line through points."""
        wide, high = 2 * self.width - 1, 4 * self.height - 1
        steps = [(round(x * wide), round((1 - y) * high)) for x, y in points]
        drawn = 0
        for (x0, y0), (x1, y1) in pairwise(steps):
            count = max(abs(x1 - x0), abs(y1 - y0), 1)
            for i in range(count):
                if not dashed or drawn % sum(_DASH) < _DASH[0]:
                    self._dot(
                        round(x0 + (x1 - x0) * i / count), round(y0 + (y1 - y0) * i / count), series
                    )
                drawn += 1
        if steps:
            self._dot(*steps[-1], series)

    def column_of(self, letter: str, x: float, series: Color) -> None:
        """Fill the empty cells of a column with a letter."""
        for row in range(self.height):
            self._behind(self.column(x), row, letter, series)

    def row_of(self, letter: str, y: float, series: Color) -> None:
        """Fill the empty cells of a row with a letter."""
        for column in range(self.width):
            self._behind(column, self.row(y), letter, series)

    def lines(self, *, color: bool) -> list[str]:
        """Give the rows as text, top row first."""
        return [
            "".join(self._cell(column, row, color=color) for column in range(self.width))
            for row in range(self.height)
        ]

    def _dot(self, x: int, y: int, series: Color) -> None:
        if not (0 <= x < 2 * self.width and 0 <= y < 4 * self.height):
            return
        cell = (x // 2, y // 4)
        self.dots[cell] = self.dots.get(cell, 0) | _BITS[x % 2, y % 4]
        self.colors[cell] = series

    def _behind(self, column: int, row: int, letter: str, series: Color) -> None:
        cell = (column, row)
        if cell not in self.dots and cell not in self.texts:
            self.text(column, row, letter, series)

    def _cell(self, column: int, row: int, *, color: bool) -> str:
        cell = (column, row)
        braille = chr(0x2800 + self.dots[cell]) if cell in self.dots else " "
        return paint(self.texts.get(cell, braille), self.colors.get(cell), color=color)
