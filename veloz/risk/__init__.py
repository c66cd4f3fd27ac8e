"""Whether we may: the gate, limits, stop levels and breakers. The only way to an approved request."""
