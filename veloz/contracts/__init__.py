"""What may be said: the kinds of records, their rows and bodies, and the codes that go with them."""
