"""What the rows add up to: books, bars, last prices and the health of feeds. Pure: the same rows give the same bytes.

`state.State` holds all of it as flat arrays, `fold.fold` is the one way to change it, `view` the way to read it.
"""
