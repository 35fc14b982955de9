"""Markdown as text: what is put together from the code is written as a person would write it."""

import re
from collections.abc import Iterable, Sequence


def heading(text: str, level: int = 1) -> str:
    """Write a heading."""
    return f"{'#' * level} {text}"


def page(*parts: str) -> str:
    """Put the parts of a page below each other; empty ones are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay rows out under a header; without rows there is no table."""
    lines = [_row(row) for row in rows]
    return "\n".join([_row(header), _row(["---"] * len(header)), *lines]) if lines else ""


def definition(name: str, facts: Iterable[str], meaning: str) -> str:
    r"""Write a name with what it may be, and below it what it means.

    >>> definition("`n`", ["integer", "", "default `5`"], "How many.")
    '`n` *integer · default `5`*\n: How many.'
    """
    told = " · ".join(fact for fact in facts if fact)
    return f"{name}{f' *{told}*' if told else ''}\n: {meaning or '&nbsp;'}"


def code(text: object) -> str:
    """Write a name or a value as it is typed; nothing stays nothing.

    >>> code("a|b"), code("")
    ('`a|b`', '')
    """
    return f"`{text}`" if str(text) else ""


def block(text: str, language: str = "text") -> str:
    """Set text as it is."""
    return f"```{language}\n{text.rstrip()}\n```"


def plain(text: str) -> str:
    r"""Give text that reads the same as Markdown: what would be markup outside code is escaped.

    >>> plain("n_v of <name> in `a_b`, {x}")
    'n\\_v of \\<name> in `a_b`, {x}'
    """
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part if part.startswith("`") else re.sub(r"([\\*_<\[\]])", r"\\\1", part) for part in parts
    )


def noted(meaning: str, *notes: str) -> str:
    """Add bounds and units to a sentence, as one more.

    >>> noted("How many.", "at least 1", "", "in days")
    'How many. At least 1, in days.'
    """
    told = ", ".join(note for note in notes if note)
    return f"{meaning} {told[:1].upper()}{told[1:]}.".strip() if told else meaning


def amount(value: float) -> str:
    """Write a bound.

    >>> amount(2000000), amount(0.5), amount(-1e15)
    ('2,000,000', '0.5', '-1e15')
    """
    if abs(value) >= 10**12:
        return f"{value:g}".replace("e+", "e")
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
