"""What there is: assets, instruments with their filters, accounts, rates, leverage, fees, brackets."""

from typing import Any, Final

from veloz.contracts import registry
from veloz.contracts.account import NameBody
from veloz.contracts.codes import VENUES, Product, TradingStatus
from veloz.contracts.instrument import InstrumentBody
from veloz.instruments.instrument import PRICE_SCALE_MAX, define, is_sound, significant_decimals
from veloz.instruments.units import SCALE_MAX, read_decimal
from veloz.scenario.grammar import Statement
from veloz.scenario.naming import ASSET_SCALE, REPORTING, AccountName, AssetName, Names, Traded, count, refuse
from veloz.scenario.rows import Builder, Making
from veloz.scenario.text import near

QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "EUR", "USD", "BTC", "ETH", "BNB")  # where a symbol is cut
ONE_PPM: Final = 1_000_000  # a row states the band as multiples of the price
DEFAULT_TICK: Final = "0.01"
DEFAULT_LOT: Final = "0.001"
_PRODUCTS: Final = {Product.SPOT: "spot", Product.LINEAR: "linear", Product.INVERSE: "inverse"}
_MARKETS: Final = {
    Product.SPOT: ("binance_spot",),
    Product.LINEAR: ("binance_usdm",),
    Product.INVERSE: ("binance_coinm",),
}


def need_asset(making: Making, line: int, name: str) -> AssetName:
    """An asset; one that no line has named gets its row here, at `ASSET_SCALE` decimals."""
    if name in making.names.assets:
        return making.names.assets[name]
    return _name_asset(making, line, name, ASSET_SCALE)


def _name_asset(making: Making, line: int, name: str, scale: int) -> AssetName:
    if scale > SCALE_MAX:
        refuse(line, f"an asset has at most {SCALE_MAX} decimals.")
    asset = making.names.add_asset(line, name, scale)
    making.add(line, registry.ASSET, body=NameBody(name=name), event=False, asset=asset.number, scale=scale)
    return asset


def _asset(statement: Statement, making: Making) -> None:
    _name_asset(making, statement.line, statement.args["name"], statement.args["scale"])


def _rate(statement: Statement, making: Making) -> None:
    asset, text = need_asset(making, statement.line, statement.args["asset"]), statement.args["value"]
    written = read_decimal(text) if text else None
    num, den = (written.digits, 10**written.decimals) if written else (0, 0)
    if written and not written.digits:
        refuse(statement.line, "a rate is above 0; write `off` where it is not known.")
    making.add(statement.line, registry.RATE, asset=asset.number, num=num, den=den)


def _split(line: int, venue: str, symbol: str, product: Product) -> tuple[str, str]:
    """Base and quote as the symbol spells them."""
    if product is Product.INVERSE:
        head = symbol.partition("_")[0]
        if head.endswith("USD") and len(head) > 3:
            return head[:-3], "USD"
    for quote in QUOTES:
        if symbol.partition("_")[0].endswith(quote) and len(symbol) > len(quote):
            return symbol.partition("_")[0].removesuffix(quote), quote
    refuse(line, f"{symbol} does not tell its assets; write `base X quote Y`.")


