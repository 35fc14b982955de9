"""A world of entities: its truth drawn from the prior, and the counts of its windows."""

from typing import TYPE_CHECKING, Any

from pymc_vibes.kinds.entity_rates.priors import draw_population
from pymc_vibes.kinds.entity_rates.settings import PERSISTENCE, STEP, EntityConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa
    import xarray as xr

ENTITIES = tuple(f"host-{number:02d}" for number in range(1, 13))
EFFECTS = ("x_load", "x_night")
LEAST = 1e-300  # a rate below it has no logarithm


def truth(config: EntityConfig, rng: "np.random.Generator") -> "xr.Dataset":
    """Draw a population, and from it a rate for each of twelve entities."""
    import numpy as np
    import xarray as xr

    drawn: dict[str, Any] = {k: v[0] for k, v in draw_population(config.prior, 1, rng).items()}
    shape = drawn["mu"] * drawn["alpha"]
    theta = rng.gamma(shape, 1 / drawn["alpha"], size=len(ENTITIES))
    drawn["theta"] = ("entity", np.maximum(theta, LEAST), {"unit": config.unit})
    coords = {"entity": np.array(ENTITIES, dtype=object)}
    if config.covariates:
        drawn["effect"] = ("covariate", rng.normal(0, config.effect_prior_sd, size=len(EFFECTS)))
        coords["covariate"] = np.array(EFFECTS, dtype=object)
    drawn |= _extended(config, rng)
    attrs = {
        "exposure": config.exposure or "window",
        "step_seconds": STEP[config.window or "day"],
        "fills": int(config.fills),
    }
    return xr.Dataset(drawn, coords=coords, attrs=attrs)


def _extended(config: EntityConfig, rng: "np.random.Generator") -> dict[str, float]:
    """Draw what the extensions that are switched on know beside the rates."""
    drawn = {}
    if config.zero_inflation:
        drawn["zero_share"] = rng.beta(*config.zero_share_shapes)
    if config.autoregression:
        drawn["persistence"] = rng.beta(*PERSISTENCE)
        drawn["drift_sd"] = abs(rng.normal(0, config.drift_prior_sd))
    if config.sizes:
        level, sd = config.size_prior
        drawn["size_level"] = rng.normal(level, sd)
        drawn["size_spread"] = abs(rng.normal(0, sd))
        drawn["size_noise"] = abs(rng.normal(0, sd))
        drawn["size_link"] = rng.normal()
    return drawn


def simulate(truth: "xr.Dataset", size: int, rng: "np.random.Generator") -> "pa.Table":
    """Make counts of about `size` windows, the same ones for every entity.

    A count of 0 has a row only where nothing else would tell of the entity or of the window, or
    where the row carries more than the count.
    """
    import numpy as np

    entities = truth.sizes["entity"]
    windows = max(1, round(size / entities))
    shape = (entities, windows)
    rate = np.repeat(truth["theta"].to_numpy()[:, None], windows, axis=1)
    columns: dict[str, np.ndarray] = {}
    if truth.attrs["exposure"] == "measured":
        columns["exposure"] = np.round(rng.gamma(4.0, 0.25, size=shape), 6) + 1e-6
        rate = rate * columns["exposure"]
    if "effect" in truth:
        x = standard(rng.normal(size=(*shape, truth.sizes["covariate"])))
        rate = rate * np.exp(x @ truth["effect"].to_numpy())
        columns |= {str(name): x[..., i] for i, name in enumerate(truth["covariate"].to_numpy())}
    if "drift_sd" in truth:
        rate = rate * np.exp(_drift(truth, shape, rng))
    phi = float(truth["phi"])
    count = rng.poisson(np.minimum(rate * rng.gamma(phi, 1 / phi, size=shape), 1e8))
    if "zero_share" in truth:
        count[rng.random(shape) < float(truth["zero_share"])] = 0
    if "size_level" in truth:
        columns["bytes"] = _bytes(truth, count, rng)
    kept = count > 0
    kept[0], kept[:, 0] = True, True
    if not truth.attrs["fills"]:
        kept[:] = True
    return _rows(truth, kept, count, columns)


def _rows(
    truth: "xr.Dataset",
    kept: "np.ndarray",
    count: "np.ndarray",
    columns: "Mapping[str, np.ndarray]",
) -> "pa.Table":
    """Give the rows of the windows that are kept, entity by entity."""
    import numpy as np
    import pyarrow as pa

    who, when = np.nonzero(kept)
    begin = np.datetime64("2024-01-01T00:00:00", "us")
    step = np.timedelta64(truth.attrs["step_seconds"], "s")
    more = {name: pa.array(values[kept], from_pandas=True) for name, values in columns.items()}
    return pa.table(
        {
            "window_start": pa.array(begin + when * step),
            "entity": pa.array(truth["entity"].to_numpy()[who], pa.string()),
            "count": pa.array(count[kept], pa.int64()),
            **more,
        }
    )


def standard(x: "np.ndarray") -> "np.ndarray":
    """Scale every covariate (the last axis) to mean 0 and sd 1 over all windows."""
    import numpy as np

    flat = x.reshape(-1, x.shape[-1])
    sd = flat.std(axis=0)
    return np.asarray((x - flat.mean(axis=0)) / np.where(sd > 0, sd, 1.0))


def _drift(truth: "xr.Dataset", shape: tuple[int, int], rng: "np.random.Generator") -> "np.ndarray":
    import numpy as np

    keep, sd = float(truth["persistence"]), float(truth["drift_sd"])
    white = rng.normal(size=shape)
    drift = white.copy()
    for step in range(1, shape[1]):
        drift[:, step] = keep * drift[:, step - 1] + np.sqrt(1 - keep**2) * white[:, step]
    return np.asarray(sd * drift - sd**2 / 2)


def _bytes(truth: "xr.Dataset", count: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    """Give bytes per window: an entity's own size of an event times the number of events."""
    import numpy as np

    theta, mu = truth["theta"].to_numpy(), float(truth["mu"])
    mean = truth["size_level"].item() + truth["size_link"].item() * np.log(
        np.maximum(theta, LEAST) / mu
    )
    own = mean + float(truth["size_spread"]) * rng.normal(size=len(theta))
    each = own[:, None] + float(truth["size_noise"]) * rng.normal(size=count.shape)
    return np.where(count > 0, count * np.exp(each), np.nan)
