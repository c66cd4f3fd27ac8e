"""Sweeps: which settings of a run are best, by which search, and how far that can be believed.

The room does not know how a run is done: an executor is given settings and a seed and gives back the hash of a result and its metrics.
"""
