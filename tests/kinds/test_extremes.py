"""Words, colors and numbers agree at counts, priors and levels far from the usual."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from scipy import stats

from pymc_vibes.core.answer import QueryAnswer, Summary
from pymc_vibes.core.config import parse
from pymc_vibes.core.errors import BadConfig
from pymc_vibes.core.figure import Figure
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.core.run import NOBODY
from pymc_vibes.kinds.bernoulli import kind as proportions
from pymc_vibes.kinds.poisson_cohorts import kind as rates
from tests.kinds.rate_worlds import START, analyze, ask, fitted, table_of

COUNTS = [(0, 0), (1, 1), (0, 10**9), (10**9, 10**9), (7, 20), (10**11, 10**12)]
NAMES = ["A", "a", " A", "x · y", "p | q", "n" * 500, "\u05e9\u200e\u05dc", "\U0001f389"]


def shown(told: Summary | Figure | QueryAnswer) -> Iterator[float]:
    """Give every number of an answer."""
    waiting: list[Any] = [told.model_dump()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, float):
            yield value


def proportion(counts: dict[str, tuple[int, int]], **settings: Any) -> tuple[Posterior, Any]:
    config = parse(proportions.config, settings)
    cells = [{"group": g, "trials": n, "successes": y} for g, (y, n) in sorted(counts.items())]
    return proportions.fit(pa.Table.from_pylist(cells), config, NOBODY), config


def asked(slug: str, posterior: Posterior, config: Any, **given: Any) -> QueryAnswer:
    query = proportions.query(slug)
    answer: QueryAnswer = query.answer(posterior, config, parse(query.parameters, given))
    return answer


def agrees(answer: QueryAnswer) -> bool:
    (claim,) = answer.summary.claims
    found = next(e for e in answer.summary.estimates if e.name == "difference")
    assert found.interval is not None
    low, high = found.interval.low, found.interval.high
    assert low is not None
    assert high is not None
    tone = "higher" if low > 0 else "lower" if high < 0 else "undecided"
    assert answer.summary.decision is not None
    assert claim.tone == answer.summary.decision.tone == tone
    assert ("zero included" in answer.figures[-1].title) == (tone == "undecided")
    numbers = [*shown(answer), *(x for figure in answer.figures for x in shown(figure))]
    assert all(math.isfinite(number) for number in numbers)
    return True


@pytest.mark.parametrize("level", [0.5, 0.999])
@pytest.mark.parametrize("prior", [(1, 1), (0.02, 0.02), (1e9, 1e9)])
def test_chances_agree_with_themselves_at_any_count(level: float, prior: tuple[float, ...]) -> None:
    settings = {"level": level, "prior": {"kind": "shape", "a": prior[0], "b": prior[1]}}
    pairs = [*itertools.pairwise(COUNTS), (COUNTS[0], COUNTS[0])]
    for number, (first, second) in enumerate(pairs):
        name, other = NAMES[number % 8], NAMES[(number + 1) % 8]
        posterior, config = proportion({name: first, other: second, "more": (1, 2)}, **settings)
        assert agrees(asked("compare", posterior, config, a=name, b=other))


@pytest.mark.parametrize("level", [0.5, 0.999])
@pytest.mark.parametrize("alpha0", [1e-3, 0.5, 1e12])
def test_rates_agree_with_themselves_at_any_count(level: float, alpha0: float) -> None:
    counts = {"a": 0, "b": 0, "c": 1, "d": 3, "e": 10**12, "f": 10**12}
    posterior, config = fitted(counts, level=level, alpha0=alpha0, beta0=0)
    for first, second in itertools.pairwise(counts):
        query = rates.query("compare")
        parameters = parse(query.parameters, {"a": first, "b": second})
        assert agrees(query.answer(posterior, config, parameters))


@pytest.mark.parametrize("exposure", [1e-12, 1.5, 1e12])
def test_rates_agree_at_any_exposure(exposure: float) -> None:
    rows = [(START, "a", "x", 3, exposure), (START, "b", "x", 0, 1.0), (START, "c", "x", 5, 1e12)]
    posterior, config = analyze(table_of(rows), exposure="measured")
    for first, second in ("ab", "bc", "ac"):
        assert agrees(ask(posterior, config, "compare", a=first, b=second))


@pytest.mark.parametrize("counts", [(0, 10**12), (10**12, 10**12)])
@pytest.mark.parametrize("n", [1, 10, 1000])
def test_what_comes_next_is_drawn_even_where_it_is_all_but_certain(
    counts: tuple[int, int], n: int
) -> None:
    posterior, config = proportion({"only": counts})
    answer = asked("predict", posterior, config, n=n)
    sure = n if counts[0] else 0
    assert answer.data["interval"] == [sure, sure]
    assert answer.data["mean"] == pytest.approx(sure, abs=1e-6)


def test_a_prediction_from_very_many_trials_is_binomial() -> None:
    posterior, config = proportion({"only": (3 * 10**11, 10**12)})
    found = asked("predict", posterior, config, n=1000, at_least=310).data["p_at_least"]
    assert found == pytest.approx(stats.binom.sf(309, 1000, 0.3), rel=1e-6)


@pytest.mark.parametrize("prior", [{"mean": 1e-9, "effective_sample_size": 1}, {"a": 1e-3, "b": 1}])
def test_a_prior_too_thin_for_numbers_is_refused(prior: dict[str, float]) -> None:
    kind = "mean" if "mean" in prior else "shape"
    with pytest.raises(BadConfig, match=r"0\.02"):
        proportion({"only": (1, 2)}, prior={"kind": kind, **prior})
