"""What is on record: a journal read into rows, state and names.

This is the one room between the journal and everything that folds it (replay, backtest, ingest's closing snapshot, the daemon's
start). It writes nothing but snapshots, which are caches.
"""
