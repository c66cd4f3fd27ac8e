"""What a run is about: the instruments of the recording, each as the settings have it, and the assets they are paid in.

The recording's own instruments are taken as they were when it began, with what the settings say instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

import msgspec

from veloz.backtest.keys import DEFINES, LATENCIES_OF_ACCOUNT, OF_ACCOUNT, OF_INSTRUMENT, SettingsError, text_of
from veloz.backtest.settings import Settings
from veloz.contracts.codes import Product
from veloz.contracts.instrument import InstrumentBody
from veloz.instruments.instrument import VERSION_FIRST, Instrument, define, is_sound, significant_decimals
from veloz.instruments.units import SCALE_MAX, read_decimal

MONEY_SCALE: Final = 8
COIN_SCALE: Final = 12  # of coins that inverse contracts gain and lose in: an execution moves very little of one
QUANTA_MAX: Final = 10**15  # of one step of a price or a quantity
RATE_PLACES: Final = 12
DEFAULT_MONEY: Final = Decimal(1_000_000)
COUNT_MAX: Final = 1 << 62
QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "EUR", "USD", "BTC", "ETH", "BNB")
PRODUCTS: Final = {"spot": Product.SPOT, "linear": Product.LINEAR, "inverse": Product.INVERSE}
COINM_BTC, COINM_OTHERS = "100", "10"  # dollars a contract of Binance's COIN-M, for all that it ever listed
_FIELDS: Final = {
    "kind": "product", "tick": "tick", "lot": "lot", "multiplier": "multiplier", "base": "base", "quote": "quote",
    "min_qty": "qty_min", "max_qty": "qty_max", "min_notional": "notional_min",
}  # fmt: skip


@dataclass(frozen=True)
class Asset:
    """An asset of a run."""

    number: int
    scale: int


@dataclass(frozen=True)
class Account:
    """An account of a run: it trades on one venue, and each venue has one."""

    number: int
    market: int  # codes.Market
    name: str
    said: Mapping[str, Any]  # by its own table [[accounts]]
    balances: Mapping[str, Decimal]

    def setting(self, settings: Settings, name: str) -> Any:
        """A setting of `keys.OF_ACCOUNT`: what its own table says, else what holds for all."""
        return self.said.get(name, settings[OF_ACCOUNT[name]])


@dataclass(frozen=True)
class Traded:
    """An instrument of a run: its number is the recording's."""

    instrument: Instrument
    product: Product
    base: str
    quote: str
    settle: str
    said: Mapping[str, Any] = field(
        default_factory=dict
    )  # by its own table [[instruments]], else by that of its account
    guessed: bool = False  # its multiplier is what the venue's contracts have, as nothing says it

    def setting(self, settings: Settings, name: str) -> Any:
        """A setting of `keys.OF_INSTRUMENT`: what its own table or that of its account says, else what holds for all."""
        return self.said.get(name, settings[OF_INSTRUMENT[name]])

    @property
    def number(self) -> int:
        """Its number."""
        return self.instrument.number

    @property
    def money(self) -> str:
        """What it gains and loses in."""
        return self.quote if self.product is Product.SPOT else self.settle


@dataclass(frozen=True)
class World:
    """What a run is about."""

    traded: tuple[Traded, ...]
    listed: tuple[Traded, ...]  # all that the data hold, traded or not
    assets: dict[str, Asset]
    reporting: str
    accounts: tuple[Account, ...]

    def account_of(self, each: Traded) -> Account:
        """Who trades an instrument."""
        return next(account for account in self.accounts if account.market == each.instrument.market)

    def is_apart(self, settings: Settings) -> bool:
        """Whether its venues are not all equally far away: each is then an exchange of its own."""
        away = {tuple(each.setting(settings, name) for name in LATENCIES_OF_ACCOUNT) for each in self.accounts}
        return len(away) > 1

    def label(self, each: Traded) -> str:
        """A traded instrument's symbol; with its venue where two have it."""
        known = each.instrument
        shared = sum(other.instrument.symbol == known.symbol for other in self.traded) > 1
        return f"{known.venue}:{known.symbol}" if shared else known.symbol

    def named(self, symbol: str) -> Traded:
        """A traded instrument by `SYMBOL` or `venue:SYMBOL`. Raises SettingsError."""
        known = [each.instrument for each in self.traded]
        number = find_instrument(known, symbol, "A strategy wants", "which is not traded here; there are").number
        return next(each for each in self.traded if each.number == number)


