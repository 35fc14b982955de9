"""Sampling through real children: compiled once, watched, cancelled, killed, and replaced."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pymc_vibes.core.answer import Attempt
from pymc_vibes.core.errors import BadRows, InferenceFailed, RunCancelled
from pymc_vibes.core.run import NOBODY, SamplingNeeded
from pymc_vibes.stats import nuts
from pymc_vibes.stats.draws import Draws
from pymc_vibes.stats.nuts.pool import shared

ROOT = Path(__file__).parents[2]
MODELS = "tests.stats.nuts_models"
QUICK = nuts.SamplerSettings(draws=500, tune=300, seed=7)
ENDLESS = nuts.SamplerSettings(draws=500_000, tune=300, seed=7)


@pytest.fixture(scope="module", autouse=True)
def samplers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep compiled code out of the person's home, and end all children."""
    cache = tmp_path_factory.mktemp("sampler")
    nuts.shutdown()
    nuts.configure(cache=cache)
    yield cache
    nuts.shutdown()
    nuts.configure()


def normal(count: int = 30, **options: float) -> nuts.Model:
    y = np.random.default_rng(count).normal(3, 1, count)
    return nuts.Model(f"{MODELS}:normal", options, {"y": y})


def groups(labels: list[str], counts: list[int]) -> nuts.Model:
    data = {"counts": np.array(counts), "exposure": np.full(len(counts), 10.0)}
    return nuts.Model(f"{MODELS}:groups", data=data, coords={"group": labels})


def funnel(form: str) -> nuts.Model:
    return nuts.Model(f"{MODELS}:funnel", {"form": form}, {"y": np.zeros(9)})


class Recorder:
    """A watch that notes what it is told, and acts once the chains move."""

    def __init__(self, act: Callable[["Recorder"], None] = lambda _: None) -> None:
        self.act = act
        self.cancelled = False
        self.stages: list[str] = []
        self.steps: list[tuple[int, int]] = []
        self.facts: list[dict[str, float]] = []

    def sampling(self) -> None:
        self.stages.append("sampling")

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def progress(self, done: int, total: int, **facts: float) -> None:
        self.steps.append((done, total))
        self.facts.append(facts)
        if "divergences" in facts:
            self.act(self)


def cancel(watch: Recorder) -> None:
    watch.cancelled = True


def child_of(model: nuts.Model) -> int:
    return shared().children[model.structure].pid


def attempts(model: nuts.Model, settings: nuts.SamplerSettings = QUICK) -> tuple[Attempt, ...]:
    return nuts.sample(model, settings, NOBODY).diagnostics.attempts


def test_a_known_structure_is_not_compiled_again_for_data_of_another_length() -> None:
    nuts.sample(normal(30), QUICK, NOBODY)
    child = child_of(normal(30))

    [again] = attempts(normal(3000))

    assert again.compile_seconds is None
    assert child_of(normal(3000)) == child


def test_a_conjugate_posterior_agrees_with_its_closed_form() -> None:
    model = normal(50)

    sampled = nuts.sample(model, QUICK, NOBODY)

    draws = Draws(sampled.tree["posterior"]["mu"].to_numpy()[:, :, None])
    precision = 50 + 1 / 10**2
    mean, sd = model.data["y"].sum() / precision, precision**-0.5
    assert abs(draws.mean()[0] - mean) < 6 * draws.mcse()[0]
    least = sampled.diagnostics.ess_bulk_min
    assert least is not None
    assert abs(draws.sd()[0] - sd) < 6 * sd / np.sqrt(2 * least)
    assert sampled.diagnostics.verdict == "good"


def test_one_seed_is_one_set_of_chains() -> None:
    def drawn(seed: int) -> bytes:
        settings = nuts.SamplerSettings(draws=200, tune=300, seed=seed)
        return bytes(nuts.sample(normal(), settings, NOBODY).tree["posterior"]["mu"].to_numpy())

    first = drawn(1)

    assert drawn(1) == first
    assert drawn(2) != first