def _instrument(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    venue, colon, symbol = args["name"].partition(":")
    if not colon:
        fitting = _MARKETS[args["product"]]
        venue, symbol = fitting[0], args["name"]
    if venue not in VENUES:
        refuse(line, f"{venue!r} is no venue{near(venue, VENUES)}")
    if venue not in _MARKETS[args["product"]]:
        refuse(line, f"{venue} trades nothing {_PRODUCTS[args['product']]}.")
    known = making.names.instruments.get((venue, symbol))
    if known is not None and known.product != args["product"]:
        refuse(line, f"{symbol} is {_PRODUCTS[Product(known.product)]} and stays so.")
    given: dict[str, Any] = {**(known.given if known else {}), **args}
    base, quote = _assets_of(line, venue, symbol, given, known)
    settle = given.get("settle") or (base if args["product"] is Product.INVERSE else quote)
    assets = [need_asset(making, line, name).number for name in (base, quote, settle)]
    body = _body(line, venue, symbol, given, known, (base, quote, settle))
    number = known.number if known else len(making.names.instruments) + 1
    version = known.instrument.version + 1 if known else 1
    instrument = define(body, number, version)
    traded = Traded(instrument, int(args["product"]), base, quote, settle, given)
    if args["product"] is Product.SPOT and making.names.assets[base].scale < instrument.qty_scale:
        refuse(line, f"{symbol} counts quantities finer than {base}; give {base} {instrument.qty_scale} decimals.")
    making.names.instruments[venue, symbol] = traded
    making.add(
        line, registry.CHANGED if known else registry.LISTED, number, body=body, scales=instrument.scales,
        tick=instrument.tick, lot=instrument.lot, multiplier_e8=instrument.multiplier_e8, definition=version,
    )  # fmt: skip
    making.add(
        line, registry.ASSETS, number, product=args["product"], base=assets[0], quote=assets[1], settle=assets[2]
    )
    _filters(line, making, traded)
    if known is None:
        _default_leverage(line, making, traded)


def _assets_of(line: int, venue: str, symbol: str, given: dict[str, Any], known: Traded | None) -> tuple[str, str]:
    if known is not None:
        if (given.get("base", known.base), given.get("quote", known.quote)) != (known.base, known.quote):
            refuse(line, f"{symbol} keeps its assets.")
        return known.base, known.quote
    if "base" in given and "quote" in given:
        return given["base"], given["quote"]
    base, quote = _split(line, venue, symbol, given["product"])
    return given.get("base", base), given.get("quote", quote)


def _body(
    line: int, venue: str, symbol: str, given: dict[str, Any], known: Traded | None, assets: tuple[str, str, str]
) -> InstrumentBody:
    tick, lot = given.get("tick", DEFAULT_TICK), given.get("lot", DEFAULT_LOT)
    scales = []
    for what, step, most in (("price", tick, PRICE_SCALE_MAX), ("qty", lot, SCALE_MAX)):
        finest = significant_decimals(step)
        if finest is None:
            refuse(line, f"the {'tick' if what == 'price' else 'lot'} is above 0.")
        kept = getattr(known.instrument, f"{what}_scale") if known else finest
        scale = given.get(f"{what}_scale", kept)
        if scale < finest or scale > most:
            refuse(line, f"{step} needs {finest} decimals, {what}-scale says {scale}, and {most} are the most.")
        if known and scale != kept:
            refuse(line, f"{what}-scale of {symbol} stays {kept}.")
        scales.append(scale)
    body = InstrumentBody(
        venue=venue, symbol=symbol, product=_PRODUCTS[given["product"]], base=assets[0], quote=assets[1], settle=assets[2],
        price_scale=scales[0], qty_scale=scales[1], tick=tick, lot=lot, multiplier=given.get("multiplier", "1"),
        price_min=given.get("min_price", ""), price_max=given.get("max_price", ""), qty_min=given.get("min_qty", ""),
        qty_max=given.get("max_qty", ""), market_lot=given.get("market_lot", ""),
        market_qty_max=given.get("market_max_qty", ""), notional_min=given.get("min_notional", ""), origin="file",
    )  # fmt: skip
    if not is_sound(body) or define(body, 1).multiplier_e8 <= 0:
        refuse(line, f"{symbol} cannot be such an instrument: a number of it is out of bounds.")
    return body


def _filters(line: int, making: Making, traded: Traded) -> None:
    """Limits on orders, bounds and status, as far as they are given."""
    given, instrument = traded.given, traded.instrument

    def quanta(key: str, scale: int) -> int:
        text = str(given.get(key, "0"))
        return count(line, text, scale, key.replace("_", "-"))

    price, qty = instrument.price_scale, instrument.qty_scale
    up, down = (int(str(given.get(key, given.get("band", 0)))) for key in ("band_up", "band_down"))
    if down >= ONE_PPM:
        refuse(line, "a band reaches less than 100% down; leave it out where there is none.")
    making.add(
        line, registry.FILTERS, traded.number, qty_min=quanta("min_qty", qty), qty_max=quanta("max_qty", qty),
        notional_min=quanta("min_notional", making.names.assets[traded.quote].scale), up_ppm=ONE_PPM + up if up else 0,
        down_ppm=ONE_PPM - down if down else 0,
    )  # fmt: skip
    if {"min_price", "max_price", "market_min_qty", "market_max_qty", "market_lot"} & set(given):
        making.add(
            line, registry.BOUNDS, traded.number, price_min=quanta("min_price", price),
            price_max=quanta("max_price", price), market_qty_min=quanta("market_min_qty", qty),
            market_qty_max=quanta("market_max_qty", qty), market_lot=quanta("market_lot", qty),
        )  # fmt: skip
    if "status" in given:
        status = given["status"]
        assert isinstance(status, TradingStatus)
        making.add(line, registry.STATUS, traded.number, status=status)


def _status(statement: Statement, making: Making) -> None:
    traded = making.names.traded(statement.line, statement.args["symbol"])
    making.add(statement.line, registry.STATUS, traded.number, status=statement.args["status"])


def _account(statement: Statement, making: Making) -> None:
    args, line, names = statement.args, statement.line, making.names
    reporting = 0
    if "reporting" in args or not names.reporting:
        names.reporting = args.get("reporting", REPORTING)
        reporting = need_asset(making, line, names.reporting).number
    market = VENUES[args["venue"]]
    account = AccountName(len(names.accounts) + 1, int(market), args.get("hedge", False), args.get("leverage", 0))
    names.add_account(line, args["name"], account)
    making.add(
        line, registry.OPENED, body=NameBody(name=args["name"]), event=False, account=account.number, market=market,
        hedge=account.hedge, lots=args.get("lots", False), reporting=reporting,
    )  # fmt: skip
    if "maker" in args or "taker" in args:
        making.add(
            line, registry.FEES, account=account.number, maker_ppm=args.get("maker", 0), taker_ppm=args.get("taker", 0)
        )
    for traded in names.instruments.values():
        if account.leverage and traded.instrument.market == market:
            _leverage_row(line, making, traded, account, account.leverage, False)


def _default_leverage(line: int, making: Making, traded: Traded) -> None:
    for account in making.names.accounts.values():
        if account.leverage and account.market == traded.instrument.market:
            _leverage_row(line, making, traded, account, account.leverage, False)


def _leverage_row(
    line: int,
    making: Making,
    traded: Traded,
    account: AccountName,
    leverage: int,
    isolated: bool,
    seq: int | None = None,
) -> None:
    if not 1 <= leverage <= 1_000:
        refuse(line, "a leverage is 1 to 1000.")
    making.add(
        line, registry.LEVERAGE, traded.number, account=account.number, leverage=leverage, isolated=isolated,
        venue_seq=making.event_ns if seq is None else seq,
    )  # fmt: skip


def _leverage(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    traded = making.names.traded(line, args["symbol"])
    account = making.names.account(line, args.get("account", ""), traded.instrument.market)
    _leverage_row(line, making, traded, account, args["leverage"], args.get("isolated", False), args.get("seq"))


def _fees(statement: Statement, making: Making) -> None:
    args, line, names = statement.args, statement.line, making.names
    traded = names.traded(line, args["symbol"]) if "symbol" in args else None
    account = names.account(line, args.get("account", ""), traded.instrument.market if traded else 0)
    making.add(
        line, registry.FEES, traded.number if traded else 0, account=account.number, maker_ppm=args["maker"],
        taker_ppm=args["taker"],
    )  # fmt: skip


def money_scale(names: Names, traded: Traded) -> int:
    """Decimals of the asset that an instrument settles in."""
    return names.assets[traded.settle].scale


def _bracket(statement: Statement, making: Making) -> None:
    args, line = statement.args, statement.line
    traded = making.names.traded(line, args["symbol"])
    scale = money_scale(making.names, traded)
    making.add(
        line, registry.BRACKET, traded.number, tier=args["tier"], floor=count(line, args["floor"], scale, "the floor"),
        rate_ppm=args["rate"], cum=count(line, args.get("cum", "0"), scale, "cum"), leverage=args["leverage"],
    )  # fmt: skip


BUILDERS: Final[dict[str, Builder]] = {
    "asset": _asset, "instrument": _instrument, "status": _status, "rate": _rate, "account": _account,
    "leverage": _leverage, "fees": _fees, "bracket": _bracket,
}  # fmt: skip
