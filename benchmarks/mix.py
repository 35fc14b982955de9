"""Marketing mix: 156 weeks, eight channels, adstock and saturation estimated; ours and the peer's.

PyMC-Marketing fits the same brands in an environment of its own, in processes that take turns with
ours: with the priors that each has by default, and with the same ones. "Refit" is a fit whose
brand or weeks are new, in a process that has fitted before.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import mix_ways
from benchmarks.environments import environment
from benchmarks.mix_worlds import Brand, brand
from benchmarks.report import Row, seconds
from pymc_vibes.stats.special import Array

# with nutpie, which it does not require, its `fit` takes the quickest sampler that it knows;
# numba and numpy as in docs/decisions/0009
PINS = ("pymc-marketing==1.3.0", "numba==0.65.1", "numpy==2.4.6", "nutpie==0.16.11")
_NAMES = {"peer": "PyMC-Marketing, its priors", "peer-same": "PyMC-Marketing, our priors"}
_OURS = {"peer": "ours", "peer-same": "ours-same"}
_MORE = 4  # weeks that arrive


@dataclass(frozen=True)
class Size:
    """How much is fitted."""

    weeks: int = 156
    channels: int = 8
    draws: int = 1000

    def brand(self, seed: int) -> Brand:
        """Simulate a brand that goes on for some weeks."""
        return brand(seed, weeks=self.weeks + _MORE, channels=self.channels)


@dataclass
class Seen:
    """What a way did over all rounds."""

    imported: list[float] = field(default_factory=list)
    first: list[dict[str, Any]] = field(default_factory=list)
    again: list[dict[str, Any]] = field(default_factory=list)
    after: list[dict[str, Any]] = field(default_factory=list)
    truth: list[Array] = field(default_factory=list)
    """What each channel truly brought in the brands of `first`, then of `again`."""

    @property
    def fits(self) -> list[dict[str, Any]]:
        """Give all fits in the order of `truth`."""
        return self.first + self.again

    def median(self, name: str) -> float:
        """Give the median of a number over the refits."""
        return float(statistics.median(fit[name] for fit in self.again))

    def speed(self, name: str) -> float:
        """Give the median of effective draws by second."""
        return float(statistics.median(fit[name] / fit["took"] for fit in self.again))


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure time, effective draws, error of contributions, and whether the same model agrees.

    Quickly only ours, on little data: the peer's environment takes a gigabyte.
    """
    title = "Marketing mix: 156 weeks, eight channels"
    if quick:
        small = Size(weeks=60, channels=2, draws=400)
        return title, [_alone(_fitted(("ours",), small, rounds=1, warm=False)["ours"])]
    size = Size()
    cold = {way: _cold(way, size) for way in ("ours", "peer")}
    seen = _fitted(("ours", "peer", "ours-same", "peer-same"), size, rounds=2)
    rows = [_cold_row(cold)]
    for theirs, own in _OURS.items():
        rows += _against(seen[own], seen[theirs], _NAMES[theirs])
    rows += _afterwards(seen["ours"], seen["peer"])
    return title, [*rows, *_parity(seen["ours-same"], seen["peer-same"])]


