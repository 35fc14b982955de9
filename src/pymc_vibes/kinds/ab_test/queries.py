"""Further questions to an A/B test."""

from pymc_vibes.core.answer import Claim, QueryAnswer, Summary, Table
from pymc_vibes.core.config import Parameters, setting
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.kind import PosteriorQuery
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.ab_test import words
from pymc_vibes.kinds.ab_test.answer import estimates_of, rate_estimate
from pymc_vibes.kinds.ab_test.config import ABTestConfig
from pymc_vibes.kinds.ab_test.fit import RATE_UNIT
from pymc_vibes.kinds.ab_test.pictures import curve_of, rate_curves
from pymc_vibes.kinds.ab_test.reading import Reading, compare
from pymc_vibes.stats.decide import chance
from pymc_vibes.stats.describe import percent


class Pair(Parameters):
    """Two variants."""

    a: str = setting(..., "The variant to compare with.", min_length=1, max_length=500)
    b: str = setting(..., "The variant that is compared.", min_length=1, max_length=500)


class Margin(Parameters):
    """A treatment and how much higher it must be."""

    treatment: str | None = setting(
        None, "The treatment; may be left out where there is one.", min_length=1, max_length=500
    )
    by: float = setting(
        0.0, "How much higher than the control's its rate must be.", unit=RATE_UNIT, gt=-1, lt=1
    )


class NoParameters(Parameters):
    """Nothing to choose."""


def compare_two(posterior: Posterior, config: ABTestConfig, asked: Pair) -> QueryAnswer:
    """Compare any two variants."""
    reading = Reading(posterior=posterior, config=config)
    known = posterior["rate"]
    if known.index(asked.a) == known.index(asked.b):
        raise BadConfig("Compare two different variants.", hint=f"They are: {_names(reading)}.")
    comparison = compare(reading, asked.b, asked.a)
    pair = (asked.a, asked.b)
    told = (
        words.split_sentence(reading)
        if reading.split.broken
        else f"{words.verdict(config, comparison)} {words.cost_of_being_wrong(reading, comparison)}"
    )
    return QueryAnswer(
        summary=Summary(
            headline=told,
            estimates=(
                *(rate_estimate(reading, v) for v in pair),
                *estimates_of(comparison, config),
            ),
            claims=(comparison.claim,),
            findings=words.findings(reading),
        ),
        figures=(rate_curves(reading, pair), curve_of(comparison, config)),
        data={
            "a": asked.a, "b": asked.b, "tone": comparison.tone,
            "probability_b_greater": comparison.p_greater,
            "probability_same": comparison.p_same,
            "expected_loss": {asked.a: comparison.base_loss, asked.b: comparison.loss},
        },
    )  # fmt: skip


def exceeds(posterior: Posterior, config: ABTestConfig, asked: Margin) -> QueryAnswer:
    """Give the chance that a treatment's rate exceeds the control's by a margin."""
    reading = Reading(posterior=posterior, config=config)
    treatment = _treatment(reading, asked.treatment)
    comparison = compare(reading, treatment, reading.control)
    probability = min(max(comparison.difference.probability_above(asked.by), 0.0), 1.0)
    text = (
        f"the rate of {treatment} is more than {percent(asked.by)} (absolute) above that of "
        f"{reading.control}"
    )
    return QueryAnswer(
        summary=Summary(
            headline=f"{chance(probability)} chance that {text}.",
            estimates=estimates_of(comparison, config),
            claims=(Claim(text=text, probability=probability),),
            findings=words.findings(reading),
        ),
        figures=(curve_of(comparison, config),),
        data={"treatment": treatment, "by": asked.by, "probability": probability},
    )


def losses(posterior: Posterior, config: ABTestConfig, asked: NoParameters) -> QueryAnswer:
    """Give what choosing each variant is expected to lose against the best of all."""
    from pymc_vibes.stats.best import best_of

    del asked  # there is nothing to choose
    reading = Reading(posterior=posterior, config=config)
    best = best_of(reading.rate, config.direction)
    labels = posterior["rate"].labels
    order = sorted(range(len(labels)), key=lambda i: (float(best.expected_loss[i]), labels[i]))
    rows = tuple(
        (labels[i], float(best.probability[i]), float(best.expected_loss[i])) for i in order
    )
    least = labels[order[0]]
    told = f"{least} costs the least: {words.cost_per_thousand(rows[0][2])} in expectation."
    return QueryAnswer(
        summary=Summary(
            headline=words.split_sentence(reading) if reading.split.broken else told,
            findings=words.findings(reading),
            tables=(
                Table(
                    name="losses",
                    title="Expected loss of choosing each variant",
                    columns=("variant", "chance_best", "expected_loss"),
                    units=("", "", RATE_UNIT),
                    rows=rows,
                ),
            ),
        ),
        data={"expected_loss": {name: loss for name, _, loss in rows}},
    )


def _treatment(reading: Reading, name: str | None) -> str:
    treatments = reading.variants[1:]
    if name is None and len(treatments) == 1:
        return treatments[0]
    if name is None or name == reading.control:
        raise BadConfig(
            "Say which treatment is meant.", hint=f"They are: {', '.join(treatments[:20])}.",
            fields=[{"field": "treatment", "reason": "must name one treatment"}],
        )  # fmt: skip
    return reading.posterior["rate"].labels[reading.posterior["rate"].index(name)]


def _names(reading: Reading) -> str:
    return ", ".join(reading.variants[:20])


QUERIES = (
    PosteriorQuery[ABTestConfig, Pair](
        slug="compare", title="Compare two variants", parameters=Pair, answer=compare_two,
        about="Chance that b is higher than a, their difference and relative lift, and what "
        "choosing either is expected to lose.",
    ),
    PosteriorQuery[ABTestConfig, Margin](
        slug="exceeds", title="Is it better by enough?", parameters=Margin, answer=exceeds,
        about="Chance that a treatment's rate is above the control's by more than a margin.",
    ),
    PosteriorQuery[ABTestConfig, NoParameters](
        slug="loss", title="What does each choice cost?", parameters=NoParameters, answer=losses,
        about="Expected loss of choosing each variant, against the best of them.",
    ),
)  # fmt: skip
