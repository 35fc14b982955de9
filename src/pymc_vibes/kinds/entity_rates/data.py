"""From cells to the arrays of a model: sums per entity, or one entry per window."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pymc_vibes.core.errors import BadConfig, InsufficientData, TooLarge
from pymc_vibes.kinds.entity_rates.cells import MOST_CELLS, covariates
from pymc_vibes.kinds.entity_rates.settings import PERSISTENCE, EntityConfig

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pymc as pm

MOST_DRIFTS = 20_000  # entities times windows whose drift is sampled: each is a parameter


@dataclass(frozen=True, eq=False)
class Counts:
    """Cells as arrays; entities are in the order of their names."""

    cells: "pa.Table"

    @cached_property
    def _entities(self) -> "tuple[tuple[str, ...], np.ndarray]":
        import numpy as np

        encoded = self.cells["entity"].combine_chunks().dictionary_encode()
        names = np.array(encoded.dictionary.to_pylist(), dtype=object)
        order = np.argsort(names, kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return tuple(names[order].tolist()), place[encoded.indices.to_numpy()]

    @property
    def labels(self) -> tuple[str, ...]:
        """Name the entities."""
        return self._entities[0]

    @property
    def who(self) -> "np.ndarray":
        """Give the entity of every cell, as an index."""
        return self._entities[1]

    def column(self, name: str) -> "np.ndarray":
        """Give a column as floats; what is missing is NaN."""
        import numpy as np

        return np.asarray(self.cells[name].to_numpy(zero_copy_only=False), dtype=float)

    @cached_property
    def count(self) -> "np.ndarray":
        """Give the count of every cell."""
        return self.column("count")

    @cached_property
    def windows(self) -> "np.ndarray":
        """Give the number of windows of every cell."""
        return self.column("windows")

    def per_entity(self, values: "np.ndarray") -> "np.ndarray":
        """Sum values of cells per entity."""
        import numpy as np

        return np.bincount(self.who, weights=values, minlength=len(self.labels))

    @cached_property
    def total(self) -> "np.ndarray":
        """Give the sum of every entity's counts."""
        return self.per_entity(self.count * self.windows)

    @cached_property
    def observed(self) -> "np.ndarray":
        """Give the number of every entity's windows."""
        return self.per_entity(self.windows)

    @cached_property
    def zeros(self) -> "np.ndarray":
        """Give the number of every entity's windows without an event."""
        return self.per_entity(self.windows * (self.count == 0))

    @cached_property
    def exposed(self) -> "np.ndarray":
        """Give every entity's exposure: measured, or its number of windows."""
        if "exposure" not in self.cells.column_names:
            return self.observed
        exposure = self.column("exposure")
        import numpy as np

        if np.isnan(exposure[self.windows > 0]).any():
            return self.observed
        return self.per_entity(np.nan_to_num(exposure) * self.windows)

    @cached_property
    def histogram(self) -> "tuple[np.ndarray, np.ndarray]":
        """Give the distinct counts, and how many windows of all entities have each."""
        import numpy as np

        values, place = np.unique(self.count, return_inverse=True)
        return values, np.bincount(place, weights=self.windows, minlength=len(values))


def check(counts: Counts, config: EntityConfig) -> None:
    """Raise what keeps the cells from being fitted."""
    import pyarrow.compute as pc

    if counts.cells.num_rows == 0 or counts.windows.sum() == 0:
        raise InsufficientData(
            "There is no count in the period of the analysis.",
            hint="Upload rows with entity, window_start and count, or choose a longer period.",
        )
    if len(pc.unique(pc.drop_null(counts.cells["clock"]))) > 1:
        raise BadConfig(
            "Some rows have window_start and others only a number of the window.",
            hint="Give start and end, or set window: rows without a time are then left out.",
            fields=[{"field": "window", "reason": "the windows are of two kinds"}],
        )
    _check_extensions(counts, config)


def _check_extensions(counts: Counts, config: EntityConfig) -> None:
    import numpy as np

    if counts.cells.num_rows > MOST_CELLS and config.by_window:
        raise TooLarge(
            f"{', '.join(config.extensions)} must see every window of every entity, and there are "
            f"more than {MOST_CELLS:,}.",
            hint="Choose a shorter period or longer windows, or switch the extension off.",
            limit=MOST_CELLS,
        )
    bare = int(counts.column("bare").sum()) if config.measured else 0
    if bare:
        raise BadConfig(
            f"{bare:,} rows have no exposure, so it cannot be taken as measured.",
            hint="Set exposure to window, or choose a period in which every row has one.",
            fields=[{"field": "exposure", "reason": "the data are not measured throughout"}],
        )
    if config.covariates:
        _check_covariates(counts)
    if config.sizes and not (np.nan_to_num(counts.column("bytes")) > 0).any():
        raise InsufficientData(
            "No window has bytes, so they cannot be modeled.",
            hint="Upload rows with a column bytes, or switch sizes off.",
        )


def _check_covariates(counts: Counts) -> None:
    import numpy as np

    names = covariates(counts.cells.column_names)
    if not names:
        raise InsufficientData(
            "There is no covariate: no column's name begins with x_.",
            hint="Upload columns such as x_load, or switch covariates off.",
        )
    for name in names:
        known = counts.column(name)[counts.windows > 0]
        if np.isnan(known).any():
            raise BadConfig(
                f"{int(np.isnan(known).sum()):,} windows have no {name}.",
                hint="Give every row a value of every covariate, or switch covariates off.",
                fields=[{"field": "covariates", "reason": f"{name} is not complete"}],
            )
        if np.ptp(known) == 0:
            raise BadConfig(
                f"{name} is the same in every window, so its effect cannot be seen.",
                hint="Leave the column out, or switch covariates off.",
                fields=[{"field": "covariates", "reason": f"{name} does not vary"}],
            )


