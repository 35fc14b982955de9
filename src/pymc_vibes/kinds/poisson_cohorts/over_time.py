"""The question about one cohort whose rate may differ from period to period."""

from collections.abc import Sequence

from pymc_vibes.core.answer import QueryAnswer
from pymc_vibes.core.errors import BadConfig, EntityNotFound
from pymc_vibes.core.posterior import Posterior
from pymc_vibes.kinds.poisson_cohorts.change import changes_of
from pymc_vibes.kinds.poisson_cohorts.change_answer import change_figures, summarize_change
from pymc_vibes.kinds.poisson_cohorts.parameters import RateOf
from pymc_vibes.kinds.poisson_cohorts.piecewise import paths_of
from pymc_vibes.kinds.poisson_cohorts.piecewise_answer import (
    piecewise_figures,
    summarize_piecewise,
)
from pymc_vibes.kinds.poisson_cohorts.settings import RateConfig
from pymc_vibes.kinds.poisson_cohorts.tracks import Tracks
from pymc_vibes.kinds.poisson_cohorts.view import check_known


def rate_over_time(posterior: Posterior, config: RateConfig, parameters: RateOf) -> QueryAnswer:
    """Say how the rate of one cohort went, or whether it changed."""
    if config.model == "piecewise":
        paths = paths_of(posterior)
        names = [paths.cohort(i) for i in range(len(paths.places))]
        only = _find(posterior, paths.tracks, names, parameters)
        summary = summarize_piecewise(posterior, config, only)
        figures = piecewise_figures(posterior, config, only)
    else:
        changes = changes_of(posterior)
        names = [changes.cohort(i) for i in range(len(changes))]
        only = _find(posterior, changes.tracks, names, parameters)
        summary = summarize_change(posterior, config, only)
        figures = change_figures(posterior, config, only)
    table = summary.tables[0]
    return QueryAnswer(
        summary=summary,
        figures=figures,
        data={
            "cohort": parameters.cohort,
            "event": summary.context["event"],
            "model": config.model,
            "columns": list(table.columns),
            "rows": [list(row) for row in table.rows],
        },
    )


def _find(posterior: Posterior, tracks: Tracks, names: Sequence[str], parameters: RateOf) -> int:
    if parameters.event not in (None, tracks.event):
        raise BadConfig(
            f"The rates over time are those of {tracks.event!r}.",
            hint=f"Set event to {str(parameters.event)[:80]!r} to see the other one.",
            fields=[{"field": "event", "reason": "is not the one that is followed"}],
        )
    if parameters.cohort in names:
        return names.index(parameters.cohort)
    if not tracks.is_cut:
        check_known("cohort", parameters.cohort, posterior.cells)
    raise EntityNotFound(
        f"The rate of {parameters.cohort[:80]!r} is not followed over time: it has too few events "
        "to be among the most frequent cohorts, or there is no such cohort.",
        hint=f"Set cohort to {parameters.cohort[:80]!r} to follow it alone.",
    )
