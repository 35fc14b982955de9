"""Draws are seeded per label, bounded, and come labeled."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest

from pymc_vibes.core.answer import Diagnostics
from pymc_vibes.core.errors import EntityNotFound, TooLarge
from pymc_vibes.core.posterior import MAX_DRAWS, Posterior, Variable, stream


class Normal:
    """Standard normals, one per label: enough of a distribution to draw from."""

    def __init__(self, count: int) -> None:
        self.count = count

    def mean(self) -> np.ndarray:
        return np.zeros(self.count)

    def sd(self) -> np.ndarray:
        return np.ones(self.count)

    def quantile(self, q: float) -> np.ndarray:
        return np.full(self.count, q)

    def hdi(self, mass: float) -> tuple[np.ndarray, np.ndarray]:
        return np.full(self.count, -mass), np.full(self.count, mass)

    def pdf(self, index: int, x: np.ndarray) -> np.ndarray:
        return np.exp(-(x**2) / 2) + 0 * index

    def sample(self, index: int, n: int, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(size=n) + 0 * index

    def parameters(self) -> Mapping[str, np.ndarray]:
        return {"mu": self.mean()}


def posterior(*labels: str) -> Posterior:
    rate = Variable(
        name="rate",
        dim="cohort",
        labels=labels,
        unit="events per day",
        distribution=Normal(len(labels)),
    )
    return Posterior(
        method="exact",
        variables=(rate,),
        cells=pa.table({"k": list(range(len(labels)))}),
        diagnostics=Diagnostics(method="exact"),
    )


def test_one_seed_gives_different_cohorts_independent_draws() -> None:
    draws = posterior("a", "b").draw(20_000, seed=1)["rate"]
    correlation = np.corrcoef(draws[:, 0], draws[:, 1])[0, 1]
    # the standard error of a zero correlation is 1/sqrt(n); 6 of them: false alarm 2e-9
    assert abs(correlation) < 6 / np.sqrt(20_000)


def test_a_cohort_draws_the_same_whatever_stands_beside_it() -> None:
    alone = posterior("b").draw(10, seed=3)["rate"][:, 0]
    among = posterior("a", "b", "c").draw(10, seed=3)["rate"][:, 1]
    assert np.array_equal(alone, among)


def test_a_seed_is_a_promise_and_another_seed_another_draw() -> None:
    first, again, other = (stream(seed, "rate", "a").random() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_names_are_not_joined_into_one_stream() -> None:
    assert stream(1, "ab", "c").random() != stream(1, "a", "bc").random()


def test_selected_labels_only() -> None:
    draws = posterior("a", "b", "c").draw(5, seed=1, select={"rate": ["c", "a"]})
    assert draws["rate"].shape == (5, 2)


def test_an_unknown_label_is_named_with_near_misses() -> None:
    with pytest.raises(EntityNotFound, match="batch-2104") as caught:
        posterior("batch-2014").sample("rate", "batch-2104", 10, seed=1)
    assert "batch-2014" in (caught.value.hint or "")


def test_too_many_draws_are_refused() -> None:
    with pytest.raises(TooLarge):
        posterior("a").sample("rate", "a", MAX_DRAWS + 1, seed=1)


def test_a_million_cohorts_never_become_a_million_columns() -> None:
    labels = tuple(str(number) for number in range(1_000_000))
    with pytest.raises(TooLarge, match="name the labels"):
        posterior(*labels).draw(5_000, seed=1)


def test_the_tree_names_its_dimensions_and_units() -> None:
    tree = posterior("a", "b").tree(7, seed=1)
    rate = tree["posterior"]["rate"]
    assert rate.dims == ("chain", "draw", "cohort")
    assert rate.attrs["unit"] == "events per day"
    assert tree["exact"]["rate"].sel(statistic="sd", cohort="b").item() == 1
    assert list(tree["observed_data"]["k"].values) == [0, 1]
