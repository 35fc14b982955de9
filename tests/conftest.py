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
from tests.servers import Bucket, ObjectStore, Postgres

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
        if name not in ("VIBES_CHROMIUM", "VIBES_POSTGRES"):
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


@pytest.fixture(scope="session")
def shared_postgres(tmp_path_factory: pytest.TempPathFactory) -> Generator[Postgres]:
    """The PostgreSQL server of all tests; those that stop it use one of their own."""
    base = tmp_path_factory.getbasetemp()
    # beside xdist's other workers there is one folder more
    server = Postgres.shared(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    yield server
    server.hold.leave()


@pytest.fixture
def postgres_url(shared_postgres: Postgres) -> Generator[str]:
    """The address of an empty PostgreSQL database of this test's own."""
    name = shared_postgres.fresh_database()
    yield shared_postgres.url(name)
    shared_postgres.drop_database(name)


@pytest.fixture
def postgres() -> Generator[Postgres]:
    """A PostgreSQL server of this test's own, which it may stop, kill and start again."""
    server = Postgres.create()
    yield server
    server.hold.remove()


@pytest.fixture(scope="session")
def shared_store() -> Generator[ObjectStore]:
    """The object store of this process's tests; those that stop it use one of their own."""
    server = ObjectStore.create()
    yield server
    server.hold.leave()


@pytest.fixture
def s3(shared_store: ObjectStore) -> Bucket:
    """An empty bucket of this test's own on an S3-compatible server."""
    return shared_store.fresh_bucket()


@pytest.fixture
def object_store() -> Generator[ObjectStore]:
    """An S3-compatible server of this test's own, which it may stop, kill and start again."""
    server = ObjectStore.create()
    yield server
    server.hold.remove()