def scaling(counts: Counts) -> "tuple[list[str], np.ndarray, np.ndarray]":
    """Give the covariates, their means and their sds over all observed windows."""
    import numpy as np

    names = covariates(counts.cells.column_names)
    x = np.column_stack([counts.column(name)[counts.windows > 0] for name in names])
    return names, x.mean(axis=0), x.std(axis=0)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a model builder is given."""

    function: str
    options: Mapping[str, Any]
    data: "Mapping[str, np.ndarray]"
    coords: Mapping[str, tuple[str, ...]]


def inputs(counts: Counts, config: EntityConfig, *, by_row: bool) -> Inputs:
    """Give the arrays, options and labels of the model of these cells."""
    import numpy as np

    numbers = {f"{name}_prior": np.array(two) for name, two in config.prior.numbers().items()}
    options: dict[str, Any] = {"families": config.prior.families(), "form": config.form}
    coords: dict[str, tuple[str, ...]] = {"entity": counts.labels}
    if config.zero_inflation:
        options["zero_inflation"] = True
        numbers["zero_share_prior"] = np.array(config.zero_share_shapes)
    if config.sizes:
        options["sizes"] = True
        numbers |= {"size_prior": np.array(config.size_prior), **_sizes(counts)}
    if not by_row:
        values, many = counts.histogram
        sums = {"total": counts.total, "windows": counts.observed, "values": values, "counts": many}
        zeros = {"zeros": counts.zeros} if config.zero_inflation else {}
        return Inputs("sufficient", options, {**sums, **zeros, **numbers}, coords)
    rows, more = _rows(counts, config)
    options |= {"covariates": config.covariates, "measured": config.measured}
    options["drift"] = config.autoregression
    numbers.setdefault("sized", np.zeros(len(counts.labels)))
    return Inputs("row_by_row", options, {**rows, **numbers}, {**coords, **more})


def _rows(
    counts: Counts, config: EntityConfig
) -> "tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]":
    """Give one entry per window; cells of several windows are repeated."""
    import numpy as np

    at = np.repeat(np.arange(counts.cells.num_rows), counts.windows.astype(int))
    data = {"entity_idx": counts.who[at], "y_obs": counts.count[at]}
    coords: dict[str, tuple[str, ...]] = {}
    if config.measured:
        data["exposure"] = counts.column("exposure")[at]
    if config.covariates:
        names, mean, sd = scaling(counts)
        x = np.column_stack([counts.column(name)[at] for name in names])
        data |= {"x": (x - mean) / sd, "effect_prior": np.array([config.effect_prior_sd])}
        coords["covariate"] = tuple(names)
    if config.autoregression:
        place = counts.column("place")[at].astype(np.int64)
        steps = int(place.max()) + 1
        _check_drifts(len(counts.labels) * steps)
        data |= {"place": place, "steps": np.arange(steps, dtype=float)}
        data["drift_prior"] = np.array([config.drift_prior_sd])
        data["persistence_prior"] = np.array(PERSISTENCE)
        coords["window"] = tuple(str(step) for step in range(steps))
    return data, coords


def _check_drifts(size: int) -> None:
    if size > MOST_DRIFTS:
        raise TooLarge(
            f"A drift of every entity in every window is {size:,} numbers to sample; at most "
            f"{MOST_DRIFTS:,} can be had.",
            hint="Choose a shorter period or longer windows, or switch autoregression off.",
            limit=MOST_DRIFTS,
        )


def _sizes(counts: Counts) -> "dict[str, np.ndarray]":
    """Give the sums of the log of bytes per event: all that the model needs of them."""
    import numpy as np

    size, count = np.nan_to_num(counts.column("bytes")), counts.count
    is_known = (size > 0) & (count > 0)
    each = np.log(np.where(is_known, size, 1.0)) - np.log(np.where(is_known, count, 1.0))
    known = counts.per_entity(is_known.astype(float))
    mean = counts.per_entity(np.where(is_known, each, 0.0)) / np.maximum(known, 1.0)
    off = np.where(is_known, each - mean[counts.who], 0.0)
    return {
        "sized": known,
        "log_size": mean,
        "size_within": np.array(float((off**2).sum())),
        "size_freedom": np.array(float(np.maximum(known - 1, 0).sum())),
    }


def build_model(cells: "pa.Table", config: EntityConfig, *, by_row: bool = True) -> "pm.Model":
    """Give the PyMC model of reduced cells: `theta[entity]`, `mu`, `alpha`, `phi`.

    By row it has an observation per window (`pm.Data` `entity_idx` and `y_obs`, dimension `obs`);
    else the sums that are sampled, where there is no extension that needs windows one by one.
    It is written to be read and to simulate, so never in the standardized form, which only samples.
    """
    from pymc_vibes.kinds.entity_rates import models

    counts = Counts(cells)
    check(counts, config)
    if not by_row and config.needs_rows:
        raise BadConfig(
            f"Sums are not enough for {', '.join(config.extensions)}.",
            hint="Build the model by row.",
            fields=[{"field": "by_row", "reason": "must be true"}],
        )
    if config.form == "standardized":
        config = config.model_copy(update={"form": "centered"})
    given = inputs(counts, config, by_row=by_row)
    coords = {**given.coords, **_observations(given)}
    function = models.row_by_row if by_row else models.sufficient
    return function(given.data, **given.options, coords=coords)


def _observations(given: Inputs) -> dict[str, Any]:
    return {"obs": range(len(given.data["y_obs"]))} if "y_obs" in given.data else {}