def make_world(instruments: Sequence[Instrument], settings: Settings) -> World:
    """What a run trades.

    Args:
        instruments: Of the recording, as they were when it began.
        settings: The run's.

    Raises:
        SettingsError: An instrument that is wanted is not there, or cannot be what the settings say.
    """
    if not instruments:
        raise SettingsError("The data hold no instrument; import a recording of a market.")
    said = _said_of(instruments, settings)
    chosen = said or [each.number for each in instruments]
    listed = []
    for each in instruments:
        own = said.get(each.number, {}) if each.number in chosen else {}
        meant = _change(each, own) if each.number in chosen else each
        guessed = meant.multiplier_e8 != each.multiplier_e8 and "multiplier" not in own
        listed.append(replace(_traded(meant, wanted=each.number in chosen), said=own, guessed=guessed))
    traded = tuple(each for each in listed if each.number in chosen)
    reporting = settings["account.reporting"] or traded[0].money
    accounts = _accounts_of(traded, settings)
    traded = tuple(_of_account(each, accounts) for each in traded)
    known = dict.fromkeys(name for each in listed for name in (each.base, each.quote, each.settle))
    held = dict.fromkeys(name for account in accounts for name in account.balances)
    if reporting not in known and reporting not in held:
        raise SettingsError(
            f"account.reporting is {reporting!r}, which nothing here is paid in; there are {', '.join(known)}."
        )
    _require_rates(traded, listed, settings, reporting)
    assets = _assets(listed, [*held, *settings.rates], reporting)
    world = World(traded, tuple(listed), assets, reporting, accounts)
    for one in traded:
        fee_price(world, one, settings)
    _require_worth(world, settings)
    return world


def _require_worth(world: World, settings: Settings) -> None:
    """See that what is held at first can be counted in one asset, at the rates that are told."""
    for account in world.accounts:
        for name, amount in account.balances.items():
            worth = amount * settings.rates.get(name, 0)
            if worth.scaleb(world.assets[world.reporting].scale) >= COUNT_MAX:
                raise SettingsError(
                    f"account.rates.{name} is {text_of(settings.rates[name])}, at which {text_of(amount)} {name} cannot be counted in "
                    f"{world.reporting}; write another rate, or less of it."
                )


def fee_price(world: World, each: Traded, settings: Settings) -> int | Decimal | None:
    """What a third asset that fees are paid in is worth: the number of a traded instrument that says so, or a rate; None: there is none.

    Raises:
        SettingsError: Nobody knows, or the account has none of it.
    """
    name = settings["fees.asset"]
    if name in ("", each.money) or each.product is Product.INVERSE:
        return None
    account = world.account_of(each)
    if name not in account.balances:
        raise SettingsError(
            f"fees.asset is {name}, of which account {account.name} holds nothing; write account.balances.{name}."
        )
    apart = world.is_apart(settings)
    for other in world.traded:
        near = other.instrument.market == each.instrument.market or not apart
        if near and (other.product, other.base, other.quote) == (Product.SPOT, name, each.money):
            return other.number
    if name in settings.rates and each.money == world.reporting:
        return settings.rates[name]
    raise SettingsError(
        f"fees.asset is {name}, and nothing says what it is worth in {each.money}; trade {name}{each.money} too, or write "
        f"account.rates.{name} with account.reporting = {each.money}."
    )


def exact_of(rate: Decimal) -> tuple[int, int]:
    """A rate as a whole number and its decimals. Raises SettingsError."""
    places = max(-int(rate.normalize().as_tuple().exponent), 0)
    count = int(rate.scaleb(places))
    if places > RATE_PLACES or count >= COUNT_MAX:
        raise SettingsError(f"account.rates says {text_of(rate)}; write at most {RATE_PLACES} decimals, and less.")
    return count, places


def _require_rates(traded: Sequence[Traded], listed: Sequence[Traded], settings: Settings, reporting: str) -> None:
    """See that what is gained and lost can be told in one asset."""
    pairs = [{each.base, each.quote} for each in listed if each.product is Product.SPOT]
    for each in traded:
        money = each.money
        if money != reporting and {money, reporting} not in pairs and money not in settings.rates:
            raise SettingsError(
                f"{each.instrument.symbol} gains and loses in {money}, and the data do not say what that is worth in {reporting}; "
                f"write account.rates.{money}, or another account.reporting."
            )


