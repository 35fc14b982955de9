"""The lake's engine is shut in: whatever SQL reached it, it sees the lake and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pymc_vibes.store.view import View
from tests.store.lake_worlds import NAME, make, open_lake, put

SECRET = "canary-in-a-file-outside-of-the-lake"  # noqa: S105  # of this test only
PROBES = {
    "read a file": "FROM read_text('{outside}')",
    "read a file by name alone": "FROM '{outside}'",
    "read a folder": "FROM glob('{folder}/*')",
    "read the machine": "FROM read_text('/etc/passwd')",
    "read by a detour": "FROM read_text('{home}/../secret.csv')",
    "read by a deep detour": "FROM read_text('{home}/data/../../home/../secret.csv')",
    "read through a link": "FROM read_text('{home}/../link.csv')",
    "read through a link inside": "FROM read_text('{home}/data/link.csv')",
    "read CSV": "FROM read_csv('{outside}')",
    "read JSON": "FROM read_json('{outside}')",
    "read Parquet": "FROM read_parquet('{outside}')",
    "read bytes": "FROM read_blob('{outside}')",
    "fetch an address": "FROM read_csv('http://127.0.0.1:9/x.csv')",
    "fetch from a store": "FROM read_parquet('s3://bucket/x.parquet')",
    "write a file": "COPY (SELECT 1 AS a) TO '{outside}'",
    "write a new file": "COPY (SELECT 1 AS a) TO '{folder}/new.csv'",
    "export everything": "EXPORT DATABASE '{folder}/all'",
    "import everything": "IMPORT DATABASE '{folder}/all'",
    "attach a database": "ATTACH '{folder}/other.db' AS other",
    "install an extension": "INSTALL spatial",
    "load an extension": "LOAD '{folder}/evil.duckdb_extension'",
    "load one from its store": "INSTALL h3 FROM community",
    "let itself out": "SET enable_external_access = true",
    "widen its folders": "SET allowed_directories = ['/']",
    "widen its paths": "SET allowed_paths = ['/etc/passwd']",
    "take unsigned code": "SET allow_unsigned_extensions = true",
    "take code of the community": "SET allow_community_extensions = true",
    "log to a file": "PRAGMA enable_profiling; SET profiling_output = '{outside}'; SELECT 1",
    "read a variable of ours": "FROM private",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lockdown")
    outside = made / "secret.csv"
    outside.write_text(f"a\n{SECRET}\n")
    (made / "link.csv").symlink_to(outside)
    return made


@pytest.fixture(scope="module")
def view(folder: Path) -> Iterator[View]:
    with open_lake(folder / "home") as lake:
        make(lake)
        put(lake, folder, "ts,cohort,event\n2026-01-01,a,x\n")
        # a link that lies inside and leads outside
        (folder / "home" / "data" / "link.csv").symlink_to(folder / "secret.csv")
        with lake.reading(lake.experiment(NAME)) as found:
            yield found


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES.keys())
def test_the_engine_of_the_lake_touches_nothing_else(view: View, folder: Path, probe: str) -> None:
    private = [SECRET]  # what a careless engine would find by its name
    sql = probe.format(outside=folder / "secret.csv", folder=folder, home=folder / "home")

    with pytest.raises(duckdb.Error) as refusal:
        view.connection.con.execute(sql).fetchall()

    assert SECRET not in str(refusal.value)
    assert (folder / "secret.csv").read_text() == f"a\n{SECRET}\n"
    assert {path.name for path in folder.iterdir()} == {
        *("home", "secret.csv", "link.csv", "events.csv")
    }
    assert private


def test_a_lake_that_is_shut_in_still_answers(view: View) -> None:
    assert view.to_arrow(view.events)["cohort"].to_pylist() == ["a"]