def test_labels_are_attached_after_sampling_and_never_compiled() -> None:
    nuts.sample(groups(["a", "b", "c"], [10, 20, 30]), QUICK, NOBODY)

    renamed = groups(["söuth", "north", "b/c"], [10, 20, 600])
    sampled = nuts.sample(renamed, QUICK, NOBODY, note="it was asked for")

    posterior = sampled.tree["posterior"]
    assert posterior["rate"].sel(group="b/c").mean() > 30
    assert posterior["double"].dims == ("chain", "draw", "group")
    assert sampled.diagnostics.attempts[0].compile_seconds is None
    assert sampled.diagnostics.why == "it was asked for"
    assert "energy" in sampled.tree["sample_stats"]


def test_a_length_that_the_builder_forgot_costs_a_compilation_and_no_wrong_answer() -> None:
    nuts.sample(funnel("non-centered"), QUICK, NOBODY)
    longer = nuts.Model(f"{MODELS}:funnel", {"form": "non-centered"}, {"y": np.zeros(4)})

    sampled = nuts.sample(longer, QUICK, NOBODY)

    assert sampled.tree["posterior"].sizes["k"] == 4
    assert sampled.diagnostics.attempts[0].compile_seconds is not None


def test_the_structure_is_what_fixes_the_number_of_parameters() -> None:
    assert normal(10).structure == normal(99).structure
    assert groups(["a"], [1]).structure == groups(["b"], [2]).structure
    assert groups(["a"], [1]).structure != groups(["a", "b"], [1, 2]).structure
    assert funnel("centered").structure != funnel("non-centered").structure


def test_whoever_waits_hears_of_stages_and_steps() -> None:
    nuts.sample(normal(), QUICK, NOBODY)
    watch = Recorder()

    nuts.sample(normal(), nuts.SamplerSettings(draws=50_000, seed=1), watch)

    assert watch.stages == ["sampling", "sample"]
    assert all(0 <= done <= total == 204_000 for done, total in watch.steps)
    assert all(facts["attempt"] == 1 for facts in watch.facts)
    last, chains = watch.facts[-1], [f"chain_{number}" for number in (1, 2, 3, 4)]
    assert sum(last[name] for name in chains) == watch.steps[-1][0]
    assert {"divergences", "tune", *chains} <= set(last)


def test_a_cold_start_is_told() -> None:
    nuts.shutdown()
    watch = Recorder()

    nuts.sample(normal(), QUICK, watch)

    assert watch.stages == ["sampling", "compile", "sample"]
    assert watch.facts[0]["about_seconds"] > 0


def test_nobody_who_does_not_wait_starts_a_child() -> None:
    class Refuses(Recorder):
        def sampling(self) -> None:
            raise SamplingNeeded

    unknown = normal(sd=2.0)

    with pytest.raises(SamplingNeeded):
        nuts.sample(unknown, QUICK, Refuses())

    assert unknown.structure not in shared().children


def test_a_cancel_is_heard_between_draws_and_the_child_stays_warm() -> None:
    nuts.sample(normal(), QUICK, NOBODY)
    child = child_of(normal())

    with pytest.raises(RunCancelled):
        nuts.sample(normal(), ENDLESS, Recorder(cancel))

    [again] = attempts(normal())
    assert (child_of(normal()), again.compile_seconds) == (child, None)


def test_a_cancel_during_compilation_ends_the_child() -> None:
    class Impatient(Recorder):
        def stage(self, name: str) -> None:
            self.cancelled = name == "compile"

    unknown = normal(sd=3.0)

    with pytest.raises(RunCancelled):
        nuts.sample(unknown, QUICK, Impatient())

    assert unknown.structure not in shared().children


def test_what_ends_the_waiting_ends_the_chains() -> None:
    def interrupt(_: Recorder) -> None:
        raise KeyboardInterrupt

    nuts.sample(normal(), QUICK, NOBODY)

    with pytest.raises(KeyboardInterrupt):
        nuts.sample(normal(), ENDLESS, Recorder(interrupt))

    [again] = attempts(normal())
    assert again.compile_seconds is None


