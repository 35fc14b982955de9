"""What experiments do to a mix: where their readouts fall in it, and what they move."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymc_vibes.stats.media_calibration import Shift
    from pymc_vibes.stats.media_effects import MediaDraws
    from pymc_vibes.stats.media_experiments import Evidence
    from pymc_vibes.stats.special import Array


def expected_of(evidence: "Evidence", media: "MediaDraws") -> "Array":
    """Give what a mix says of the readouts, `(draws, readouts)`, in sales."""
    from pymc_vibes.stats.media_experiments import expected_lifts
    from pymc_vibes.stats.media_response import MediaResponse, expected_log

    mu = expected_log(media, media.baseline) if media.link == "log" else None
    return expected_lifts(evidence, MediaResponse.of(media), mu)


def shift_of(before: "Array", after: "Array", *, prob: float) -> "Shift":
    """Compare draws of two fits, `(draws, columns)`: such as the returns of channels."""
    from pymc_vibes.stats.media_calibration import Shift, summarize

    first, second = (summarize(draws, _equal(draws), prob=prob) for draws in (before, after))
    return Shift(before=first, after=second)


def moved_of(before: "MediaDraws", after: "MediaDraws", *, prob: float) -> "dict[str, Shift]":
    """Say which parameters moved, and how far, by name: decay, half-saturation, coefficient.

    Those that are given do not move and are left out.
    """
    import numpy as np

    return {
        name: shift_of(before.params[name], after.params[name], prob=prob)
        for name in before.params
        if np.ptp(before.params[name], axis=0).any()
    }


def _equal(draws: "Array") -> "Array":
    import numpy as np

    return np.full(len(draws), 1 / len(draws))
