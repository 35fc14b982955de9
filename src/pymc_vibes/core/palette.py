"""The colors of figures: the same lists as the browser's style sheet, light and dark.

Every color has a contrast of at least 4.5 to 1 on its page; `tests/stats/test_draw.py` compares
the lists with the style sheet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

STROKES: Mapping[str, float] = {"thin": 1.0, "normal": 2.25, "heavy": 4.5}
DASH = (6, 3)


@dataclass(frozen=True)
class Theme:
    """Colors on one page color."""

    series: tuple[str, ...]
    page: str
    ink: str
    quiet: str
    grid: str

    def of(self, series: int | None) -> str:
        """Give the color of a series; None is ink."""
        return self.ink if series is None else self.series[series % len(self.series)]


LIGHT = Theme(
    series=("#0072b2", "#b84a00", "#00795a", "#a8467f", "#8a5f00", "#2a7aa8", "#1b1a18"),
    page="#fdfcfa",
    ink="#1b1a18",
    quiet="#5c5952",
    grid="#e4e1da",
)
DARK = Theme(
    series=("#56b4e9", "#f08a4b", "#35c49a", "#e39ac4", "#e6b340", "#8fd0f5", "#ece9e3"),
    page="#15171a",
    ink="#ece9e3",
    quiet="#aaa69d",
    grid="#2e3238",
)


def theme(*, dark: bool) -> Theme:
    """Give the colors for a light or a dark page."""
    return DARK if dark else LIGHT
