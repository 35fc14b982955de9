"""The retry ladder of a sampler: what to try next, decided by what failed.

Attempts are bounded by number, never by time, so that a seed means a result. Divergences, low
E-BFMI and full trees ask for smaller steps and more adaptation; chains that disagree ask for the
other form of the model; chains that nearly agree, or have too few effective draws, are lengthened.
A new seed alone is never a remedy: it hides what failed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pymc_vibes.core.answer import Attempt
from pymc_vibes.core.errors import InferenceFailed
from pymc_vibes.stats.diagnose import ESS_GOOD, R_HAT_FAIR, Fault, faults

if TYPE_CHECKING:
    from pydantic import JsonValue

    from pymc_vibes.core.answer import Diagnostics
    from pymc_vibes.stats.nuts.model import Sampled, SamplerSettings

MAX_ATTEMPTS = 6
_STEPS = (0.95, 0.99)  # target acceptance rates that are tried in turn
_MORE = (2, 8)  # how many times the draws, at least and at most, over the whole ladder
_SPARE = 1.3  # aims above the bar, because the next estimate is noisy too
_RANK = {"good": 2, "warning": 1, "problem": 0}
_GEOMETRY = frozenset({Fault.DIVERGENCES, Fault.BFMI, Fault.DEPTH})


@dataclass(frozen=True, kw_only=True)
class Rung:
    """What one attempt uses."""

    settings: "SamplerSettings"
    form: int = 0
    """0 is the model as given, 1 its other form."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One attempt and its outcome."""

    rung: Rung
    sampled: "Sampled"
    seconds: float
    compile_seconds: float | None


def climb(
    first: "SamplerSettings", forms: Sequence[str], attempt: Callable[[Rung, int], Tried]
) -> "Sampled":
    """Try until an attempt is good or nothing is left to try; give the best, and tell of all."""
    tried = [attempt(Rung(settings=first), 1)]
    told = [_told(tried[0], forms)]
    rung = next_rung(tried, len(forms))
    while rung is not None and len(tried) < MAX_ATTEMPTS:
        try:
            tried.append(attempt(rung, len(tried) + 1))
        except InferenceFailed as failure:  # an answer is there; what was tried beyond it is told
            told.append(_told_failure(rung, failure, forms))
            break
        told.append(_told(tried[-1], forms))
        rung = next_rung(tried, len(forms))
    best = max(tried, key=_worth).sampled
    attempts = best.diagnostics.model_copy(update={"attempts": tuple(told)})
    return replace(best, diagnostics=attempts)


def next_rung(tried: Sequence[Tried], forms: int) -> Rung | None:
    """Choose what to try after these attempts; None where it is good, or nothing is left."""
    last = tried[-1]
    failed = faults(last.sampled.diagnostics)
    if not failed:
        return None
    if failed & _GEOMETRY:
        return _smaller_steps(last.rung) or _other_form(tried, forms) or _more_draws(tried)
    if Fault.R_HAT not in failed or _is_nearly_mixed(last.sampled.diagnostics):
        return _more_draws(tried) or _other_form(tried, forms)
    return _other_form(tried, forms) or _smaller_steps(last.rung) or _more_draws(tried)


def _is_nearly_mixed(diagnostics: "Diagnostics") -> bool:
    # the largest R-hat of thousands of parameters passes the bar by chance: longer chains tell
    return diagnostics.r_hat_max is not None and diagnostics.r_hat_max <= R_HAT_FAIR


def _smaller_steps(rung: Rung) -> Rung | None:
    settings = rung.settings
    target = next((step for step in _STEPS if step > settings.target_accept), None)
    if target is None:
        return None
    # small steps need deep trees; twice the adaptation finds the smaller step
    depth = settings.max_treedepth + (2 if target == _STEPS[-1] else 0)
    calmer = replace(settings, target_accept=target, tune=2 * settings.tune, max_treedepth=depth)
    return replace(rung, settings=calmer)


def _other_form(tried: Sequence[Tried], forms: int) -> Rung | None:
    if forms < 2 or any(one.rung.form == 1 for one in tried):
        return None
    return Rung(settings=tried[0].rung.settings, form=1)


def _more_draws(tried: Sequence[Tried]) -> Rung | None:
    last = tried[-1]
    ess = _least_ess(last.sampled.diagnostics)
    least, most = _MORE
    factor = min(max(math.ceil(_SPARE * ESS_GOOD / max(ess, 1.0)), least), most)
    draws = min(last.rung.settings.draws * factor, tried[0].rung.settings.draws * most)
    if draws <= last.rung.settings.draws:
        return None
    return replace(last.rung, settings=replace(last.rung.settings, draws=draws))


def _least_ess(diagnostics: "Diagnostics") -> float:
    return min(diagnostics.ess_bulk_min or 0.0, diagnostics.ess_tail_min or 0.0)


def _worth(one: Tried) -> tuple[int, float]:
    diagnostics = one.sampled.diagnostics
    return _RANK[diagnostics.verdict], _least_ess(diagnostics)


def _told(one: Tried, forms: Sequence[str]) -> Attempt:
    found = one.sampled.diagnostics
    return Attempt(
        settings=_settings(one.rung, forms),
        verdict=found.verdict,
        reasons=found.reasons,
        r_hat_max=found.r_hat_max,
        ess_bulk_min=found.ess_bulk_min,
        ess_tail_min=found.ess_tail_min,
        divergences=found.divergences,
        ebfmi_min=found.ebfmi_min,
        seconds=one.seconds,
        compile_seconds=one.compile_seconds,
    )


def _told_failure(rung: Rung, failure: InferenceFailed, forms: Sequence[str]) -> Attempt:
    return Attempt(settings=_settings(rung, forms), verdict="problem", reasons=(failure.detail,))


def _settings(rung: Rung, forms: Sequence[str]) -> "dict[str, JsonValue]":
    return {**asdict(rung.settings), "form": forms[rung.form]}
