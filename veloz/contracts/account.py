"""account.*: accounts, assets, and what a venue states about balances, positions and margin."""

import msgspec

from veloz.contracts.measures import (
    E8,
    Asset,
    Bits,
    Code,
    Count,
    Money,
    Number,
    Ppm,
    SignedQty,
    VenueId,
)  # fmt: skip


class AccountOpened(msgspec.Struct, frozen=True, kw_only=True, tag="account.opened.v1"):
    """An account is known from here on. Numbers from 1 to 255."""

    account: Count
    market: Code  # codes.Market
    hedge: Count  # 1: LONG and SHORT positions are kept apart
    lots: Count  # 0: average cost · 1: first in, first out
    reporting: Asset  # the asset that pnl is told in; 0 = as it was


class NameBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of account.opened, account.asset: what people call it."""

    name: str


class AssetNamed(msgspec.Struct, frozen=True, kw_only=True, tag="account.asset.v1"):
    """An asset gets its number (from 1) and the scale of its money."""

    asset: Asset
    scale: Count  # decimals, 0 … 18


class RateStated(msgspec.Struct, frozen=True, kw_only=True, tag="account.rate.v1"):
    """One unit of `asset` is worth num ÷ den units of the reporting asset, until stated anew. den 0: not known."""

    asset: Asset
    num: Number
    den: Number


class BalanceStated(msgspec.Struct, frozen=True, kw_only=True, tag="account.balance.v1"):
    """What the venue says is there. Spot: free + locked and locked. Contracts: the wallet; locked 0."""

    account: Count
    total: Money
    asset: Asset
    venue_seq: VenueId  # the venue's time of it, ns, comparable with ts_event of fills; 0 = not stated
    locked: Money


class BalanceChanged(msgspec.Struct, frozen=True, kw_only=True, tag="account.changed.v1"):
    """A deposit, withdrawal, transfer or other change that is no trade."""

    account: Count
    delta: Money
    asset: Asset
    venue_seq: VenueId
    reason: Code  # codes.BalanceReason


class PositionStated(msgspec.Struct, frozen=True, kw_only=True, tag="account.position.v1"):
    """What the venue says is held."""

    account: Bits  # terms.META: account and position side
    qty: SignedQty
    entry_e8: E8
    venue_seq: VenueId
    unrealized_e8: E8  # in the settlement asset, at 8 decimals


class FundingPaid(msgspec.Struct, frozen=True, kw_only=True, tag="account.funding.v1"):
    """Funding of a position was booked. Below 0: paid. Instrument 0: the venue did not say for which."""

    account: Bits  # terms.META: account and position side
    amount: Money
    asset: Asset
    venue_seq: VenueId
    rate_e8: E8


class LeverageStated(msgspec.Struct, frozen=True, kw_only=True, tag="account.leverage.v1"):
    """Leverage of an instrument on an account."""

    account: Count
    leverage: Count
    isolated: Count  # 0: cross · 1: isolated · 2: not stated, as it was
    venue_seq: VenueId


class BracketStated(msgspec.Struct, frozen=True, kw_only=True, tag="account.bracket.v1"):
    """One tier of maintenance margin of an instrument: from `floor` of notional up. Tier 0 begins the list anew."""

    tier: Count
    floor: Money  # settlement asset; inverse: quantity in coin
    rate_ppm: Ppm
    cum: Money
    leverage: Count  # greatest allowed


class FeesStated(msgspec.Struct, frozen=True, kw_only=True, tag="account.fees.v1"):
    """Fee rates of an account, for one instrument or (instrument 0) all without rates of their own."""

    account: Count
    maker_ppm: Ppm
    taker_ppm: Ppm


class StatementMarked(msgspec.Struct, frozen=True, kw_only=True, tag="account.statement.v1"):
    """A venue's whole statement begins (phase 0) or is complete (phase 1): every order, position and balance of the account."""

    account: Count
    phase: Count
    orders: Count
    venue_seq: VenueId
    positions: Count


class MarginCalled(msgspec.Struct, frozen=True, kw_only=True, tag="account.margin_call.v1"):
    """The venue warns: maintenance margin of a position, and what it is measured against."""

    account: Bits  # terms.META: account and position side
    qty: SignedQty
    mark_e8: E8
    maintenance_e8: E8
    wallet_e8: E8
