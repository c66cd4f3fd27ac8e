"""Whether we may: the gate, limits, stop levels and breakers. The only way to an approved request."""

from veloz.risk.limits import LimitsError, Numbering, explain, read_limits, seed

__all__ = ["LimitsError", "Numbering", "explain", "read_limits", "seed"]