def test_a_killed_child_is_an_error_with_its_seed_and_the_next_fit_works() -> None:
    nuts.sample(normal(), QUICK, NOBODY)
    child = child_of(normal())

    with pytest.raises(InferenceFailed, match="signal 9") as caught:
        nuts.sample(normal(), ENDLESS, Recorder(lambda _: os.kill(child, signal.SIGKILL)))

    assert caught.value.extras["seed"] == 7
    [again] = attempts(normal())
    assert again.compile_seconds is not None
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_builder_that_raises_is_an_error_with_its_words() -> None:
    model = nuts.Model(f"{MODELS}:refuses", data={"y": np.ones(3)})

    with pytest.raises(InferenceFailed, match="ValueError: 1 arrays are not what I want") as caught:
        nuts.sample(model, QUICK, NOBODY)

    assert "nuts_models" in caught.value.extras["log"]
    assert model.structure not in shared().children


def test_a_child_that_dies_leaves_its_last_words() -> None:
    model = nuts.Model(f"{MODELS}:dies", data={"y": np.ones(3)})

    with pytest.raises(InferenceFailed, match="status 3") as caught:
        nuts.sample(model, QUICK, NOBODY)

    assert "1 arrays killed me" in caught.value.extras["log"]


def test_data_that_the_model_says_are_impossible_are_an_error() -> None:
    model = nuts.Model(f"{MODELS}:normal", data={"y": np.full(3, 1e300)})

    with pytest.raises(InferenceFailed, match="The sampler stopped"):
        nuts.sample(model, QUICK, NOBODY)

    [again] = attempts(normal())
    assert again.compile_seconds is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_are_no_numbers_are_refused_with_their_place(value: float) -> None:
    model = nuts.Model(f"{MODELS}:normal", data={"y": np.array([1.0, value, 2.0])})

    with pytest.raises(BadRows, match="1 of 3 values of y") as caught:
        nuts.sample(model, QUICK, NOBODY)

    assert caught.value.extras["rows"][0]["line"] == 2


def test_the_funnel_is_never_good_in_its_bad_form_and_every_attempt_is_told() -> None:
    settings = nuts.SamplerSettings(draws=300, tune=200, seed=5)

    found = nuts.sample(funnel("centered"), settings, NOBODY).diagnostics

    assert found.verdict != "good"
    assert 2 <= len(found.attempts) <= 6
    assert [one.settings["target_accept"] for one in found.attempts[:3]] == [0.9, 0.95, 0.99]
    assert all(one.settings["seed"] == 5 for one in found.attempts)
    assert "v" in found.worst or any("x[" in name for name in found.worst)


def test_the_other_form_of_the_funnel_is_found_by_the_ladder() -> None:
    settings = nuts.SamplerSettings(draws=1000, tune=500, seed=5)

    sampled = nuts.sample(funnel("centered"), settings, NOBODY, other_form=funnel("non-centered"))

    forms = [one.settings["form"] for one in sampled.diagnostics.attempts]
    assert forms[0] == "centered"
    assert forms[-1] == "non-centered"
    assert sampled.diagnostics.verdict == "good"


ORPHAN = """
import sys
import numpy as np
from pymc_vibes.core.run import NOBODY
from pymc_vibes.stats import nuts
from pymc_vibes.stats.nuts.pool import shared
from pathlib import Path

class Loud(type(NOBODY)):
    def progress(self, done, total, **facts):
        if "divergences" in facts:
            print(child.pid, *sorted({"pymc", "nutpie", "arviz"} & set(sys.modules)), flush=True)

nuts.configure(cache=Path(sys.argv[1]))
model = nuts.Model("tests.stats.nuts_models:normal", data={"y": np.ones(5)})
nuts.sample(model, nuts.SamplerSettings(draws=100, tune=100), NOBODY)
child = shared().children[model.structure]
nuts.sample(model, nuts.SamplerSettings(draws=5_000_000), Loud())
"""


def has_ended(pid: int, seconds: float) -> bool:
    """Wait for the end of a process that is no child of ours."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    readable, _, _ = select.select([process], [], [], seconds)
    os.close(process)
    return bool(readable)


def test_a_child_does_not_outlive_its_parent_which_never_imports_a_sampler(samplers: Path) -> None:
    command = [sys.executable, "-c", ORPHAN, str(samplers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child, *imported = parent.stdout.readline().split()
        parent.kill()

    assert has_ended(int(child), 300)
    assert imported == []
