"""The one way a quadrature fails: it says so."""


class QuadratureRefused(Exception):
    """No lattice of bounded size integrates this density; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
