"""Engines without sampling against long runs of a sampler on the same PyMC model.

Every number of every variable counts: means, sds and five quantiles. A difference is measured in
Monte Carlo standard errors of the sampler, and 6 of them are allowed: with 115 numbers per data
set a false alarm has a chance below 3 in ten million. The root mean square over a family is 1
where nothing but sampling differs. Numbers of one run are dependent, so it is allowed between 0.6
and 1.5: an engine that is off by one standard error of a run of 40 000 draws everywhere (less than
a hundredth of an sd) is beyond.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from pymc_vibes.core.run import NOBODY
from pymc_vibes.stats import nuts
from pymc_vibes.stats.entity_hierarchy import EntityPrior
from pymc_vibes.stats.hierarchy import beta_binomial, gamma_poisson
from tests.calibration.agreement import Engine, root_mean_square, scores, worst
from tests.calibration.worlds import (
    CHANCES,
    ENTITIES,
    LONG,
    MEAN,
    RATES,
    SHAPE,
    SIZE,
    chance_model,
    entity_model,
    rate_model,
)
from tests.kinds.rate_worlds import analyze, measured
from tests.stats.entity_worlds import table

REFERENCE, SCALE_FREE = EntityPrior.reference(), EntityPrior.scale_free()

type Scores = Mapping[str, np.ndarray]


def rates(name: str) -> Scores:
    k, exposure = RATES[name]
    fit = gamma_poisson(k, exposure, shape=SHAPE, mean=MEAN)
    engine = {"alpha": fit.alpha, "mean": fit.mean, "beta": fit.beta, "rate": fit.rates}
    forms = [rate_model(k, exposure, form) for form in ("centered", "non-centered")]
    heavy = ("mean", "beta") if name != "dominant" else ()
    return compared(fit.error_estimate, engine, *forms, without_moments=heavy)


def chances(name: str) -> Scores:
    k, n = CHANCES[name]
    fit = beta_binomial(k, n, prior=SIZE)
    engine = {"alpha": fit.alpha, "mean": fit.mean, "beta": fit.beta, "chance": fit.chances}
    return compared(fit.error_estimate, engine, chance_model(k, n))


def reference(name: str) -> Scores:
    return entities(name, REFERENCE, ())


def scale_free(name: str) -> Scores:
    # alpha and phi have no mean under this prior, and the tail of mu is that of a wide lognormal
    return entities(name, SCALE_FREE, ("mu", "alpha", "phi"))


def entities(name: str, prior: EntityPrior, without_moments: tuple[str, ...]) -> Scores:
    fit = table(ENTITIES[name]).fit(prior)
    hyper = {n: getattr(fit, n) for n in ("mu", "alpha", "phi", "spread", "noise")}
    if prior is REFERENCE:
        hyper = {n: hyper[n] for n in ("mu", "alpha", "phi")}
    forms = [entity_model(ENTITIES[name], prior, form) for form in ("standardized", "centered")]
    engine = {**hyper, "theta": fit.rates}
    return compared(fit.error_estimate, engine, *forms, without_moments=without_moments)


def compared(
    error_estimate: float,
    engine: Engine,
    model: nuts.Model,
    other_form: nuts.Model | None = None,
    *,
    without_moments: tuple[str, ...] = (),
) -> Scores:
    sampled = nuts.sample(model, LONG, NOBODY, other_form=other_form)
    assert error_estimate < 1e-3
    assert sampled.diagnostics.verdict == "good", sampled.diagnostics.reasons
    return scores(engine, sampled.tree["posterior"], without_moments=without_moments)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compare", "data"),
    [(rates, RATES), (chances, CHANCES), (reference, ENTITIES), (scale_free, ENTITIES)],
    ids=["rates", "chances", "entities, reference", "entities, scale-free"],
)
def test_nothing_but_sampling_differs(
    compare: Callable[[str], Scores], data: Mapping[str, object]
) -> None:
    found = {name: compare(name) for name in data}

    assert {name: z for name, z in map_worst(found).items() if z[0] > 6} == {}
    assert 0.6 < root_mean_square(list(found.values())) < 1.5


def map_worst(found: Mapping[str, Scores]) -> dict[str, tuple[float, str]]:
    return {name: worst(z) for name, z in found.items()}


def test_chances_agree_with_a_sampler() -> None:
    assert worst(chances("sparse"))[0] < 6


@pytest.mark.slow
def test_where_a_sampler_does_not_converge_it_says_so_and_quadrature_answers() -> None:
    """One window in each of 200 entities: nothing separates spread between from noise within."""
    rng = np.random.default_rng(4)
    theta = rng.gamma(1.5, 2.0, 200)
    counts = [[int(y)] for y in rng.poisson(theta * rng.gamma(2, 0.5, 200))]
    short = nuts.SamplerSettings(draws=300, tune=300, seed=4)

    fit = table(counts).fit(REFERENCE)
    forms = [entity_model(counts, REFERENCE, form) for form in ("centered", "non-centered")]
    found = nuts.sample(forms[0], short, NOBODY, other_form=forms[1]).diagnostics

    assert fit.error_estimate < 1e-3
    assert found.verdict != "good"
    assert found.reasons
    assert len(found.attempts) > 1
    assert all(attempt.verdict != "good" for attempt in found.attempts)


@pytest.mark.slow
def test_where_quadrature_refuses_the_answer_is_sampled_and_says_why() -> None:
    """Under priors this wide the population of two cohorts may be almost anything."""
    wide = {"shape_log_sd": 10.0, "mean_log_sd": 10.0, "tune": 100, "chains": 2, "draws": 1000}
    rows = [("a", 5, 1.0), ("b", 56, 2.0)]

    posterior, _ = analyze(
        measured(rows, "failure"), model="hierarchical", exposure="measured", **wide
    )

    assert posterior.method == "nuts"
    assert "quadrature would not have been accurate enough" in str(posterior.diagnostics.why)
    assert posterior.diagnostics.verdict == "problem"
