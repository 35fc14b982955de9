"""The media mix that PyMC-Marketing can say too: our posterior is the one that it found.

`mix_oracle.json` holds data and its posterior; `python -m benchmarks.mix_oracle` makes it again,
and `python -m benchmarks mix` compares more brands side by side.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pymc_vibes.core.run import NOBODY
from pymc_vibes.stats import nuts
from pymc_vibes.stats.media_effects import MediaDraws, Window, contributions, returns
from pymc_vibes.stats.media_sampling import (
    MediaForm,
    MediaPriors,
    MediaSeries,
    SharedScaleEffects,
    brand_draws,
    brand_model,
    default_parameters,
)
from pymc_vibes.stats.media_transforms import MediaSpec, with_carry_in

SPEC = MediaSpec(max_lag=7)


@pytest.fixture(scope="module", autouse=True)
def samplers() -> Iterator[None]:
    """End all children."""
    yield
    nuts.shutdown()


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """Read what the peer was told and what it found."""
    path = Path(__file__).with_name("mix_oracle.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def fitted(brand: dict[str, Any]) -> tuple[MediaDraws, np.ndarray, float]:
    """Fit the same data by ours; give draws, activity with its carry-in, and the least ESS."""
    media = np.array(brand["media"])
    beside = np.column_stack([brand["columns"], brand["season"]])
    acted = with_carry_in(media[:0], media, SPEC.lags)
    form = MediaForm(
        channels=[f"m{c}" for c in range(media.shape[1])],
        columns=[f"column {c}" for c in range(beside.shape[1])],
        spec=SPEC,
        noise="normal",
    )
    priors = MediaPriors(
        parameters=default_parameters(SPEC),
        effects=SharedScaleEffects(0.5),
        column_sd=np.full(beside.shape[1], 0.3),
    )
    series = [MediaSeries(sales=np.array(brand["sales"]), activity=acted, columns=beside)]
    settings = nuts.SamplerSettings(draws=3000, seed=3)
    sampled = nuts.sample(brand_model(series, form, priors), settings, NOBODY)
    least = sampled.diagnostics.ess_bulk_min
    assert least is not None
    return brand_draws(sampled, series, form, priors)[0], acted, least


@pytest.mark.slow
def test_contributions_and_returns_are_those_of_pymc_marketing(known: dict[str, Any]) -> None:
    draws, acted, least = fitted(known["brand"])
    brought = contributions(draws, draws.terms(acted)).lost.sum(1)
    start, stop = known["window"]
    spend = np.array(known["brand"]["media"])[start:stop].sum(0)
    window = Window(activity=acted, start=start, stop=stop)

    roas = returns(draws, window, spend).mean(0)

    theirs = {name: np.array(values) for name, values in known["brought"].items()}
    assert abs(brought.sum(1).mean() / theirs["mean"].sum() - 1) < 0.05
    np.testing.assert_allclose(roas, known["roas"], rtol=0.10)
    # means of both are known to one part in the root of their effective draws
    sd = brought.std(0)
    error = sd * np.hypot(least**-0.5, known["effective"] ** -0.5)
    assert np.max(np.abs(brought.mean(0) - theirs["mean"]) / error) < 5
    # an end of 90 % is known about twice as badly as a mean, in a long tail three times
    ends = np.quantile(brought, [0.05, 0.95], axis=0)
    off = np.abs(ends - [theirs["low"], theirs["high"]]) / (3 * error)
    assert np.max(off) < 5
