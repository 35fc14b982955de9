"""An answer as a card for people: the sentence first, then numbers, a picture and where it is from.

Nothing is decided here: every word comes from the answer.
"""

import shutil
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pymc_vibes.cli import say
from pymc_vibes.core.answer import (
    Answer,
    Attempt,
    Claim,
    Diagnostics,
    Finding,
    Origin,
    QueryAnswer,
    Summary,
)
from pymc_vibes.core.figure import Figure
from pymc_vibes.service import standing
from pymc_vibes.settings import wants_color

if TYPE_CHECKING:
    from pymc_vibes.http.grids import Grid, Heading

_TONES = {"higher": "blue", "lower": "dark_orange", "same": "green"}
MAX_ROWS = 20
MOMENT = "%Y-%m-%d %H:%M UTC"
MAX_NAMED = 3  # tables that are left out, by title


def show_answer(answer: Answer, *, plot: bool = True) -> None:
    """Print the answer to an experiment's question."""
    problem = answer.diagnostics.verdict == "problem"
    if problem:
        _line(
            "Do not rely on this answer: " + "; ".join(answer.diagnostics.reasons), style="bold red"
        )
    _summary(answer.summary, is_doubtful=problem)
    if plot:
        _figures(answer.figures[:2])
    _diagnostics(answer.diagnostics)
    _line("")
    _line(_origin(answer), style="dim")


def show_query(answer: QueryAnswer, *, plot: bool = True) -> None:
    """Print the answer to a further question."""
    if answer.entry is not None:
        kept = answer.entry.created.strftime(MOMENT)
        _line(f"Entry {answer.entry.number}, kept since {kept}", style="dim")
    _summary(answer.summary)
    if plot:
        _figures(answer.figures[:2])
    if answer.origin is not None:
        _line(f"{_computed(answer.origin)} by run {answer.origin.run_id}", style="dim")


def entry_line(answer: QueryAnswer) -> str:
    """Write an entry of a journal in one line."""
    assert answer.entry is not None  # noqa: S101  # what a journal holds
    entry = answer.entry
    return f"{entry.number}  {entry.created.strftime(MOMENT)}  {answer.summary.headline}"


def _summary(summary: Summary, *, is_doubtful: bool = False) -> None:
    from pymc_vibes.http.grids import claims_beside

    # what makes the answer unfit comes before the answer
    for finding in (f for f in summary.findings if f.severity == "error"):
        if finding.text.rstrip(".") not in summary.headline:
            _finding(finding)
    _line(summary.headline, style="bold")
    if summary.decision is not None:
        tone = _TONES.get(summary.decision.tone)
        doubt = "Doubtful: " if is_doubtful else ""
        _line(f"{doubt}{summary.decision.action}: {summary.decision.reason}", style=tone)
    for claim in claims_beside(summary):
        _line(f"  {_with_chance(claim)}", style=_TONES.get(claim.tone))
    for finding in (f for f in summary.findings if f.severity != "error"):
        _finding(finding)
    _numbers(summary)


def _diagnostics(found: Diagnostics) -> None:
    """Say what speaks for the fit or against it; an exact one without a word needs none."""
    why = found.why or ""
    if found.verdict == "warning":
        _line(f"Careful: {'; '.join(found.reasons)}", style="yellow")
    if why:
        _line(f"{found.method}: {why}", style="dim")
    measured = (
        ("largest R-hat", None if found.r_hat_max is None else f"{found.r_hat_max:.3f}"),
        ("smallest bulk ESS", found.ess_bulk_min),
        ("smallest tail ESS", found.ess_tail_min),
        ("divergences", found.divergences),
        ("smallest E-BFMI", found.ebfmi_min),
        ("error in posterior sds", None if "posterior sd" in why else found.error_estimate),
    )
    known = [f"{name} {say.cell(value)}" for name, value in measured if value is not None]
    if known:
        _line("; ".join(known), style="dim")
    if len(found.attempts) > 1:
        _attempts(found.attempts)


def _attempts(tried: Iterable[Attempt]) -> None:
    columns = ("verdict", "R-hat", "bulk ESS", "divergences", "seconds", "settings")
    rows = [
        (
            one.verdict,
            one.r_hat_max,
            one.ess_bulk_min,
            one.divergences,
            one.seconds,
            _text(one.settings),
        )
        for one in tried
    ]
    say.table(columns, rows, title="Attempts of the sampler, in order")


def _with_chance(claim: Claim) -> str:
    from pymc_vibes.stats.decide import chance

    said = chance(claim.probability)
    return claim.text if said in claim.text else f"{claim.text.rstrip('.')}: {said} chance."


def _numbers(summary: Summary) -> None:
    from pymc_vibes.http.grids import grids
    from pymc_vibes.http.particulars import facts

    shown, left = 0, []
    for grid in grids(summary, "Estimates"):
        if shown < MAX_ROWS:
            _grid(grid)
            shown += min(len(grid.rows), MAX_ROWS)
        else:
            left.append(grid.title)
    if left:
        _line(f"  {len(left)} more: {'; '.join(left[:MAX_NAMED])}. --json gives all.", style="dim")
    context = "; ".join(f"{name}: {text}" for name, text in facts(summary.context) if text)
    if context:
        _line(context, style="dim")


def _finding(finding: Finding) -> None:
    style = {"error": "bold red", "warning": "yellow"}.get(finding.severity)
    _line(f"{finding.severity.capitalize()}: {finding.text}", style=style)


def _grid(grid: "Grid") -> None:
    """Print a table; where the terminal is narrow, columns that matter less are left out first."""
    kept = list(range(len(grid.headings)))
    minor = [i for i in reversed(kept) if grid.headings[i].is_minor]
    rows, names = grid.rows[:MAX_ROWS], [_heading(heading) for heading in grid.headings]
    while minor and not say.fits(
        [names[i] for i in kept], [[row[i] for i in kept] for row in rows]
    ):
        kept.remove(minor.pop(0))
    hidden = len(names) - len(kept)
    hidden += say.table(
        [names[i] for i in kept],
        [[row[i] for i in kept] for row in rows],
        title=grid.title + (f" ({grid.unit})" if grid.unit else ""),
        numbers=[grid.headings[i].is_number for i in kept],
    )
    cut = [f"{MAX_ROWS} of {grid.total:,} rows"] if grid.total > len(rows) else []
    cut += [standing.counted(hidden, "more columns")] if hidden else []
    if cut:
        _line(f"  {' and '.join(cut)}; --json gives all.", style="dim")


def _heading(heading: "Heading") -> str:
    return f"{heading.title} ({heading.unit})" if heading.unit else heading.title


def _figures(figures: Iterable[Figure]) -> None:
    from pymc_vibes.cli.plot import render

    if not say.is_terminal():
        return
    width = min(shutil.get_terminal_size().columns, 100)
    for figure in figures:
        say.data(render(figure, width=width, color=wants_color()))


def _origin(answer: Answer) -> str:
    known = f"{_computed(answer.origin)} by run {answer.run_id}"
    return f"{answer.diagnostics.method}, {known}, snapshot {answer.provenance.snapshot}"


def _computed(origin: Origin) -> str:
    when = origin.created.strftime(MOMENT)
    return f"cached: computed {when}" if origin.cached else f"computed {when}"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    return say.cell(value)


def _line(text: str, *, style: str | None = None) -> None:
    say.to_stdout().print(say.clean(text), style=style)
