"""A table that is too wide becomes several, and nothing of it is lost."""

from pymc_vibes.http.grids import Grid, Heading
from pymc_vibes.http.narrow import narrow


def grid(columns: int, cell: str = "265,582 to 1,101,436", unit: str = "") -> Grid:
    """A grid of names and of so many numbers, each with its interval."""
    titles = [title for n in range(columns) for title in (f"Part {n}", f"Part {n}, 95 % interval")]
    return Grid(
        title="Channels",
        unit="sales",
        headings=(
            Heading(title="Channel"),
            *(Heading(title=title, unit=unit, is_number=True) for title in titles),
        ),
        rows=(("tv", *((cell,) * len(titles))), ("radio", *((cell,) * len(titles)))),
        total=2,
    )


def test_a_table_that_fits_stays_as_it_is() -> None:
    assert narrow(grid(2)) == (grid(2),)


def test_every_column_stands_in_one_part() -> None:
    whole = grid(7)

    parts = narrow(whole)

    assert len(parts) > 1
    assert [h for part in parts for h in part.headings[1:]] == list(whole.headings[1:])
    assert [text for part in parts for text in part.rows[1][1:]] == list(whole.rows[1][1:])


def test_every_part_names_its_rows() -> None:
    assert {tuple(row[0] for row in part.rows) for part in narrow(grid(7))} == {("tv", "radio")}


def test_an_interval_stays_beside_its_number() -> None:
    assert not [part for part in narrow(grid(7)) if "interval" in part.headings[1].title]


def test_a_part_in_which_every_number_has_a_unit_of_its_own_has_none_in_its_title() -> None:
    assert {part.unit for part in narrow(grid(7, unit="EUR"))} == {""}


def test_wide_names_alone_do_not_part_a_table() -> None:
    named = grid(1)
    long = Grid(
        title="T", headings=(Heading(title="A" * 80), *named.headings[1:]), rows=(), total=0
    )

    assert narrow(long) == (long,)
