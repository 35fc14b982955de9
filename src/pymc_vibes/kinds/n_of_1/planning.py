"""Before day 1: which design shows the most, and a schedule that was drawn fairly."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pymc_vibes.core.answer import Finding, QueryAnswer, Summary, Table
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig, InsufficientData, TooLarge, VibesError
from pymc_vibes.core.figure import Figure
from pymc_vibes.kinds.n_of_1 import planning_rules as rules
from pymc_vibes.kinds.n_of_1.config import NOf1Config
from pymc_vibes.kinds.n_of_1.planning_rules import TITLES, Assumed, DesignName
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import plain, quantity

if TYPE_CHECKING:
    from pymc_vibes.stats.design import Expected
    from pymc_vibes.stats.schedules import Rules

_DRAWS = 200
_ENOUGH = 0.8


class Plan(Parameters):
    """What is assumed of a trial that has not begun."""

    days: int = rules.days_setting()
    effect: float | None = rules.effect_setting()
    sd: float | None = rules.sd_setting()
    autocorrelation: float = rules.autocorrelation_setting()
    measurement_share: float = rules.share_setting()
    half_life_days: float | None = rules.half_life_setting()
    period_days: int = rules.period_setting()
    target_power: float = setting(
        _ENOUGH, "Chance to find an effect for the least effect that is listed.", gt=0.1, le=0.99
    )


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """The designs that can be had, narrowest interval first, and why others cannot."""

    asked: Plan
    assumed: Assumed
    found: "dict[DesignName, Expected]"
    refused: dict[DesignName, VibesError]

    @property
    def best(self) -> DesignName:
        return next(iter(self.found))


def plan(config: NOf1Config, asked: Plan) -> QueryAnswer:
    """Compare designs under the same assumptions, exactly, over schedules that they may draw."""
    compared = _compare(config, asked)
    return QueryAnswer(
        summary=Summary(
            headline=_headline(compared, config),
            findings=tuple(_findings(compared, config)),
            tables=(_table(compared, config),),
            context=_context(compared, config),
        ),
        figures=_figures(compared, config),
        data={
            "best": compared.best,
            "designs": {name: _numbers(one) for name, one in compared.found.items()},
            "refused": {name: error.detail for name, error in compared.refused.items()},
            "effect": compared.assumed.effect,
            "sd": compared.assumed.sd,
        },
    )


def _compare(config: NOf1Config, asked: Plan) -> _Compared:
    from pymc_vibes.stats.design import expect

    assumed = rules.assumed(config, asked)
    found: dict[DesignName, Expected] = {}
    refused: dict[DesignName, VibesError] = {}
    seen: list[Rules] = []
    for name in TITLES:
        if name == "own" and config.design is None:
            continue
        try:
            made = rules.rules_of(name, asked.days, asked.period_days, config)
            if made in seen:  # the design of the settings is one of the others
                continue
            seen.append(made)
            found[name] = expect(
                made,
                assumed.noise,
                assumed.analysis,
                effect=assumed.effect,
                target_power=asked.target_power,
                draws=_DRAWS,
                seed=config.seed,
            )
        except (BadConfig, InsufficientData, TooLarge) as error:
            refused[name] = error
    if not found:
        raise InsufficientData(
            f"No design can show an effect in {asked.days} days: "
            f"{next(iter(refused.values())).detail}",
            hint="Plan more days, shorter periods or a shorter wash-out.",
        )
    ordered = sorted(found.items(), key=lambda item: item[1].width)
    return _Compared(asked=asked, assumed=assumed, found=dict(ordered), refused=refused)


def _amount(value: float, config: NOf1Config, assumed: Assumed) -> str:
    unit = "sds of a day" if assumed.is_unit_free else config.outcome_unit
    return quantity(value, unit)


def _headline(compared: _Compared, config: NOf1Config) -> str:
    best, assumed = compared.found[compared.best], compared.assumed
    least = (
        f"The least effect that it finds with {100 * compared.asked.target_power:g} % chance is "
        f"{_amount(best.detectable, config, assumed)}."
        if best.detectable < 1e15
        else "No effect, however large, is found with the chance that is wanted."
    )
    title = TITLES[compared.best]
    return (
        f"Of {len(compared.found)} designs of {compared.asked.days} days, {title} "
        f"{'show' if title.endswith('s') and compared.best != 'own' else 'shows'} the most: "
        f"a {100 * config.level:g} % interval about {_amount(best.width, config, assumed)} wide, "
        f"and {chance(best.power)} chance to find an effect of "
        f"{_amount(assumed.effect, config, assumed)}. {least}"
    )


def _findings(compared: _Compared, config: NOf1Config) -> Iterator[Finding]:
    assumed, best = compared.assumed, compared.found[compared.best]
    if "ab" in compared.found and config.include_trend:
        ratio = compared.found["ab"].width / best.width
        yield Finding(
            code="ab-with-trend", severity="warning",
            text="AB changes once, so a drift over the study looks like an effect: with a trend in "
            f"the model its interval is {plain(ratio, 2)} times as wide as the narrowest, without "
            "one a drift passes for an effect.",
        )  # fmt: skip
    if best.power < _ENOUGH:
        yield Finding(
            code="little-power", severity="warning",
            text=f"Even the best design finds such an effect with {chance(best.power)} chance "
            "only: plan more days, several measurements a day, or expect no answer.",
        )  # fmt: skip
    if compared.best == "pairs" and not assumed.noise.half_life_days:
        yield Finding(
            code="quick-effects-only", severity="note",
            text="Pairs of days show an effect that comes and goes within a day. Where it takes "
            "longer, plan longer periods, or a half-life and wash-out days.",
        )  # fmt: skip
    hidden = [TITLES[name] for name, one in compared.found.items() if one.share_seen < 0.9]
    if hidden:
        yield Finding(
            code="carry-over", severity="warning",
            text="What the treatment leaves behind is not in the model, so that part of the effect "
            f"is lost with {', '.join(hidden)}: set half_life, or wash-out days.",
        )  # fmt: skip
    if assumed.is_unit_free:
        yield Finding(
            code="unit-free", severity="note",
            text="Nobody said how much days vary, so sizes are in sds of a day, and the smallest "
            "effect of interest cannot be weighed: set sd.",
        )  # fmt: skip
    for name, error in compared.refused.items():
        yield Finding(
            code=f"without-{name}", severity="note",
            text=f"Left out is {TITLES[name]}: {error.detail}",
        )  # fmt: skip


def _table(compared: _Compared, config: NOf1Config) -> Table:
    unit = "sds" if compared.assumed.is_unit_free else config.outcome_unit
    rows: list[tuple[JsonValue, ...]] = [
        (
            TITLES[name], one.width, one.narrowest, one.widest, one.power, _finite(one.detectable),
            one.share_seen, one.analyzed_days, rules.counted(one.admissible),
        )
        for name, one in compared.found.items()
    ]  # fmt: skip
    return Table(
        name="designs",
        title=f"Designs of {compared.asked.days} days, the narrowest interval first",
        columns=(
            "design", "interval_width", "narrowest", "widest", "chance_to_find", "least_effect",
            "share_of_effect_seen", "days_that_count", "schedules",
        ),
        units=("", unit, unit, unit, "", unit, "share", "days", ""),
        rows=tuple(rows),
    )  # fmt: skip


def _context(compared: _Compared, config: NOf1Config) -> dict[str, JsonValue]:
    assumed = compared.assumed
    return {
        "effect": _amount(assumed.effect, config, assumed),
        "sd_of_a_day": _amount(assumed.sd, config, assumed),
        "autocorrelation": assumed.noise.autocorrelation,
        "half_life_days": assumed.noise.half_life_days,
        "washout_days": config.washout_days,
        "trend_in_the_model": config.include_trend,
        "correlation": "taken as known, which is the best that can be hoped for",
    }


def _figures(compared: _Compared, config: NOf1Config) -> tuple[Figure, ...]:
    from pymc_vibes.stats.chart import bars

    names = [TITLES[name] for name in compared.found]
    unit = "sds of a day" if compared.assumed.is_unit_free else config.outcome_unit
    widths = [one.width for one in compared.found.values()]
    effect = _amount(compared.assumed.effect, config, compared.assumed)
    powers = [one.power for one in compared.found.values()]
    return (
        bars(
            "width_by_design",
            f"The interval is narrowest with {names[0]}",
            f"One bar per design: the expected width of the interval, from {plain(widths[0])} to "
            f"{plain(widths[-1])}.",
            labels=names, values=widths,
            x_label="expected width of the interval", unit=unit, x_format="plain",
        ),
        bars(
            "power_by_design",
            f"An effect of {effect} is found with {chance(min(powers))} to {chance(max(powers))} "
            "chance" if len(powers) > 1 else f"It is found with {chance(powers[0])} chance",
            f"One bar per design: the chance to find an effect of {effect}.",
            labels=names, values=powers, x_label=f"chance to find an effect of {effect}",
            x_domain=(0.0, 1.0),
        ),
    )  # fmt: skip


def _numbers(one: "Expected") -> dict[str, JsonValue]:
    return {
        "width": one.width,
        "narrowest": one.narrowest,
        "widest": one.widest,
        "power": one.power,
        "least_effect": _finite(one.detectable),
        "share_seen": one.share_seen,
        "analyzed_days": one.analyzed_days,
        "schedules": str(one.admissible),
        "compared": one.compared,
    }


def _finite(value: float) -> float | None:
    return value if value < 1e300 else None
