"""Markets: what a venue sends becomes rows, what we want becomes requests."""
