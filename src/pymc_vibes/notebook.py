"""What a notebook shows of answers, tables and figures.

A figure gives a notebook its declaration and a sentence; here it gives a PNG too, for the notebooks
that draw no Vega-Lite 6. Answers become cards in Markdown, which every notebook shows and cleans.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.answer import Answer, QueryAnswer, Summary, Table
from pymc_vibes.core.experiment import Experiment, Receipt
from pymc_vibes.core.figure import Figure

if TYPE_CHECKING:
    from pymc_vibes.http.grids import Grid

MAX_ROWS = 20
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
    """Write an answer in Markdown: the sentence, what to do, what to know, the numbers."""
    return "\n\n".join([*_first(answer), *_words(answer.summary), *_numbers(answer.summary)])


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
    printer.text(f"{experiment.name} ({experiment.kind}): {experiment.rows:,} rows")


def _acknowledge(receipt: Receipt, printer: Any, _is_cycle: Any) -> None:
    rejected = f", {receipt.rejected:,} left out" if receipt.rejected else ""
    printer.text(f"{receipt.experiment}: {receipt.ingested:,} rows stored{rejected}")


def _first(answer: Answer | QueryAnswer) -> Iterator[str]:
    if isinstance(answer, Answer) and answer.diagnostics.verdict == "problem":
        yield f"**Do not rely on this answer:** {_text('; '.join(answer.diagnostics.reasons))}"


def _words(summary: Summary) -> Iterator[str]:
    yield f"**{_text(summary.headline)}**"
    if summary.decision is not None:
        yield f"{_text(summary.decision.action)}: {_text(summary.decision.reason)}"
    findings = [f"- {one.severity}: {_text(one.text)}" for one in summary.findings]
    if findings:
        yield "\n".join(findings)


def _numbers(summary: Summary) -> Iterator[str]:
    from pymc_vibes.http.grids import grids

    yield from map(_grid, grids(summary, "Estimates"))


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
