"""Words and numbers on a figure: hostile names made plain, values written for people."""

import math
import re
from typing import Literal

from pymc_vibes.stats.decide import chance

# control characters, and marks that turn the direction of the text around them
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def printable(text: str) -> str:
    r"""Make a text safe to show on one line of a page, a picture or a terminal.

    >>> printable("a\x1b[31m\nb"), printable(" ")
    ('a [31m b', '(blank)')
    """
    spaced = _UNPRINTABLE.sub(" ", text).encode("utf-8", "replace").decode()
    return " ".join(spaced.split()) or "(blank)"


def shortened(text: str, letters: int) -> str:
    """Cut a text with an ellipsis.

    >>> shortened("a long name", 7)
    'a long…'
    """
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"


def value_text(value: float, style: Literal["plain", "percent", "chance", "si"] = "plain") -> str:
    """Write a value in the format of its axis.

    >>> value_text(0.0512, "percent"), value_text(15_300, "si"), value_text(-2.5), value_text(2e-7)
    ('5.12 %', '15.3k', '-2.5', '2e-7')
    >>> value_text(1.0, "chance"), tick_text(1.0, "chance")
    ('over 99.9 %', '100 %')
    """
    if style == "chance":
        return chance(value)
    if style == "percent":
        return f"{_plain(100 * value)} %"
    return _si(value) if style == "si" else _plain(value)


def tick_text(value: float, style: Literal["plain", "percent", "chance", "si"] = "plain") -> str:
    """Write a tick: the ends of an axis of chances are 0 % and 100 %, which no value is."""
    return value_text(value, "percent" if style == "chance" else style)


def _plain(value: float) -> str:
    size = abs(value)
    if size and not 1e-5 <= size < 1e12:
        mantissa, _, exponent = f"{value:.3e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if size >= 1e4:
        return f"{value:,.0f}"
    return f"{value:.{_decimals(size)}f}".rstrip("0").rstrip(".") if size % 1 else f"{value:.0f}"


def _decimals(size: float) -> int:
    return max(0, 4 - math.floor(math.log10(size))) if size else 0


def _si(value: float) -> str:
    for power, letter in ((9, "G"), (6, "M"), (3, "k")):
        if abs(value) >= 10**power:
            return f"{value / 10**power:.4g}{letter}"
    return _plain(value)
