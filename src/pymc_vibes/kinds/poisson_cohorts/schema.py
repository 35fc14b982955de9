"""What events of rates look like."""

from pymc_vibes.core.schema import Column, Decides, Schema

SCHEMA = Schema(
    columns=(
        Column(
            name="timestamp",
            type="instant",
            about="When it happened, or when the counted period began; a time without zone is UTC.",
            role="time",
            required=True,
            aliases=("ts",),
        ),
        Column(
            name="cohort",
            type="string",
            about="What the rate belongs to; several columns are joined with ' | '.",
            role="entity",
            required=True,
            aliases=("cohort_id",),
            joinable=True,
        ),
        Column(
            name="event",
            type="string",
            about="What happened.",
            role="entity",
            required=True,
            aliases=("event_type",),
        ),
        Column(
            name="count",
            type="integer",
            about="How many events the row stands for: 1 if absent, 0 for exposure alone.",
            role="count",
            unit="events",
            low=0,
            high=1e12,
        ),
        Column(
            name="exposure",
            type="number",
            about="Measured exposure of the row, such as flights or person-years, for its event.",
            role="exposure",
            low=0,
            low_open=True,
            high=1e12,
            decides=Decides(field="exposure", present="measured", absent="window"),
        ),
        Column(
            name="entity_id",
            type="string",
            about="Who or what had the event.",
            role="unit",
        ),
    )
)
