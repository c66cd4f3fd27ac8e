"""How we get it: intents become drafts; our state against a venue's statement."""
