"""The simulated exchange, and whatever runs a recording through it."""
