"""One rule: a claim, its interval and its chance agree, for ten thousand random posteriors."""

import numpy as np
import pytest

from pymc_vibes.stats.compare import difference, probability_greater
from pymc_vibes.stats.decide import chance, compare_sentence, decide
from pymc_vibes.stats.exact import Beta, Gamma

PAIRS = 5_000  # of each family


def random_pairs(family: type, rng: np.random.Generator) -> tuple[Beta | Gamma, Beta | Gamma]:
    """Make pairs of all sizes, most of them near where a claim begins."""
    size = np.exp(rng.uniform(np.log(0.6), np.log(1e5), PAIRS))
    other = size * np.exp(rng.normal(0, 1, PAIRS))
    if family is Gamma:
        first = Gamma(size, np.ones(PAIRS))
        scale = np.exp(rng.normal(0, 2.2, PAIRS) * np.sqrt(1 / size + 1 / other))
        return first, Gamma(other, other / size * scale)
    share = rng.beta(2, 5, PAIRS)
    shift = np.exp(rng.normal(0, 2.2, PAIRS) * np.sqrt(1 / size + 1 / other))
    moved = share * shift / (share * shift + 1 - share)
    return (
        Beta(size * share + 0.3, size * (1 - share) + 0.3),
        Beta(other * moved + 0.3, other * (1 - moved) + 0.3),
    )


@pytest.mark.parametrize("family", [Beta, Gamma])
def test_claim_interval_and_chance_agree_for_five_thousand_pairs(family: type) -> None:
    rng = np.random.default_rng(11)
    first, second = random_pairs(family, rng)
    levels = rng.choice([0.5, 0.8, 0.9, 0.95, 0.99, 0.999], PAIRS)
    seen = set()

    for i, level in enumerate(levels):
        contrast = difference(first, i, second, i)
        p = probability_greater(first, i, second, i)
        claim = compare_sentence("A", "B", p, level)
        low, high = contrast.interval(level)
        expected = "higher" if low > 0 else "lower" if high < 0 else "undecided"
        assert claim.tone == decide(p, level) == expected
        assert (" probably " in claim.text or "close to call" in claim.text) == (
            expected == "undecided"
        )
        assert contrast.probability_above(0) == pytest.approx(p, abs=1e-12)
        seen.add(expected)

    assert seen == {"higher", "lower", "undecided"}


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.999])
def test_the_bar_is_where_the_interval_ends(level: float) -> None:
    bar = 1 - (1 - level) / 2

    assert decide(bar, level) == "higher"
    assert decide(np.nextafter(bar, 0), level) == "undecided"
    assert decide((1 - level) / 2, level) == "lower"


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.0, "under 0.1 %"),
        (1e-300, "under 0.1 %"),
        (0.0005, "under 0.1 %"),
        (0.5, "50.0 %"),
        (0.981, "98.1 %"),
        (0.9991, "over 99.9 %"),
        (1.0, "over 99.9 %"),
    ],
)
def test_nothing_is_certain(p: float, said: str) -> None:
    assert chance(p) == said


@pytest.mark.parametrize("p", np.linspace(0, 1, 2001))
def test_no_chance_reads_as_nothing_or_all(p: float) -> None:
    assert chance(float(p)) not in {"0 %", "0.0 %", "100 %", "100.0 %"}


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.981, "B has a higher rate than A: 98.1 % chance"),
        (0.02, "B has a lower rate than A: 98.0 % chance"),
        (0.93, "probably"),
        (0.6, "Too close to call"),
    ],
)
def test_the_ladder_of_sentences(p: float, words: str) -> None:
    assert words in compare_sentence("B", "A", p, 0.95).text


def test_practically_the_same_is_said_when_the_zone_holds_enough() -> None:
    claim = compare_sentence("B", "A", 0.7, 0.95, p_same=0.96)

    assert claim.tone == "same"
    assert "practically the same" in claim.text
