"""Values as text for people: safe to print, and as short as they can be read."""

import json
import re
from typing import Any

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EMPTY_FRACTION = re.compile(r"(?<=T\d\d:\d\d:\d\d)\.0+(?=Z?$)")
_END_OF_SENTENCE = re.compile(r"(?<=[a-z0-9)%]{2}\.) (?=[A-Z])")
DASH = "\N{EN DASH}"
GLUE = "\N{NO-BREAK SPACE}"


def shown(text: str) -> str:
    r"""Leave out what would change how the words around it read: controls, also of direction.

    >>> shown("a\u202eb\x00c")
    'abc'
    """
    return _CONTROLS.sub("", text)


def sentence(text: str) -> str:
    """Begin a phrase with a capital."""
    return shown(text[:1].upper() + text[1:])


def several(unit: str) -> str:
    """Write a unit in the plural; one that is written so already stays.

    >>> several("day"), several("hours"), several("unit of exposure")
    ('days', 'hours', 'units of exposure')
    """
    first, of, rest = shown(unit).partition(" of ")
    return f"{first}{'' if first.endswith('s') else 's'}{of}{rest}"


def glued(text: str) -> str:
    r"""Keep a number and its percent sign on one line.

    >>> glued("95 % interval")
    '95\xa0% interval'
    """
    return shown(text).replace(" %", f"{GLUE}%")


def first_sentence(text: str) -> tuple[str, str]:
    """Part a headline after its first sentence; what follows may be empty.

    >>> first_sentence("B leads (95 % chance). Choosing B costs 0.1 units.")
    ('B leads (95 % chance).', 'Choosing B costs 0.1 units.')
    """
    first, *more = _END_OF_SENTENCE.split(text, maxsplit=1)
    return first, more[0] if more else ""


def plain(value: Any) -> str:
    """Write a number for people; text passes through, nothing is a dash."""
    from pymc_vibes.stats.describe import plain as write

    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return write(value) if isinstance(value, float) else shown(str(value))


def chance(probability: float) -> str:
    """Write a probability; never 0 % or 100 %."""
    from pymc_vibes.stats.decide import chance as write

    return write(probability)


def compact(value: Any) -> str:
    """Write a JSON value on one line: text stays bare, an instant loses its empty fractions.

    >>> compact("2024-03-01T00:00:00.000000Z"), compact("a"), compact({"b": 1})
    ('2024-03-01T00:00:00Z', 'a', '{"b": 1}')
    """
    if isinstance(value, str):
        return shown(_EMPTY_FRACTION.sub("", value))
    return json.dumps(value, ensure_ascii=False, default=str)


def cell(value: Any) -> str:
    """Write a value of a table: numbers for reading, text as it is."""
    if isinstance(value, list | dict):
        return readable(value)
    return plain(value)


def readable(value: Any) -> str:
    """Write a setting: `open` where nothing is set, lists with commas, records by field."""
    if value is None:
        return "open"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {readable(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(readable(inner) for inner in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else shown(str(value))


def is_numeric(value: Any) -> bool:
    """Whether a value is a number, which a truth value is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
