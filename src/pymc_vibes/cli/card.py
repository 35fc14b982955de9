"""An answer as a card for people: the sentence first, then numbers, a picture and where it is from.

Nothing is decided here: every word comes from the answer.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from pymc_vibes.cli import say
from pymc_vibes.core.answer import (
    Answer,
    Attempt,
    Claim,
    Diagnostics,
    Estimate,
    Finding,
    QueryAnswer,
    Summary,
)
from pymc_vibes.core.figure import Figure

_TONES = {"higher": "blue", "lower": "dark_orange", "same": "green"}
MAX_ROWS = 20


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
    _summary(answer.summary)
    if plot:
        _figures(answer.figures[:2])


def _summary(summary: Summary, *, is_doubtful: bool = False) -> None:
    # what makes the answer unfit comes before the answer
    for finding in (f for f in summary.findings if f.severity == "error"):
        if finding.text.rstrip(".") not in summary.headline:
            _finding(finding)
    _line(summary.headline, style="bold")
    if summary.decision is not None:
        tone = _TONES.get(summary.decision.tone)
        doubt = "Doubtful: " if is_doubtful else ""
        _line(f"{doubt}{summary.decision.action}: {summary.decision.reason}", style=tone)
    for claim in summary.claims:
        if claim.text.rstrip(".") in summary.headline:
            continue  # said already
        _line(f"  {_with_chance(claim)}", style=_TONES.get(claim.tone))
    for finding in (f for f in summary.findings if f.severity != "error"):
        _finding(finding)
    _numbers(summary)


def _diagnostics(found: Diagnostics) -> None:
    """Say what speaks for the fit or against it; an exact one without a word needs none."""
    if found.verdict == "warning":
        _line(f"Careful: {'; '.join(found.reasons)}", style="yellow")
    if found.why:
        _line(f"{found.method}: {found.why}", style="dim")
    measured = (
        ("largest R-hat", found.r_hat_max),
        ("smallest bulk ESS", found.ess_bulk_min),
        ("smallest tail ESS", found.ess_tail_min),
        ("divergences", found.divergences),
        ("smallest E-BFMI", found.ebfmi_min),
        ("error of a posterior sd", found.error_estimate),
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
    if summary.estimates:
        _estimates(summary.estimates)
    for table in summary.tables:
        _table(table.title, table.columns, table.rows, table.total)
    known = {key: _text(value) for key, value in summary.context.items()}
    context = [f"{key.replace('_', ' ')}: {text}" for key, text in known.items() if text]
    if context:
        _line("; ".join(context), style="dim")


def _finding(finding: Finding) -> None:
    style = {"error": "bold red", "warning": "yellow"}.get(finding.severity)
    _line(f"{finding.severity.capitalize()}: {finding.text}", style=style)


def _estimates(estimates: Iterable[Estimate]) -> None:
    rows = [
        (e.label, _number(e.mean, e), _interval(e), _number(e.sd, e), "" if e.percent else e.unit)
        for e in estimates
    ]
    _table("", ("", "mean", "interval", "sd", "unit"), rows, None)


def _number(value: float | None, estimate: Estimate) -> str:
    if value is None:
        return "none"
    return f"{100 * value:.4g} %" if estimate.percent else say.cell(value)


def _interval(estimate: Estimate) -> str:
    shown = estimate.interval
    if shown is None:
        return ""
    low, high = _number(shown.low, estimate), _number(shown.high, estimate)
    kind = {"eti": "equal-tailed", "hdi": "HDI"}[shown.kind]
    return f"{low} to {high} ({100 * shown.prob:g} % {kind})"


def _table(title: str, columns: Iterable[str], rows: Iterable[Any], total: int | None) -> None:
    columns = list(columns)
    rows = [_with_chances(title, columns, row) for row in rows]
    hidden = say.table(list(columns), rows[:MAX_ROWS], title=title)
    there = total or len(rows)
    cut = [f"{MAX_ROWS} of {there:,} rows"] if there > MAX_ROWS else []
    cut += [f"{hidden} more column{'s' if hidden > 1 else ''}"] if hidden else []
    if cut:
        _line(f"  {' and '.join(cut)}; --json gives all.", style="dim")


def _with_chances(title: str, columns: list[str], row: Any) -> list[Any]:
    """Write the chances of a row as chances: never as 0 or 1."""
    from pymc_vibes.stats.decide import chance

    named = [any(text.lower().startswith("chance") for text in (title, name)) for name in columns]
    return [
        chance(value) if is_chance and isinstance(value, float | int) else value
        for is_chance, value in zip(named, row, strict=True)
    ]


def _figures(figures: Iterable[Figure]) -> None:
    from pymc_vibes.cli.plot import render

    if not say.is_terminal():
        return
    width = min(shutil.get_terminal_size().columns, 100)
    for figure in figures:
        say.data(render(figure, width=width, color="NO_COLOR" not in os.environ))


def _origin(answer: Answer) -> str:
    when = answer.created.strftime("%Y-%m-%d %H:%M UTC")
    known = f"known since {when}" if answer.cached else f"computed {when}"
    snapshot = answer.provenance.snapshot
    return f"{answer.diagnostics.method}, {known}, run {answer.run_id}, snapshot {snapshot}"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    return say.cell(value)


def _line(text: str, *, style: str | None = None) -> None:
    say.to_stdout().print(say.clean(text), style=style)
