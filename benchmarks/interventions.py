"""Ninety days with a change in the middle: our engine against CausalPy and tfp-causalimpact.

All analyze the same series, each in processes of its own that take turns. False alarms and coverage
of CausalPy come from its posterior in closed form, which is first held against its own sampler.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import interventions_ways
from benchmarks.environments import environment
from benchmarks.interventions_worlds import CHANGE, Interval, closed_form, series
from benchmarks.report import Row, seconds
from pymc_vibes.stats.special import Array

# uv alone picks a beta of numba that cannot be imported beside its numpy: see docs/decisions/0009
CAUSALPY = ("causalpy==0.9.0", "numba==0.65.1", "numpy==2.4.6", "nutpie==0.16.11")
CAUSALIMPACT = ("tfp-causalimpact==0.2.0", "tensorflow==2.21.0", "tf-keras==2.21.0")
CORRELATIONS = (0.0, 0.4, 0.8)
EFFECT = 1.0
_ENGINE, _WHOLE = "<= 20 ms", "<= 1 s"
_WAYS = (
    *("exact", "kind", "causalpy", "causalpy-nutpie", "causalpy-picture"),
    *("causalpy-nutpie-picture", "causalimpact"),
)


@dataclass
class Times:
    """Seconds of one way over all rounds."""

    imported: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    found: list[Interval] = field(default_factory=list)

    def told(self) -> str:
        """Say the medians."""
        first, warm = statistics.median(self.first), statistics.median(self.warm)
        return f"first {seconds(first)}, warm {seconds(warm)}"


def analyze(way: str, values: Sequence[Array], times: Times) -> Times:
    """Let a way analyze these series, one after the other, in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "asked.json", Path(folder) / "answer.json"
        told = {"change": CHANGE, "values": [one.tolist() for one in values]}
        asked.write_text(json.dumps(told), encoding="utf-8")
        command = [_python(way), "-P", interventions_ways.__file__, way, str(asked), str(answer)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"{way}: {done.stderr[-2000:]}")
        found = json.loads(answer.read_text(encoding="utf-8"))
    times.imported.append(found["imported"])
    times.first.append(found["took"][0])
    times.warm += found["took"][1:]
    times.found = [Interval(*one) for one in found["found"]]
    return times


def _python(way: str) -> str:
    if way.startswith("causalpy"):
        return str(environment("causalpy", CAUSALPY))
    if way.startswith("causalimpact"):
        return str(environment("causalimpact", CAUSALIMPACT))
    return sys.executable


def run(*, quick: bool) -> tuple[str, list[Row]]:
    """Measure time, false alarms, coverage, width, and whether the same model says the same.

    Quickly only what needs no peer's environment, which are 3 GB: ours, and CausalPy in closed
    form.
    """
    title = "Interventions: 90 days, a change on day 46"
    if quick:
        times = _timed(("exact", "kind", "segmented"), rounds=1, series_each=2)
        alone = [_alone(way, times[way]) for way in times]
        return title, [*alone, *_alarms(0.4, 50, [])]
    rows = [*_times(_timed(_WAYS, rounds=2, series_each=3)), *_closed(4)]
    for phi, sampled in _sampled(12).items():
        rows += _alarms(phi, 400, sampled)
    return title, [*rows, *_parity(4)]


def _timed(ways: Sequence[str], rounds: int, series_each: int) -> dict[str, Times]:
    times = {way: Times() for way in ways}
    for _ in range(rounds):
        for way in ways:
            many = 11 if way in {"exact", "kind"} else series_each
            analyze(way, [series(0.4, number) for number in range(many)], times[way])
    return times


def _times(times: dict[str, Times]) -> list[Row]:
    pairs = (
        ("engine alone", "exact", "causalpy", "CausalPy, NUTS, fit and summary", _ENGINE),
        ("the same", "exact", "causalpy-nutpie", "CausalPy, nutpie, fit and summary", ""),
        ("the same", "exact", "causalimpact", "tfp-causalimpact, weekly season", ""),
        ("end to end, four PNG", "kind", "causalpy-picture", "CausalPy, NUTS, one PNG", _WHOLE),
        ("the same", "kind", "causalpy-nutpie-picture", "CausalPy, nutpie, one PNG", ""),
    )
    return [_against(*pair, times) for pair in pairs]


