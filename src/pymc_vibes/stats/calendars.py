"""Days that a calendar knows."""

from datetime import date

from pymc_vibes.core.errors import BadConfig

_EPOCH = date(1970, 1, 1)


def public_holidays(country: str, first: date, last: date) -> set[int]:
    """Give a country's public holidays in the years from `first` to `last`, in days since 1970.

    `country` is an ISO 3166 code, with its subdivision after a hyphen. Raises `BadConfig` that
    names `holiday_country` where none are known for it.
    """
    import holidays

    code, _, subdivision = country.upper().partition("-")
    known = holidays.list_supported_countries()
    if code not in known or (subdivision and subdivision not in known[code]):
        raise BadConfig(
            f"No public holidays are known for {country[:20]!r}.",
            hint="Give an ISO 3166 code such as US, DE or GB-SCT, or list the days as holidays.",
            fields=[{"field": "holiday_country", "reason": "is not known"}],
        )
    years = range(first.year, last.year + 1)
    found = holidays.country_holidays(code, subdiv=subdivision or None, years=years)
    return {(day - _EPOCH).days for day in found}