def _accounts_of(traded: Sequence[Traded], settings: Settings) -> tuple[Account, ...]:
    """An account for each venue."""
    markets = {each.instrument.market: each.instrument.venue for each in traded}
    tables = {each["venue"]: each for each in settings.accounts}
    for venue in tables:
        if venue not in markets.values():
            raise SettingsError(
                f"[[accounts]] has one of {venue}, where nothing is traded; there are {', '.join(sorted(markets.values()))}."
            )
    found = []
    for number, (market, venue) in enumerate(sorted(markets.items()), 1):
        said = tables.get(venue, {})
        name = said.get("name") or (venue if len(markets) > 1 else settings["account.name"])
        every = {each.money: DEFAULT_MONEY for each in traded if each.instrument.market == market}
        found.append(Account(number, market, name, said, said.get("balances", settings.balances or every)))
    return tuple(found)


def _of_account(each: Traded, accounts: Sequence[Account]) -> Traded:
    """The instrument with what its account's own table says, where its own says nothing."""
    account = next(one for one in accounts if one.market == each.instrument.market)
    said = {name: value for name, value in account.said.items() if name in OF_INSTRUMENT}
    return replace(each, said={**said, **each.said})


def find_instrument(
    known: Iterable[Instrument],
    symbol: str,
    who: str = "instrument.symbol is",
    why: str = "which the data do not hold; they hold",
) -> Instrument:
    """An instrument by `SYMBOL` or `venue:SYMBOL`.

    Args:
        known: Those there are.
        symbol: The one that is wanted.
        who, why: What to say around a symbol that is not among them.

    Raises:
        SettingsError: There is none, or there are several.
    """
    venue, colon, name = symbol.rpartition(":")
    every = list(known)
    found = [each for each in every if each.symbol == name and (not colon or each.venue == venue)]
    if not found:
        there = ", ".join(sorted({each.symbol for each in every}))
        raise SettingsError(f"{who} {symbol!r}, {why} {there}.")
    if len(found) > 1:
        raise SettingsError(f"{symbol} is traded on several venues of the data; write it as venue:{symbol}.")
    return found[0]


def _said_of(instruments: Sequence[Instrument], settings: Settings) -> dict[int, Mapping[str, Any]]:
    """What is said of each instrument that is to be traded, by its number; empty: all are, and nothing is said."""
    found: dict[int, Mapping[str, Any]] = {}
    for each in settings.instruments:
        number = find_instrument(instruments, each["symbol"]).number
        if number in found:
            raise SettingsError(f"{each['symbol']} has two tables [[instruments]]; write what holds for it in one.")
        found[number] = each
    wanted = settings["instrument.symbol"]
    chosen = [find_instrument(instruments, symbol).number for symbol in wanted] or [each.number for each in instruments]
    changed = {name: settings[full] for name, full in DEFINES.items() if settings[full]}
    if changed and len(set(chosen)) > 1:
        raise SettingsError(
            f"instrument.{min(changed)} is of one instrument, and {len(set(chosen))} are traded; "
            "name one by instrument.symbol, or give each a table [[instruments]]."
        )
    return found or (dict.fromkeys(chosen, changed) if changed or wanted else {})


def _change(known: Instrument, own: Mapping[str, Any]) -> Instrument:
    """An instrument as the settings have it, at the scales of the data."""
    said: dict[str, str] = {}
    for name, field_name in _FIELDS.items():
        if own.get(name):
            said[field_name] = text_of(own[name]) if isinstance(own[name], Decimal) else own[name]
    if said.get("product", known.body.product) != known.body.product:
        said["settle"] = ""
    for name, scale in (("tick", known.price_scale), ("lot", known.qty_scale)):
        decimals = significant_decimals(said[name]) if name in said else None
        if decimals is not None and decimals > scale:
            raise SettingsError(
                f"instrument.{name} {said[name]} has {decimals} decimals, and the data count {scale}; give a coarser one."
            )
    body = msgspec.structs.replace(known.body, **said)
    body = msgspec.structs.replace(body, multiplier=_multiplier_of(body, "multiplier" in said))
    if not is_sound(body):
        raise SettingsError(
            f"{known.symbol} cannot be such an instrument; look at instrument.multiplier, tick and lot."
        )
    if body.base and body.base == body.quote:
        raise SettingsError(f"{known.symbol} is told to trade {body.base} for {body.base}; give two assets.")
    _require_steps(body)
    changed = define(body, known.number, VERSION_FIRST)
    for name, count in (("tick", changed.tick), ("lot", changed.lot)):
        if name in said and not 0 < count <= QUANTA_MAX:
            raise SettingsError(
                f"instrument.{name} is {said[name]}, which is too great to be counted; give a finer one."
            )
    _require_bounds(changed, said)
    return changed


