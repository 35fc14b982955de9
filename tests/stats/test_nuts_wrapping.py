"""The wrappers around compiled models: what nutpie's own give, to the last bit."""

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np
import nutpie
import pytest
from nutpie import compile_pymc

from pymc_vibes.stats.nuts.wrapping import KNOWN, light_wrappers

N_DIM, N_EXPANDED = 3, 4
_DOUBLES = ctypes.POINTER(ctypes.c_double)

type Data = Mapping[str, np.ndarray]


@numba.njit
def density(
    x: np.ndarray, table: np.ndarray, group: np.ndarray, scale: np.ndarray, late: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A density with data of four types, that raises where two lengths differ."""
    if table.shape[0] != group.size:
        raise ValueError("lengths")
    value, gradient = 0.0, np.zeros(x.size)
    for i in range(group.size):
        rest = table[i, 0] * x[0] + table[i, 1] * x[1] + x[2] * (group[i] + late[i]) - scale[()]
        value -= rest * rest
        gradient[0] -= 2 * rest * table[i, 0]
        gradient[1] -= 2 * rest * table[i, 1]
        gradient[2] -= 2 * rest * (group[i] + late[i])
    return np.asarray(value), gradient


@numba.njit
def starred(*given: Any) -> Any:
    """The same, that takes all its arguments as one, as pytensor's functions do."""
    return density(*given)


@numba.njit
def expansion(*given: Any) -> tuple[np.ndarray]:
    """Four numbers of a draw; there are none where there are no data."""
    if given[1].shape[0] == 0:
        raise ValueError("empty")
    return (np.append(np.exp(given[0]), given[3][()] * given[1][-1, 1]),)


def wrappers() -> tuple[Any, Any]:
    """Give what nutpie wraps a density and an expansion with now."""
    density_, expansion_ = "_make_c_logp_func", "_make_c_expand_func"
    return getattr(compile_pymc, density_), getattr(compile_pymc, expansion_)


def data(rows: int, *, scale: float = 0.5) -> Data:
    rng = np.random.default_rng(rows)
    return {
        "table": rng.normal(size=(rows, 2)),
        "group": rng.integers(3, size=rows),
        "scale": np.array(scale),
        "late": np.arange(rows) % 2 == 1,
    }


@dataclass(frozen=True)
class Compiled:
    """A density and an expansion that C can call, with the record of their data."""

    density: Any
    expansion: Any
    record: np.ndarray

    @classmethod
    def by(cls, inner: Callable[..., Any], given: Data) -> Self:
        """Compile with the wrappers that nutpie has now."""
        names = {_Variable(array.ndim): key for key, array in given.items()}
        record = compile_pymc.make_user_data(names, given)
        keys = list(given)
        of_density, of_expansion = wrappers()
        raw, signature = of_density(N_DIM, inner, record, keys, given)
        wide = of_expansion(N_DIM, N_EXPANDED, expansion, record, keys, given)
        return cls(numba.cfunc(signature)(raw), numba.cfunc(wide[1])(wide[0]), record)

    def ask(self, x: np.ndarray, given: Data, dim: int = N_DIM) -> tuple[Any, ...]:
        """Give codes and numbers of both functions on other data."""
        record = compile_pymc.update_user_data(self.record.copy(), dict(given))
        gradient, value, wide = np.zeros(N_DIM), np.zeros(1), np.zeros(N_EXPANDED)
        place = ctypes.c_void_p(record.ctypes.data)
        code = self.density.ctypes(dim, _at(x), _at(gradient), _at(value), place)
        other = self.expansion.ctypes(dim, N_EXPANDED, _at(x), _at(wide), place)
        if code:
            return code, other, wide.tobytes()
        return code, other, wide.tobytes(), gradient.tobytes(), value.tobytes()


@dataclass(frozen=True, eq=False)
class _Variable:
    """What nutpie asks of a shared variable."""

    ndim: int


def _at(numbers: np.ndarray) -> Any:
    return numbers.ctypes.data_as(_DOUBLES)


@pytest.fixture(scope="module")
def theirs() -> Compiled:
    """nutpie's own wrappers."""
    return Compiled.by(starred, data(7))


@pytest.fixture(scope="module", params=[density, starred], ids=["plain", "starred"])
def ours(request: pytest.FixtureRequest) -> Compiled:
    """Ours, around a function of five arguments and around one of any number."""
    with light_wrappers():
        return Compiled.by(request.param, data(7))


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_they_give_what_nutpies_own_give(ours: Compiled, theirs: Compiled, rows: int) -> None:
    x = np.array([0.3, -1.2, 0.7])

    told = ours.ask(x, data(rows))

    assert told == theirs.ask(x, data(rows))
    assert told[:2] == (0, 0)
    assert told != ours.ask(x, data(rows, scale=0.6))


@pytest.mark.parametrize(
    ("x", "given", "dim", "codes"),
    [
        ([0.0, 0.0, 0.0], data(5), N_DIM + 1, (-1, -1)),
        ([0.0, 0.0, 0.0], data(5) | {"group": np.arange(6)}, N_DIM, (1, 0)),
        ([0.0, 0.0, 0.0], data(0) | {"group": np.arange(1)}, N_DIM, (1, -2)),
        ([np.nan, 0.0, 0.0], data(5), N_DIM, (3, 0)),
        ([1e200, 1e200, 0.0], data(5), N_DIM, (4, 0)),
    ],
    ids=["another length", "it raises", "both raise", "no gradient", "no density"],
)
def test_what_goes_wrong_has_nutpies_code(
    ours: Compiled, theirs: Compiled, x: list[float], given: Data, dim: int, codes: tuple[int, int]
) -> None:
    told = ours.ask(np.array(x), given, dim)

    assert told[:2] == codes
    assert told == theirs.ask(np.array(x), given, dim)


@pytest.mark.parametrize("library", [nutpie, numba], ids=["nutpie", "numba"])
def test_nutpie_is_left_as_it_was_and_other_releases_untouched(
    monkeypatch: pytest.MonkeyPatch, library: Any
) -> None:
    before = wrappers()
    installed = {one.__name__: one.__version__ for one in (nutpie, numba)}

    with light_wrappers():
        during = wrappers()
    monkeypatch.setattr(library, "__version__", "0.0.1")
    with light_wrappers():
        elsewhere = wrappers()

    assert installed == KNOWN
    assert not set(during) & set(before)
    assert elsewhere == before
    assert wrappers() == before
