"""Reading balances and margin terms from a state, in whole units and as text. Nothing here changes anything.

Names of assets are not in the state: whoever shows balances has them from the bodies of account.asset (`instruments/lexicon.py`).
"""

from typing import NamedTuple

from veloz.instruments.units import decimal_text
from veloz.reducers.balances import available
from veloz.reducers.desk import ASSETS_MAX
from veloz.reducers.places import NO_STRATEGY, SIDE_BOTH, find_position
from veloz.reducers.state import State
from veloz.reducers.words import I

SHOWN = ("total", "free", "locked", "held", "available", "drift")


class Balance(NamedTuple):
    """One balance, in units of its asset's scale."""

    account: int
    asset: int
    scale: int
    total: int
    locked: int  # by the venue, for orders of anybody
    held: int  # by us, for open orders of ours
    available: int  # what may still be set aside; below 0 where more is bound than there is
    margin: int  # in use by contracts, as last settled
    traded: int
    fees: int  # paid
    funding: int  # received
    changed: int
    drift: int  # what the venue's statements say beyond all that was reported

    @property
    def free(self) -> int:
        """What the venue calls free."""
        return self.total - self.locked

    def texts(self) -> dict[str, str]:
        """The amounts of `SHOWN` as exact decimals."""
        return {name: decimal_text(getattr(self, name), self.scale) for name in SHOWN}


class Bracket(NamedTuple):
    """One tier of maintenance margin."""

    floor: int
    rate_ppm: int
    cum: int
    leverage: int


def assets(state: State) -> dict[int, int]:
    """Decimals of the money of every asset known, by its number."""
    return {number: int(asset["scale"]) for number, asset in enumerate(state.assets) if asset["known"]}


def accounts(state: State) -> list[int]:
    """Numbers of the accounts that were opened."""
    return [number for number, account in enumerate(state.accounts) if account["known"]]


def balance(state: State, account: int, asset: int) -> Balance | None:
    """One balance; None where nothing was ever stated or moved."""
    if not 0 <= asset < len(state.assets) or not 0 <= account < len(state.accounts):
        return None
    record = state.balances[account * ASSETS_MAX + asset]
    if not record["known"]:
        return None
    sums = {name: int(record[name]) for name in ("margin", "traded", "fees", "funding", "changed", "drift")}
    return Balance(
        account=account,
        asset=asset,
        scale=int(state.assets[asset]["scale"]),
        total=int(record["total"]),
        locked=int(record["locked"]),
        held=int(record["held"]),
        available=int(available(state, I(account), I(asset))),
        **sums,
    )


def balances(state: State, account: int) -> list[Balance]:
    """All balances of an account, by number of asset."""
    found = (balance(state, account, asset) for asset in assets(state))
    return [each for each in found if each is not None]


def fee_rates(state: State, account: int, instrument: int) -> tuple[int, int]:
    """Maker and taker rate of an instrument on an account in ppm: its own, else the account's."""
    at = int(find_position(state, I(account), I(instrument), SIDE_BOTH, NO_STRATEGY))
    rates = state.positions[at] if at >= 0 and state.positions[at]["rated"] else state.accounts[account]
    return int(rates["maker_ppm"]), int(rates["taker_ppm"])


def brackets(state: State, instrument: int) -> list[Bracket]:
    """Tiers of maintenance margin of an instrument, lowest first; empty while none were stated."""
    if not 0 <= instrument < len(state.terms):
        return []
    first, many = int(state.terms[instrument]["brackets_ix"]), int(state.terms[instrument]["brackets_n"])
    return [Bracket(*(int(word) for word in state.brackets[at])) for at in range(first, first + many)]
