"""Posteriors of chains: their numbers, their joint draws, and their way to disk and back."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
from scipy import stats

from pymc_vibes.core.answer import Attempt, Diagnostics
from pymc_vibes.core.posterior import Posterior, stream
from pymc_vibes.stats.describe import estimate, monte_carlo_errors
from pymc_vibes.stats.draws import Draws, from_tree, sampled_posterior, to_tree
from pymc_vibes.stats.nuts import Sampled

SHAPES = (2.0, 20.0, 0.8)


def gamma_draws() -> Draws:
    rng = np.random.default_rng(3)
    return Draws(np.stack([rng.gamma(shape, size=(4, 2000)) for shape in SHAPES], axis=2))


def posterior() -> Posterior:
    rng = np.random.default_rng(4)
    scale = rng.gamma(5, size=(4, 500))
    chains = xr.Dataset(
        {
            "rate": (("chain", "draw", "cohort"), scale[..., None] * np.array([1.0, 2.0])),
            "scale": (("chain", "draw"), scale),
            "shift": (("chain", "draw"), scale - 3),
            "unused": (("chain", "draw", "a", "b"), np.zeros((4, 500, 2, 2))),
        },
        coords={"cohort": ["north", "söuth"]},
    )
    sampler = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((4, 500), dtype=bool))})
    attempt = Attempt(settings={"form": "centered", "seed": 1}, verdict="good", seconds=0.5)
    sampled = Sampled(
        tree=xr.DataTree.from_dict({"posterior": chains, "sample_stats": sampler}),
        diagnostics=Diagnostics(method="nuts", r_hat_max=1.001, attempts=(attempt,)),
    )
    return sampled_posterior(
        sampled,
        cells=pa.table({"cohort": ["north", "söuth"], "k": [1, 2]}),
        constants={"per": "day", "window": [1.5, None]},
        units={"scale": "", "rate": "events per day", "shift": ""},
    )


def test_means_lie_within_their_errors() -> None:
    draws = gamma_draws()

    assert np.all(np.abs(draws.mean() - SHAPES) < 6 * draws.mcse())
    assert draws.mcse() == pytest.approx(np.sqrt(SHAPES) / np.sqrt(8000), rel=0.2)
    assert draws.parameters()["mcse"].tolist() == draws.mcse().tolist()


@pytest.mark.parametrize("shape", [(1, 4000, 1), (4, 5, 1)], ids=["one chain", "a few draws"])
def test_draws_of_another_making_and_short_chains_tell_no_error(
    shape: tuple[int, int, int],
) -> None:
    draws = Draws(np.random.default_rng(5).normal(size=shape))

    assert estimate("x", "x", draws, level=0.9).mcse is None


def test_a_number_that_does_not_move_has_no_error_to_tell() -> None:
    assert monte_carlo_errors(Draws(np.full((4, 100, 1), np.inf)), 1) == (None,)


def test_quantiles_and_tails_are_shares_of_the_draws() -> None:
    draws = gamma_draws()
    median = draws.quantile(0.5)

    shares = [float(draws.cdf(i, median[i])) for i in range(3)]
    assert shares == pytest.approx([0.5] * 3)
    assert draws.above(median) == pytest.approx([0.5] * 3)
    assert draws.above(1e9).tolist() == [0, 0, 0]


def test_no_interval_of_that_mass_is_shorter_than_the_highest_density_one() -> None:
    draws = gamma_draws()

    low, high = draws.hdi(0.9)

    held = ((draws.rows >= low) & (draws.rows <= high)).mean(axis=0)
    assert held == pytest.approx([0.9] * 3, abs=1 / 8000)
    assert np.all(high - low <= draws.quantile(0.95) - draws.quantile(0.05))


def test_densities_of_positive_quantities_end_at_zero_and_integrate_to_one() -> None:
    draws = Draws(gamma_draws().values, "positive")
    x = np.linspace(-1, 60, 20_001)

    for i in range(3):
        density = draws.pdf(i, x)
        assert np.trapezoid(density, x) == pytest.approx(1, abs=2e-3)  # of the grid, not of draws
        assert density[x < 0].max() == 0


def test_a_density_does_not_dip_at_a_bound() -> None:
    values = np.random.default_rng(8).exponential(size=(4, 5000, 1))

    at_zero = Draws(values, "positive").pdf(0, np.array([0.0]))[0]

    assert at_zero == pytest.approx(1, abs=0.15)  # a bare kernel would give one half


def test_shares_are_folded_at_both_ends() -> None:
    values = np.random.default_rng(8).uniform(size=(4, 5000, 1))

    heights = Draws(values, "unit").pdf(0, np.array([-0.1, 0.0, 1.0, 1.1]))

    assert heights == pytest.approx([0, 1, 1, 0], abs=0.15)


def test_a_constant_has_a_finite_density() -> None:
    assert np.isfinite(Draws(np.zeros((2, 10, 1))).pdf(0, np.array([0.0, 1.0]))).all()


def test_a_selection_keeps_numbers_and_support() -> None:
    draws = Draws(gamma_draws().values, "positive")

    taken = draws.take([2, 0])

    assert (len(taken), taken.support) == (2, "positive")
    assert taken.quantile(0.3).tolist() == draws.quantile(0.3)[[2, 0]].tolist()


def test_draws_are_those_of_the_chains() -> None:
    draws = gamma_draws()

    sample = draws.sample(1, 8000, stream(1, "x"))

    assert sorted(sample) == draws.ordered[1].tolist()
    assert len(draws.sample(1, 9000, stream(1, "x"))) == 9000


def test_rows_belong_together_across_variables_labels_and_calls() -> None:
    made = posterior()

    everything = made.draw(300, seed=9)
    alone = made.draw(300, seed=9, select={"rate": ["söuth"]})

    assert everything["rate"][:, 0].tolist() == everything["scale"][:, 0].tolist()
    assert everything["rate"][:, 1].tolist() == (2 * everything["scale"][:, 0]).tolist()
    assert alone["rate"][:, 0].tolist() == everything["rate"][:, 1].tolist()


def test_variables_carry_their_units_labels_and_supports() -> None:
    made = posterior()

    described = [(v.name, v.dim, v.labels, v.unit) for v in made.variables]
    assert described == [
        ("scale", None, ("scale",), ""),
        ("rate", "cohort", ("north", "söuth"), "events per day"),
        ("shift", None, ("shift",), ""),
    ]
    supports = [v.distribution.support for v in made.variables if isinstance(v.distribution, Draws)]
    assert supports == ["positive", "positive", "real"]


def test_the_tree_holds_the_chains_as_they_were_sampled() -> None:
    tree = posterior().tree(10, seed=1)

    assert dict(tree["posterior"].sizes)["draw"] == 500
    assert tree["posterior"]["rate"].attrs["unit"] == "events per day"
    assert {"posterior", "sample_stats", "observed_data"} <= set(tree.children)


def test_a_stored_posterior_comes_back_as_it_was(tmp_path: Path) -> None:
    made = posterior()
    path = tmp_path / "posterior.nc"

    to_tree(made).to_netcdf(path)
    with xr.open_datatree(path) as stored:
        back = from_tree(stored, made.cells)

    assert (back.method, back.diagnostics) == (made.method, made.diagnostics)
    assert (back.constants, back.cells) == (made.constants, made.cells)
    assert [(v.name, v.dim, v.labels, v.unit) for v in back.variables] == [
        (v.name, v.dim, v.labels, v.unit) for v in made.variables
    ]
    mine, theirs = made.draw(100, seed=2), back.draw(100, seed=2)
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    grid = np.linspace(0, 10, 50)
    densities = [p["shift"].distribution.pdf(0, grid) for p in (made, back)]
    assert densities[0].tolist() == densities[1].tolist()


def test_a_posterior_without_chains_cannot_be_stored() -> None:
    bare = Posterior(
        method="exact",
        variables=(),
        cells=pa.table({}),
        diagnostics=Diagnostics(method="exact"),
    )

    with pytest.raises(ValueError, match="sampled"):
        to_tree(bare)


def test_the_mean_of_correlated_chains_is_less_certain() -> None:
    noise = np.random.default_rng(11).standard_normal((4, 2000, 2))
    values = noise.copy()
    for t in range(1, 2000):
        values[:, t, 0] = 0.9 * values[:, t - 1, 0] + noise[:, t, 0]

    slow, fast = Draws(values).mcse() / Draws(values).sd()

    inflation = np.sqrt((1 + 0.9) / (1 - 0.9))  # of an autoregression of order one
    assert slow / fast == pytest.approx(inflation, rel=0.25)


def test_quantiles_agree_with_the_distribution_that_was_drawn_from() -> None:
    draws = gamma_draws()

    for q in (0.1, 0.5, 0.9):
        exact = stats.gamma(SHAPES).ppf(q)
        error = np.sqrt(q * (1 - q) / 8000) / stats.gamma(SHAPES).pdf(exact)
        assert np.all(np.abs(draws.quantile(q) - exact) < 6 * error)
