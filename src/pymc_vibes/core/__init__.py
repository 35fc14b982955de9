"""The vocabulary: kind, schema, config, posterior, answer, run states, errors.

Nothing here does I/O or imports a heavy library, so every other floor may lean on it.
"""