def _require_steps(body: InstrumentBody) -> None:
    """See that orders can be priced and sized.

    What nobody states is read from the data themselves: their own last decimals are steps that every price and quantity of theirs keeps. A
    list of instruments that has no step for one is another thing: it was read, and says nothing to go by.
    """
    lacks = [name for name in ("tick", "lot") if not _states(body, name)]
    if lacks and body.origin != "inferred":
        wanted = " and ".join(f"instrument.{name}" for name in lacks)
        raise SettingsError(
            f"{body.symbol} has no {' and no '.join(lacks)} in the list of instruments that came with the data; write {wanted}."
        )


def _states(body: InstrumentBody, name: str) -> bool:
    """Whether a body states a step that is one."""
    return significant_decimals(getattr(body, name)) is not None


def _multiplier_of(body: InstrumentBody, said: bool) -> str:
    """What one contract is worth. Of inverse ones nobody can guess it: it stands in no row of a market."""
    if said or body.product != "inverse" or body.origin == "venue" or body.multiplier != "1":
        return body.multiplier
    if body.venue != "binance_coinm":
        raise SettingsError(
            f"{body.symbol} is an inverse contract, and the data do not say what one is worth; write instrument.multiplier."
        )
    return COINM_BTC if body.symbol.startswith("BTCUSD") else COINM_OTHERS


def _require_bounds(known: Instrument, said: Mapping[str, str]) -> None:
    """See that an order can be within the bounds that are said."""
    lot = known.qty_text(known.lot)
    counts = {}
    for name, text in (("min_qty", said.get("qty_min", "")), ("max_qty", said.get("qty_max", ""))):
        written = read_decimal(text)
        count = written.floor(known.qty_scale)[0] if written is not None else 0
        if written is not None and not known.lot <= count < COUNT_MAX:
            raise SettingsError(
                f"instrument.{name} {text} of {known.symbol} is less than a lot of {lot}, or cannot be counted; write another."
            )
        counts[name] = count
    if counts["max_qty"] and counts["min_qty"] > counts["max_qty"]:
        raise SettingsError(
            f"instrument.min_qty {said['qty_min']} is above instrument.max_qty {said['qty_max']}; turn them round."
        )
    worth = read_decimal(said.get("notional_min", ""))
    if worth is not None and worth.floor(MONEY_SCALE)[0] >= COUNT_MAX:
        raise SettingsError(f"instrument.min_notional {said['notional_min']} is too great to be counted; write less.")


def _traded(instrument: Instrument, *, wanted: bool = True) -> Traded:
    """An instrument with its assets. One that is only listed may keep them to itself: they are then called as it is."""
    body = instrument.body
    product = PRODUCTS.get(body.product, Product.LINEAR)
    base, quote = body.base, body.quote
    if not base or not quote:
        split = _split(body.symbol, product) or (None if wanted else (body.symbol, body.symbol))
        if split is None:
            raise SettingsError(f"{body.symbol} does not tell its assets; give instrument.base and instrument.quote.")
        base, quote = base or split[0], quote or split[1]
    settle = body.settle or (base if product is Product.INVERSE else quote)
    return Traded(instrument, product, base, quote, settle)


def _split(symbol: str, product: Product) -> tuple[str, str] | None:
    """Base and quote as a symbol spells them."""
    head = symbol.partition("_")[0].replace("-", "").replace("/", "").upper()
    if product is Product.INVERSE and head.endswith("USD") and len(head) > 3:
        return head[:-3], "USD"
    for quote in QUOTES:
        if head.endswith(quote) and len(head) > len(quote):
            return head.removesuffix(quote), quote
    return None


def _assets(traded: Sequence[Traded], more: Sequence[str], reporting: str) -> dict[str, Asset]:
    names = [reporting]
    for each in traded:
        names += [each.base, each.quote, each.settle]
    names += sorted(more)
    coins = {each.settle for each in traded if each.product is Product.INVERSE}
    finest: dict[str, int] = {}
    for each in traded:
        if each.product is Product.SPOT:
            finest[each.base] = max(finest.get(each.base, 0), each.instrument.qty_scale)
    return {
        name: Asset(number, min(SCALE_MAX, max(COIN_SCALE if name in coins else MONEY_SCALE, finest.get(name, 0))))
        for number, name in enumerate(dict.fromkeys(names), 1)
    }