def _against(
    work: str, way: str, peer: str, name: str, target: str, times: dict[str, Times]
) -> Row:
    ours, theirs = times[way], times[peer]
    first, warm, imported = (
        statistics.median(getattr(theirs, part)) / statistics.median(getattr(ours, part))
        for part in ("first", "warm", "imported")
    )
    return Row(
        work=f"{work}; imports {seconds(statistics.median(ours.imported))}",
        ours=ours.told(),
        peer=f"{name}: {theirs.told()}; imports {seconds(statistics.median(theirs.imported))}",
        ratio=f"{first:,.0f}x, {warm:,.0f}x faster; imports {imported:.0f}x",
        target=target,
    )


def _alone(way: str, times: Times) -> Row:
    imported = seconds(statistics.median(times.imported))
    return Row(work=f"{way}; imports {imported}", ours=times.told(), peer="", ratio="", target="")


def _closed(many: int) -> list[Row]:
    """Hold CausalPy's posterior in closed form against its own sampler."""
    values = [series(phi, number) for phi in CORRELATIONS for number in range(many)]
    sampled = analyze("causalpy-nutpie", values, Times()).found
    apart = [_apart(one, closed_form(value)) for one, value in zip(sampled, values, strict=True)]
    means, ends = (max(pair[part] for pair in apart) for part in (0, 1))
    return [
        Row(
            work=f"CausalPy in closed form, {len(values)} series",
            ours=f"furthest mean {means:.3f} sd, end {ends:.3f} sd",
            peer="its own posterior by nutpie, 8,000 draws",
        )
    ]


def _apart(one: Interval, other: Interval) -> tuple[float, float]:
    """Give how far means and ends of two intervals lie apart, in sds."""
    ends = max(abs(one.low - other.low), abs(one.high - other.high))
    return abs(one.mean - other.mean) / other.sd, ends / other.sd


def _sampled(many: int) -> dict[float, list[Interval]]:
    """Let tfp-causalimpact analyze null series of each correlation, in one process."""
    null = [series(phi, number) for phi in CORRELATIONS for number in range(many)]
    found = iter(analyze("causalimpact", null, Times()).found)
    return {phi: [next(found) for _ in range(many)] for phi in CORRELATIONS}


def _alarms(phi: float, many: int, sampled: list[Interval]) -> list[Row]:
    null = [series(phi, number) for number in range(many)]
    real = [series(phi, number, effect=EFFECT) for number in range(many)]
    ours = [analyze("exact", values, Times()).found for values in (null, real)]
    peers: dict[str, Callable[[Array], Interval]] = {
        "CausalPy `1+t+C(dow)`": closed_form,
        "CausalPy `1+C(dow)`": lambda values: closed_form(values, trend=False),
    }
    found = {
        name: [[peer(value) for value in values] for values in (null, real)]
        for name, peer in peers.items()
    }
    if sampled:
        found["tfp-causalimpact"] = [sampled, []]
    return [_calibrated(phi, ours, name, theirs) for name, theirs in found.items()]


def _calibrated(
    phi: float, ours: list[list[Interval]], name: str, peer: list[list[Interval]]
) -> Row:
    return Row(
        work=f"AR(1) {phi:g}: false alarms, coverage of an effect of 1 sd, mean width in sds",
        ours=_rates(*ours),
        peer=f"{name}: {_rates(*peer)}",
        ratio=f"{_width(ours[0]) / _width(peer[0]):.2f}x width",
        target="<= 7 %, 93-97 %",
    )


def _rates(null: list[Interval], real: list[Interval]) -> str:
    alarms = 1 - np.mean([one.holds(0.0) for one in null])
    held = f", {100 * np.mean([one.holds(EFFECT) for one in real]):.1f} %" if real else ""
    return f"{100 * alarms:.1f} %{held}, {_width(null):.2f} ({len(null)} series)"


def _width(found: Sequence[Interval]) -> float:
    return statistics.fmean(one.width for one in found)


def _parity(many: int) -> list[Row]:
    """Compare our segmented engine with CausalPy on the same days, both with wide priors."""
    values = [series(0.4, number, effect=EFFECT) for number in range(many)]
    ours = analyze("segmented", values, Times())
    theirs = analyze("causalpy-wide", values, Times())
    apart = [_apart(one, other) for one, other in zip(ours.found, theirs.found, strict=True)]
    means, ends = (max(pair[part] for pair in apart) for part in (0, 1))
    return [
        Row(
            work=f"the same model, wide priors, {many} series: impact and its interval",
            ours=f"furthest mean {means:.3f} sd, end {ends:.3f} sd",
            peer="CausalPy by nutpie, 8,000 draws",
            ratio=f"{_width(ours.found) / _width(theirs.found):.3f}x width",
            target="within Monte Carlo error, about 0.05 and 0.15 sd",
        )
    ]
