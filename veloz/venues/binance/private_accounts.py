"""What an event about money, positions or margin means → lines.

A balance or position that the venue states is passed on as stated; what it says changed (a deposit, funding) stands before it.

Source: binance.md §5.1, §5.3, §8.3.
"""

from typing import Final

from veloz.contracts import terms
from veloz.contracts.codes import BalanceReason, Refusal
from veloz.contracts.registry import BALANCE, BALANCE_CHANGED, FUNDING, LEVERAGE, MARGIN_CALL, POSITION
from veloz.instruments.units import INT64_MAX, Written
from veloz.venues.binance import private_wire as wire
from veloz.venues.binance.messages import RefusedFrame, e8, nanos
from veloz.venues.binance.private_orders import SIDE, word_of
from veloz.venues.binance.private_rows import ZERO, AssetNumber, Line, Money, Part, Signed, amount, decimal, total

REASONS: Final = {  # `m` of ACCOUNT_UPDATE; funding has rows of its own
    "DEPOSIT": BalanceReason.DEPOSIT, "WITHDRAW": BalanceReason.WITHDRAWAL, "ORDER": BalanceReason.ORDER,
    "WITHDRAW_REJECT": BalanceReason.WITHDRAWAL, "ADJUSTMENT": BalanceReason.ADJUSTMENT, "INSURANCE_CLEAR": BalanceReason.INSURANCE,
    "ADMIN_DEPOSIT": BalanceReason.DEPOSIT, "ADMIN_WITHDRAW": BalanceReason.WITHDRAWAL, "MARGIN_TRANSFER": BalanceReason.TRANSFER,
    "MARGIN_TYPE_CHANGE": BalanceReason.OTHER, "ASSET_TRANSFER": BalanceReason.TRANSFER, "OPTIONS_PREMIUM_FEE": BalanceReason.OPTIONS,
    "OPTIONS_SETTLE_PROFIT": BalanceReason.OPTIONS, "AUTO_EXCHANGE": BalanceReason.CONVERSION,
    "COIN_SWAP_DEPOSIT": BalanceReason.CONVERSION, "COIN_SWAP_WITHDRAW": BalanceReason.CONVERSION,
    "FUNDING_FEE": BalanceReason.FUNDING, "": BalanceReason.OTHER,
}  # fmt: skip
MARGIN_TYPES: Final = ("cross", "isolated", "")
CALL_TYPES: Final = {"CROSSED": False, "ISOLATED": True}
ISOLATED_NOT_STATED: Final = 2


def _named(asset: str) -> str:
    if not asset:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    return asset


def _meta(account: int, side: int) -> int:
    return terms.pack(terms.META, account=account, position_side=side)


def balance_line(account: int, asset: str, held: Written, locked: Written, time_ns: int) -> Line:
    """What is there of an asset, and how much of it is locked."""
    words = (account, Money(held, asset), AssetNumber(_named(asset)), time_ns, Money(locked, asset))
    return Line(BALANCE, "", time_ns, words)


def account_position(event: wire.AccountPosition, account: int) -> list[Line]:
    """Spot: free and locked of each asset that may have changed."""
    nanos(event.E)
    at = nanos(event.u)
    lines = []
    for entry in event.B:
        locked = amount(entry.l)
        lines.append(balance_line(account, entry.a, total(amount(entry.f), locked), locked, at))
    return lines


def balance_update(event: wire.BalanceUpdate, account: int) -> list[Line]:
    """Spot: a deposit, withdrawal or transfer; which of them the venue does not say."""
    nanos(event.E)
    at = nanos(event.T)
    words = (account, Money(decimal(event.d), event.a), AssetNumber(_named(event.a)), at, int(BalanceReason.OTHER))
    return [Line(BALANCE_CHANGED, "", at, words)]


