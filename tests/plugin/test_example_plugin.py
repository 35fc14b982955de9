"""A kind from another package is a kind: the contract holds for it, unchanged.

The package of `examples/plugin` is built and unpacked as an installer would, into a folder that
only these tests put on the path. The contract runs on it in a process of its own, because a catalog
is read once.
"""

from pathlib import Path

import pytest

from tests.plugin.installing import EXAMPLE, ROOT, install, run

HEAVY = ("scipy", "xarray", "pyarrow", "ibis", "pandas", "duckdb")

# the same kind with its other model as the example: what calibration and most promises run on
OTHER = """
from dataclasses import replace
from pymc_vibes_survival.settings import Piecewise, SurvivalConfig
from pymc_vibes_survival.survival import kind as weibull

example = weibull.example.model_copy(update={"model": Piecewise(cuts=(30.0, 90.0))})
kind = replace(weibull, slug="survival-in-pieces", example=example)
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the example as an installer leaves it, its entry point too."""
    return install(tmp_path_factory.mktemp("example"))


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second package, as small as one can be: a module, and an entry point that names it."""
    place = tmp_path_factory.mktemp("other")
    (place / "in_pieces.py").write_text(OTHER)
    facts = place / "in_pieces-0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: in-pieces\nVersion: 0\n")
    (facts / "entry_points.txt").write_text("[pymc_vibes.kinds]\nin_pieces = in_pieces:kind\n")
    return place


def run_tests(
    *chosen: str, path: tuple[Path, ...], folder: Path = ROOT, marked: str = "not slow"
) -> tuple[int, str]:
    return run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marked, *chosen,
        path=path, folder=folder,
    )  # fmt: skip


def test_without_the_package_there_is_no_such_kind() -> None:
    code, said = run("-c", "from pymc_vibes import catalog; print(*catalog())", path=())

    assert code == 0
    assert "survival" not in said
    assert "bernoulli" in said


def test_an_installed_package_is_in_the_catalog_and_costs_nothing(installed: Path) -> None:
    code, said = run(
        "-c",
        "import sys; from pymc_vibes import catalog; print(*catalog(), 'and', *sys.modules)",
        path=(installed,),
    )

    kinds, _, modules = said.partition(" and ")
    assert code == 0
    assert "survival" in kinds.split()
    assert set(HEAVY) & set(modules.split()) == set()


def test_the_contract_holds_for_it_unchanged(installed: Path) -> None:
    code, said = run_tests("tests/contract", "-k", "survival", path=(installed,))

    assert code == 0, said
    assert " passed" in said


def test_the_contract_holds_for_its_other_model(installed: Path, other: Path) -> None:
    promises = ("tests/contract/test_kinds.py", "tests/contract/test_calibration.py")

    code, said = run_tests(*promises, "-k", "survival-in-pieces", path=(installed, other))

    assert code == 0, said
    assert " passed" in said


def test_its_own_tests_pass(installed: Path) -> None:
    code, said = run_tests(path=(installed,), folder=EXAMPLE)

    assert code == 0, said


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a whole run of tests
def test_its_long_calibration_passes(installed: Path) -> None:
    code, said = run_tests(path=(installed,), folder=EXAMPLE, marked="slow")

    assert code == 0, said


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a whole run of tests
def test_the_long_contract_holds_for_both_models(installed: Path, other: Path) -> None:
    code, said = run_tests(
        "tests/contract", "-k", "survival", path=(installed, other), marked="slow"
    )

    assert code == 0, said
