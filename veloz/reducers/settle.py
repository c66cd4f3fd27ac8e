"""Settlement at step ends: marks, unrealized pnl, margin, exposures of every scope, drawdown, daily loss. Reads across reducers."""

from veloz.contracts.kernel import cold
from veloz.reducers.state import State
from veloz.reducers.words import I


@cold
def settle(state: State, now: I) -> None:
    """Value everything that is open, anew and whole, and write it into positions, accounts and scopes.

    Settling twice with nothing in between changes nothing: live, a step is settled before its decisions and again at its end.
    """