def _change_line(event: wire.AccountUpdate, wallet: wire.Wallet, account: int) -> list[Line]:
    """What changed a wallet apart from trading: funding, of the one position it can be of, or anything else."""
    change = decimal(wallet.bc)
    at, reason = nanos(event.T), word_of(REASONS, event.a.m)
    if not change.digits:
        return []
    if reason is not BalanceReason.FUNDING:
        words = (account, Money(change, wallet.a), AssetNumber(wallet.a), at, int(reason))
        return [Line(BALANCE_CHANGED, "", at, words)]
    symbols = {held.s for held in event.a.P}
    sides = {held.ps for held in event.a.P if decimal(held.pa).digits}
    symbol = event.a.S or (symbols.pop() if len(symbols) == 1 else "")
    side = word_of(SIDE, sides.pop()) if symbol and len(sides) == 1 else SIDE["BOTH"]
    paid = (_meta(account, side), Money(change, wallet.a), AssetNumber(wallet.a), at, 0)
    return [Line(FUNDING, symbol, at, paid)]


def _position_line(event: wire.AccountUpdate, held: wire.Held, account: int) -> Line:
    if held.mt not in MARGIN_TYPES or not held.s:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    return position_line(account, held.s, word_of(SIDE, held.ps), (held.pa, held.ep, held.up), nanos(event.T))


def position_line(account: int, symbol: str, side: int, texts: tuple[str, str, str], at: int) -> Line:
    """What is held, its entry price and unrealized profit; the latter two are measures, cut down to 8 decimals (INEXACT)."""
    held, entry, unrealized = texts
    entry_e8, entry_lost = e8(checked(entry, signed=False))
    unrealized_e8, unrealized_lost = e8(checked(unrealized))
    words = (_meta(account, side), Signed(decimal(held)), entry_e8, at, unrealized_e8)
    return Line(POSITION, symbol, at, words, entry_lost | unrealized_lost)


def checked(text: str, *, signed: bool = True) -> str:
    """A decimal text as it is, refused where it is none (`e8` takes an empty one for 0) or may not have its sign."""
    if signed:
        decimal(text)
    else:
        amount(text)
    return text


def account_update(event: wire.AccountUpdate, account: int) -> list[Line]:
    """Futures: wallets and positions that changed; positions of both sides in hedge mode."""
    lines: list[Line] = []
    nanos(event.E)
    word_of(REASONS, event.a.m)
    for wallet in event.a.B:
        _named(wallet.a)
        decimal(wallet.cw)
        lines += _change_line(event, wallet, account)
        lines.append(balance_line(account, wallet.a, decimal(wallet.wb), ZERO, nanos(event.T)))
    return [*lines, *(_position_line(event, held, account) for held in event.a.P)]


def margin_call(event: wire.MarginCall, account: int) -> list[Line]:
    """A warning: maintenance margin of each position beside the wallet it is measured against."""
    lines = []
    for called in event.p:
        wallet = called.iw if word_of(CALL_TYPES, called.mt) else event.cw
        lost = 0
        values: list[int] = []
        for text in (checked(called.mp, signed=False), checked(called.mm), checked(wallet)):
            value, inexact = e8(text)
            lost |= inexact
            values.append(value)
        if not called.s:
            raise RefusedFrame(Refusal.UNKNOWN_SYMBOL)
        words: tuple[Part, ...] = (_meta(account, word_of(SIDE, called.ps)), Signed(decimal(called.pa)), *values)
        lines.append(Line(MARGIN_CALL, called.s, nanos(event.E), words, lost))
    if not lines:
        raise RefusedFrame(Refusal.WRONG_SHAPE)
    return lines


def account_config(event: wire.AccountConfigUpdate, account: int) -> list[Line]:
    """A new leverage. Of multi-assets mode there is no row: no line."""
    nanos(event.E)
    at = nanos(event.T)
    if event.ac is None:
        if event.ai is None:
            raise RefusedFrame(Refusal.WRONG_SHAPE)
        return []
    return [leverage_line(account, event.ac.s, event.ac.l, ISOLATED_NOT_STATED, at)]


def leverage_line(account: int, symbol: str, leverage: int, isolated: int, at: int) -> Line:
    """Leverage of an instrument; `isolated` 0, 1 or not stated."""
    if not symbol or not 1 <= leverage <= INT64_MAX:
        raise RefusedFrame(Refusal.OUT_OF_RANGE)
    return Line(LEVERAGE, symbol, at, (account, leverage, isolated, at))
