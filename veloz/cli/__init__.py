"""The command line: one file per command. What scripts rely on is kept word for word; the rest is for people."""