def fit(way: str, brands: Sequence[Brand], size: Size, cache: str = "") -> dict[str, Any]:
    """Let a way fit these brands, one after the other, in a new process."""
    environ, told = dict(os.environ), {"noise": "normal", "draws": size.draws, "tune": size.draws}
    if cache:
        environ |= {"PYTENSOR_FLAGS": f"base_compiledir={cache}", "NUMBA_CACHE_DIR": cache}
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "asked.json", Path(folder) / "answer.json"
        window = [size.weeks // 3, 2 * size.weeks // 3]
        given = {"brands": [one.asked() for one in brands], "window": window, "cache": cache}
        asked.write_text(json.dumps(told | given), encoding="utf-8")
        python = str(environment("pymc-marketing", PINS)) if "peer" in way else sys.executable
        command = [python, "-P", mix_ways.__file__, way, str(asked), str(answer)]
        done = subprocess.run(  # noqa: S603  # our own words
            command, check=False, capture_output=True, text=True, env=environ
        )
        if done.returncode:
            raise RuntimeError(f"{way}: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return found


def _cold(way: str, size: Size) -> tuple[float, float]:
    """Fit once where nothing has ever been compiled; give seconds of the imports and of the fit."""
    with tempfile.TemporaryDirectory() as cache:
        found = fit(way, [size.brand(0).first(size.weeks)], size, cache)
    return found["imported"], found["fits"][0]["took"]


def _fitted(ways: Sequence[str], size: Size, rounds: int, *, warm: bool = True) -> dict[str, Seen]:
    """Fit in every round two brands, one of which goes on; `warm` has all compiled to disk."""
    seen = {way: Seen() for way in ways}
    for way in ways if warm else ():
        fit(way, [size.brand(99).first(size.weeks)], size)
    for number in range(rounds):
        whole, other = size.brand(2 * number), size.brand(2 * number + 1)
        brands = [whole.first(size.weeks), whole, other.first(size.weeks)]
        for way in ways:
            _keep(seen[way], fit(way, brands, size))
    for one in seen.values():
        firsts = [size.brand(2 * number).first(size.weeks) for number in range(rounds)]
        later = [
            known
            for number in range(rounds)
            for known in (size.brand(2 * number), size.brand(2 * number + 1).first(size.weeks))
        ]
        one.truth += [known.brought.sum(0) for known in firsts + later]
    return seen


def _keep(seen: Seen, found: dict[str, Any]) -> None:
    seen.imported.append(found["imported"])
    seen.first.append(found["fits"][0])
    seen.again += found["fits"][1:]
    seen.after.append(found["after"])


def _cold_row(cold: dict[str, tuple[float, float]]) -> Row:
    ours, theirs = (sum(cold[way]) for way in ("ours", "peer"))
    return Row(
        work="first fit ever, nothing compiled, imports included",
        ours=seconds(ours),
        peer=f"PyMC-Marketing, its priors: {seconds(theirs)}",
        ratio=f"{theirs / ours:.1f}x faster",
    )


def _against(ours: Seen, theirs: Seen, name: str) -> list[Row]:
    first, later = (
        statistics.median(
            one["took"] + at for one, at in zip(seen.first, seen.imported, strict=True)
        )
        for seen in (ours, theirs)
    )
    rows = [
        Row(
            work="first fit in a new process, compiled before, imports included",
            ours=seconds(first),
            peer=f"{name}: {seconds(later)}",
            ratio=f"{later / first:.1f}x faster",
        ),
        _compared("refit, other weeks or another brand", "took", ours, theirs, ">= 10x"),
        _compared("the same, processor time", "processor", ours, theirs),
    ]
    pairs = (("ess", "worst parameter"), ("ess_brought", "worst contribution"))
    rows += [_speed(f"effective draws of the {what}", key, ours, theirs) for key, what in pairs]
    return [*rows, _error(ours, theirs)]


def _compared(work: str, name: str, ours: Seen, theirs: Seen, target: str = "") -> Row:
    own, other = ours.median(name), theirs.median(name)
    ratio = f"{other / own:.1f}x faster"
    return Row(work=work, ours=seconds(own), peer=seconds(other), ratio=ratio, target=target)


def _speed(work: str, name: str, ours: Seen, theirs: Seen) -> Row:
    def told(seen: Seen) -> str:
        worst = max(fit["r_hat"] for fit in seen.fits)
        return f"{seen.median(name):,.0f}, {seen.speed(name):,.0f}/s, R-hat at most {worst:.3f}"

    ratio = f"{ours.speed(name) / theirs.speed(name):.0f}x by second"
    return Row(work=work, ours=told(ours), peer=told(theirs), ratio=ratio)


def _error(ours: Seen, theirs: Seen) -> Row:
    own, other = (statistics.fmean(_errors(seen)) for seen in (ours, theirs))
    return Row(
        work=f"contributions, {len(ours.fits)} fits: error, share in 90 % intervals",
        ours=f"{100 * own:.1f} % of sales by media, {_covered(ours)}",
        peer=f"{100 * other:.1f} %, {_covered(theirs)}",
        ratio=f"{own / other:.2f}x the error",
        target="<= 1x",
    )


def _errors(seen: Seen) -> list[float]:
    """Give what goes to wrong channels, by what media truly brought, fit by fit."""
    pairs = zip(seen.fits, seen.truth, strict=True)
    return [float(np.abs(np.array(fit["mean"]) - true).sum() / true.sum()) for fit, true in pairs]


def _covered(seen: Seen) -> str:
    inside = [
        (np.array(fit["low"]) <= true) & (true <= np.array(fit["high"]))
        for fit, true in zip(seen.fits, seen.truth, strict=True)
    ]
    return f"{np.sum(inside)} of {np.size(inside)}"


def _afterwards(ours: Seen, theirs: Seen) -> list[Row]:
    works = {"roas": "returns of a year, with carry-over", "plan": "best budget of 13 weeks"}
    return [_after(work, f"{name}_took", ours, theirs) for name, work in works.items()]


def _after(work: str, name: str, ours: Seen, theirs: Seen) -> Row:
    def medians(seen: Seen) -> list[float]:
        return [statistics.median(one[name][at] for one in seen.after) for at in (0, 1)]

    own, other = medians(ours), medians(theirs)
    ratios = [b / a for a, b in zip(own, other, strict=True)]
    told: Callable[[list[float]], str] = lambda two: ", ".join(map(seconds, two))  # noqa: E731
    return Row(
        work=f"{work}: first, again",
        ours=told(own),
        peer=told(other),
        ratio=f"{ratios[0]:.0f}x, {ratios[1]:.0f}x faster",
    )


def _parity(ours: Seen, theirs: Seen) -> list[Row]:
    """Compare the two on the model that both can say."""
    pairs = list(zip(ours.fits, theirs.fits, strict=True))
    totals = [sum(a["mean"]) / sum(b["mean"]) - 1 for a, b in pairs]
    means, ends = ([_apart(a, b, part) for a, b in pairs] for part in ("mean", "low"))
    asked = list(zip(ours.after, theirs.after, strict=True))
    roas = [np.array(a["roas"]) / np.array(b["roas"]) - 1 for a, b in asked]
    plans = [np.array(a["plan"]) / np.array(b["plan"]) - 1 for a, b in asked]
    return [
        Row(
            work=f"the same model, {len(pairs)} fits: sales by all media",
            ours=f"furthest {100 * max(map(abs, totals)):.2f} %",
            peer="PyMC-Marketing, our priors",
            target="within 5 %",
        ),
        Row(
            work="each channel's: mean and lower end, in posterior sds",
            ours=f"furthest {max(means):.2f}, {max(ends):.2f}",
            target="within Monte Carlo error, about 0.15 and 0.3",
        ),
        Row(
            work=f"returns of a year, {len(asked)} fits, each channel",
            ours=f"furthest {100 * float(np.nanmax(np.abs(roas))):.1f} %",
            target="within 10 %",
        ),
        Row(
            work="best budget of 13 weeks, each channel",
            ours=f"furthest {100 * float(np.max(np.abs(plans))):.2f} %",
        ),
    ]


def _apart(one: dict[str, Any], other: dict[str, Any], part: str) -> float:
    """Give how far ends or means lie apart, the furthest channel, in about posterior sds."""
    sd = (np.array(other["high"]) - np.array(other["low"])) / (2 * 1.645)
    return float(np.max(np.abs(np.array(one[part]) - np.array(other[part])) / sd))


def _alone(seen: Seen) -> Row:
    ess, error = seen.median("ess"), statistics.fmean(_errors(seen))
    return Row(
        work="two channels, 60 weeks: first fit, refit",
        ours=f"{seconds(seen.first[0]['took'])}, {seconds(seen.median('took'))}; "
        f"{ess:,.0f} effective draws, error {100 * error:.0f} %",
    )
