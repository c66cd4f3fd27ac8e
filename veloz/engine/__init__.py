"""The step: records in, facts and requests out; and the same steps again from a recording."""
