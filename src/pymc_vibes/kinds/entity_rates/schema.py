"""What repeated counts look like: one row per entity and window, or one row per event."""

from pymc_vibes.core.schema import Column, Decides, Pattern, Schema

SCHEMA = Schema(
    columns=(
        Column(
            name="window_start",
            type="instant",
            about="When the window of the count began, or its number; a time without zone is UTC. "
            "Raw events have the time of the event here and a setting `window` such as day.",
            role="time",
            aliases=("timestamp", "ts"),
            numbers="window",
        ),
        Column(
            name="window",
            type="integer",
            about="Number of the window, for data without a clock.",
            aliases=("window_index", "window_id", "period", "visit"),
            low=-1e12,
            high=1e12,
        ),
        Column(
            name="entity",
            type="string",
            about="Who or what is counted: a host, a person, a machine.",
            role="entity",
            required=True,
            aliases=("entity_id", "unit_id", "host", "user", "device", "cohort"),
            joinable=True,
        ),
        Column(
            name="count",
            type="integer",
            about="How many events the row stands for: 1 if absent, 0 for a window without any.",
            role="count",
            unit="events",
            low=0,
            high=1e9,
            aliases=("events", "n_events"),
        ),
        Column(
            name="exposure",
            type="number",
            about="Measured exposure of the row, such as hours in service.",
            role="exposure",
            low=0,
            low_open=True,
            high=1e12,
            decides=Decides(field="exposure", present="measured", absent="window"),
        ),
        Column(
            name="bytes",
            type="number",
            about="Size of the row's events together, in bytes or any other unit.",
            role="outcome",
            low=0,
            high=1e18,
            aliases=("size", "volume"),
        ),
    ),
    patterns=(
        Pattern(
            prefix="x_",
            type="number",
            about="A covariate of the window: it multiplies the rate.",
            low=-1e12,
            high=1e12,
        ),
    ),
    one_of=(("window_start",), ("window",)),
)
