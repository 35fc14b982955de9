"""What holds for every test: a skip fails in CI, and nothing of the person's own is read."""

import os
import shutil
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

from tests.sampled.registered import Gate, toss

IN_CI = os.environ.get("CI", "").lower() == "true"

# examples are not timed: a loaded machine is not a bug
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize=IN_CI,
    database=None if IN_CI else hypothesis.settings().database,
)
hypothesis.settings.load_profile("house")


class SkipsFail:
    """Turns every skip into a failure, in tests, modules and doctests alike."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self,
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.skipped and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"Skipped, and a skip fails in CI: {report.longrepr}"
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        if report.skipped:
            report.outcome = "failed"
            report.longrepr = f"Skipped, and a skip fails in CI: {report.longrepr}"
        return report


def pytest_configure(config: pytest.Config) -> None:
    """Shut out the person's settings, and move the clock's zone away from UTC."""
    if IN_CI:
        config.pluginmanager.register(SkipsFail(), "skips-fail")
    for name in [name for name in os.environ if name.startswith("VIBES_")]:
        if name != "VIBES_CHROMIUM":
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="vibes-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["VIBES_HOME"] = str(Path(home) / "home")
    # machines of a cluster keep UTC, people do not: a forgotten zone must show here
    os.environ["TZ"] = "America/New_York"
    time.tzset()


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Gate]:
    """A kind that must sample, and the gate that it waits at."""
    yield from toss(tmp_path, monkeypatch)
