"""The processes that carry runs out."""
