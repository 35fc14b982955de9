"""Times to an event: a kind of experiment that lives outside of pymc-vibes."""
