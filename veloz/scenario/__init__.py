"""Sessions as text: commands, market rows and venue reports in, everything that came of it out, through the whole pure pipeline."""
