"""VeloZ: a trading engine whose journal is the truth.

The rooms, from the ground up; each may import only from rooms above it in this list:

    contracts → instruments → reducers → engine      pure: same input, same bytes
    venues                                           doors: they speak to the world
    ingest                                           recordings in
    cli                                              faces

`docs/map.md` says what is in each room.
"""

__version__ = "0.1.0"
