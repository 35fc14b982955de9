"""The outside world: lake, run table, artifacts; one adapter a module."""
