"""What a notebook shows of answers, tables and figures.

A figure gives a notebook its declaration and a sentence; here it gives a PNG too, for the notebooks
that draw no Vega-Lite 6. Answers become cards in Markdown, which every notebook shows and cleans.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer, Diagnostics, QueryAnswer, Summary, Table
from pymc_vibes.core.experiment import Experiment, Receipt
from pymc_vibes.core.figure import Figure

if TYPE_CHECKING:
    from pymc_vibes.http.grids import Grid

MAX_ROWS = 20
_METHODS = {"nuts": "sampled by NUTS"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|$~])")


def teach(shell: Any) -> None:
    """Register what is shown with a running IPython shell; None is no shell."""
    if shell is None:
        return
    formats = shell.display_formatter.formatters
    formats["image/png"].for_type(Figure, _picture)
    for shown, card in ((Answer, card_of), (QueryAnswer, card_of), (Table, table_of)):
        formats["text/markdown"].for_type(shown, card)
    for said in (Answer, QueryAnswer):
        formats["text/plain"].for_type(said, _say)
    formats["text/plain"].for_type(Receipt, _acknowledge)
    formats["text/plain"].for_type(Experiment, _name)


def card_of(answer: Answer | QueryAnswer) -> str:
    """Write an answer in Markdown: the sentence, what to do, what to know, the numbers, and how.

    Numbers that matter least are left out, as on a phone; `Table.frame()` has all of a table.
    """
    found = answer.diagnostics if isinstance(answer, Answer) else None
    summary = answer.summary
    parts = (_doubts(summary, found), _words(summary, found), _numbers(summary), _method(found))
    return "\n\n".join(part for parts_of in parts for part in parts_of)


def table_of(table: Table) -> str:
    """Write a table in Markdown, with as many decimals as its intervals are worth."""
    from pymc_vibes.http.grids import table_grid

    return _grid(table_grid(table))


def _picture(figure: Figure) -> bytes:
    from pymc_vibes.stats.draw import to_png

    return to_png(figure, dpi=100)


def _say(answer: Answer | QueryAnswer, printer: Any, _is_cycle: Any) -> None:
    printer.text(answer.summary.headline)


def _name(experiment: Experiment, printer: Any, _is_cycle: Any) -> None:
    printer.text(f"{experiment.name} ({experiment.kind}): {_rows(experiment.rows)}")


def _acknowledge(receipt: Receipt, printer: Any, _is_cycle: Any) -> None:
    rejected = f", {receipt.rejected:,} left out" if receipt.rejected else ""
    printer.text(f"{receipt.experiment}: {_rows(receipt.ingested)} stored{rejected}")


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"


def _doubts(summary: Summary, found: Diagnostics | None) -> Iterator[str]:
    """Say first what makes an answer unfit."""
    if found is not None and found.verdict == "problem":
        yield f"**Do not rely on this answer:** {_text('; '.join(found.reasons))}"
    for one in summary.findings:
        if one.severity == "error":
            yield f"**Wrong:** {_text(one.text)}"


def _words(summary: Summary, found: Diagnostics | None) -> Iterator[str]:
    yield f"**{_text(summary.headline)}**"
    if summary.decision is not None:
        action, reason = (_sentence(t) for t in (summary.decision.action, summary.decision.reason))
        yield f"**{action}.** {reason}."
    careful = [one.text for one in summary.findings if one.severity == "warning"]
    if found is not None and found.verdict == "warning" and not careful:
        careful = [*found.reasons]
    notes = [_text(one.text) for one in summary.findings if one.severity == "note"]
    listed = [*(f"**Careful:** {_text(text)}" for text in careful), *notes]
    if listed:
        yield "\n".join(f"- {text}" for text in listed)


def _numbers(summary: Summary) -> Iterator[str]:
    from pymc_vibes.http.grids import grids

    whole = grids(summary, "Estimates")
    shown = [*map(_without_minor, whole)]
    yield from map(_grid, shown)
    of_tables = zip(reversed(summary.tables), reversed(whole), reversed(shown), strict=False)
    cut = [table.name for table, all_of_it, less in of_tables if less is not all_of_it]
    if cut:
        names = ", ".join(f"`{name}`" for name in reversed(cut))
        yield f"*With every column:* `.summary.table(NAME).frame()`, of {names}."


def _without_minor(grid: "Grid") -> "Grid":
    kept = [i for i, one in enumerate(grid.headings) if not (one.is_minor and one.is_number)]
    if len(kept) == len(grid.headings):
        return grid
    return replace(
        grid,
        headings=tuple(grid.headings[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in grid.rows),
    )


def _method(found: Diagnostics | None) -> Iterator[str]:
    """Say how the answer was computed, and of draws whether their chains agree.

    An exact answer without a word needs none.
    """
    if found is None or (found.method == "exact" and not found.why):
        return
    method = _METHODS.get(found.method, found.method)
    told = f"{method}: {found.why}" if found.why else method
    r_hat = None if found.r_hat_max is None else f"largest R-hat {found.r_hat_max:.3f}"
    measured = (r_hat, None if found.divergences is None else f"divergences {found.divergences}")
    known = "; ".join(part for part in (told, *measured) if part)
    yield f"*{_sentence(known)}.*"


def _sentence(words: str) -> str:
    return _text(f"{words[:1].upper()}{words[1:].rstrip('.')}")


def _grid(grid: "Grid") -> str:
    unit = f" ({_text(grid.unit)})" if grid.unit else ""
    rows = grid.rows[:MAX_ROWS]
    cut = f"\n\n{len(rows)} of {grid.total:,} rows" if grid.total > len(rows) else ""
    heads = [f"{one.title} ({one.unit})" if one.unit else one.title for one in grid.headings]
    rules = ["---:" if one.is_number else ":---" for one in grid.headings]
    lines = [_row(map(_text, heads)), _row(rules), *(_row(map(_text, row)) for row in rows)]
    return f"*{_text(grid.title)}{unit}*\n\n" + "\n".join(lines) + cut


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(words: str) -> str:
    """Let words be words: what Markdown or HTML would read as its own is escaped."""
    return _MARKDOWN.sub(r"\\\1", " ".join(words.split()))
