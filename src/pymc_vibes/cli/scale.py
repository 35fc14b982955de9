"""Axes of a terminal plot: where a value lies, and the ticks that say so."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pymc_vibes.core.figure import Axis
from pymc_vibes.stats.label import printable, shortened, tick_text, value_text

_DAY = 86_400.0


@dataclass(frozen=True)
class Scale:
    """The part of an axis that is shown; times are seconds since 1970."""

    axis: Axis
    low: float
    high: float

    def share(self, value: float | datetime) -> float:
        """Give where a value lies, from 0 to 1; what lies outside is put on the edge."""
        return min(1.0, max(0.0, (number(value) - self.low) / (self.high - self.low)))

    def ticks(self, most: int) -> list[float]:
        """Give round values on the axis, at most `most` of them."""
        step = (self.high - self.low) / max(1, most - 1)
        if self.axis.kind == "time":
            count = max(2, most // 2)  # dates are long
            return [self.low + i * (self.high - self.low) / (count - 1) for i in range(count)]
        power = 10.0 ** math.floor(math.log10(step))
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= step * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [i * step for i in range(first, last + 1)]

    def text(self, value: float) -> str:
        """Write a value with up to four digits."""
        if self.axis.kind == "time":
            return self.tick_text(value)
        return value_text(float(f"{value:.4g}"), self.axis.format)

    def tick_text(self, value: float) -> str:
        """Write a tick with up to four digits."""
        if self.axis.kind != "time":
            return tick_text(float(f"{value:.4g}"), self.axis.format)
        when = datetime.fromtimestamp(value, UTC)
        is_short = self.high - self.low < 3 * _DAY
        return when.strftime("%m-%d %H:%M" if is_short else "%Y-%m-%d")


def number(value: float | datetime) -> float:
    """Give a time as seconds since 1970, and a number as it is."""
    return value.timestamp() if isinstance(value, datetime) else float(value)


def scale_of(axis: Axis, values: Sequence[float]) -> Scale:
    """Give the scale that shows all `values`, or the domain of the axis where it has one."""
    if axis.domain is not None:
        return Scale(axis, *axis.domain)
    shown = [*values, *([0.0] if axis.zero or not values else [])]
    low, high = min(shown), max(shown)
    if low < high:
        return Scale(axis, low, high)
    room = abs(low) / 2 or 1.0  # one value alone lies in the middle
    return Scale(axis, low - room, high + room)


def axis_lines(scale: Scale, gutter: int, width: int) -> list[str]:
    """Draw a horizontal axis of `width` cells behind a gutter: rule, ticks, label."""
    rule = ["─"] * width
    texts = [" "] * (gutter + width)
    taken = 0
    for tick in scale.ticks(max(4, width // 10)):
        column = min(width - 1, int(scale.share(tick) * width))
        words = scale.tick_text(tick)
        start = min(max(0, gutter + column - len(words) // 2), gutter + width - len(words))
        if start < taken:
            continue
        rule[column] = "┬"
        texts[start : start + len(words)] = list(words)
        taken = start + len(words) + 1
    lines = [" " * gutter + "".join(rule), "".join(texts)]
    if scale.axis.label:
        label = shortened(printable(scale.axis.label), gutter + width)
        lines.append(" " * max(0, gutter + (width - len(label)) // 2) + label)
    return lines
