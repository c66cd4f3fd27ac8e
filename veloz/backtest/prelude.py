"""How a run begins: what it is about, what is traded, with what money, under which limits, by which strategies. All of it as rows.

The recording's own instruments are taken as they were when it began, with what the settings say instead. Two steps: the world, then the
strategies, at the smallest stamp of the data.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from veloz.backtest.settings import Runs, Settings, SettingsError, text_of
from veloz.contracts import registry
from veloz.contracts.account import NameBody
from veloz.contracts.codes import Product, Refusal, StrategyAction
from veloz.contracts.layout import HEAD, ROW
from veloz.contracts.registry import Kind
from veloz.contracts.system import DataBody
from veloz.engine.step import Body
from veloz.instruments.instrument import VERSION_FIRST, Instrument, define, is_sound, significant_decimals
from veloz.instruments.units import INT64_MAX, SCALE_MAX, read_decimal
from veloz.risk.limits import LimitsError, Numbering, read_limits, seed
from veloz.strategies.loader import Library, Refused
from veloz.strategies.parameters import convert
from veloz.strategies.sdk import Param

ACCOUNT: Final = 1
OWNER: Final = 1  # whose commands they are
MONEY_SCALE: Final = 8
COIN_SCALE: Final = 12  # of coins that inverse contracts gain and lose in: an execution moves very little of one
DEFAULT_MONEY: Final = Decimal(1_000_000)
QUANTA_MAX: Final = 10**15  # of one step of a price or a quantity
QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "EUR", "USD", "BTC", "ETH", "BNB")
PRODUCTS: Final = {"spot": Product.SPOT, "linear": Product.LINEAR, "inverse": Product.INVERSE}
_WORDS: Final = tuple(ROW.names or ())[len(HEAD) :]


@dataclass(frozen=True)
class Asset:
    """An asset of a run."""

    number: int
    scale: int


@dataclass(frozen=True)
class Traded:
    """An instrument of a run: its number is the recording's."""

    instrument: Instrument
    product: Product
    base: str
    quote: str
    settle: str

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

    def named(self, symbol: str) -> Traded:
        """A traded instrument by `SYMBOL` or `venue:SYMBOL`. Raises SettingsError."""
        return find_traded(self.traded, symbol)


class Rows:
    """Rows under way, with their bodies."""

    def __init__(self, now_ns: int) -> None:
        self._now = now_ns
        self._rows: list[np.ndarray] = []
        self.bodies: list[Body] = []

    def add(self, kind: Kind, instrument: int = 0, body: msgspec.Struct | None = None, **words: int) -> None:
        """One row; words it does not name are 0."""
        row = np.zeros(1, ROW)
        row["kind"], row["version"], row["instrument"], row["ts_recv"] = (
            kind.number,
            kind.version,
            instrument,
            self._now,
        )
        for name, value in words.items():
            row[_WORDS[kind.words.index(name)]] = value
        if body is not None:
            self.bodies.append((len(self._rows), msgspec.msgpack.encode(body)))
        self._rows.append(row)

    def join(self, other: "Rows") -> None:
        """Other rows with their bodies, behind these."""
        self.bodies += [(len(self._rows) + at, body) for at, body in other.bodies]
        self._rows += other._rows

    def extend(self, rows: np.ndarray) -> None:
        """Rows that were made elsewhere."""
        self._rows += [rows[k : k + 1] for k in range(len(rows))]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._rows)

    def rows(self) -> np.ndarray:
        """ROW[n]."""
        return np.concatenate(self._rows)


# --- the world ----------------------------------------------------------------------------------------------------------------


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
    wanted = settings["instrument.symbol"]
    chosen = [find_traded([_traded(each) for each in instruments], symbol).number for symbol in wanted]
    chosen = chosen or [each.number for each in instruments]
    changed = _changes(settings)
    if changed and len(chosen) > 1:
        raise SettingsError(
            f"{min(changed)} is of one instrument, and {len(chosen)} are traded; name one by instrument.symbol."
        )
    listed = []
    for each in instruments:
        listed.append(_traded(_change(each, settings) if each.number in chosen and changed else each))
    traded = tuple(each for each in listed if each.number in chosen)
    reporting = settings["account.reporting"] or traded[0].money
    known = dict.fromkeys(name for each in listed for name in (each.base, each.quote, each.settle))
    if reporting not in known and reporting not in settings.balances:
        raise SettingsError(
            f"account.reporting is {reporting!r}, which nothing here is paid in; there are {', '.join(known)}."
        )
    return World(traded, tuple(listed), _assets(listed, settings, reporting), reporting)


def find_traded(known: Iterable[Traded], symbol: str) -> Traded:
    """An instrument by `SYMBOL` or `venue:SYMBOL`.

    Raises:
        SettingsError: There is none, or there are several.
    """
    venue, colon, name = symbol.rpartition(":")
    every = list(known)
    found = [each for each in every if each.instrument.symbol == name and (not colon or each.instrument.venue == venue)]
    if not found:
        there = ", ".join(sorted({each.instrument.symbol for each in every}))
        raise SettingsError(f"instrument.symbol is {symbol}, which the data do not hold; they hold {there}.")
    if len(found) > 1:
        raise SettingsError(f"{symbol} is traded on several venues of the data; write it as venue:{symbol}.")
    return found[0]


def _changes(settings: Settings) -> list[str]:
    names = ("kind", "tick", "lot", "multiplier", "base", "quote", "min_qty", "max_qty", "min_notional")
    return [f"instrument.{name}" for name in names if settings[f"instrument.{name}"]]


def _change(known: Instrument, settings: Settings) -> Instrument:
    """An instrument as the settings have it, at the scales of the data."""
    said: dict[str, str] = {
        field: text_of(settings[f"instrument.{name}"])
        for name, field in (
            ("tick", "tick"), ("lot", "lot"), ("multiplier", "multiplier"), ("min_qty", "qty_min"), ("max_qty", "qty_max"),
            ("min_notional", "notional_min"),
        )
        if settings[f"instrument.{name}"]
    }  # fmt: skip
    for name, field in (("kind", "product"), ("base", "base"), ("quote", "quote")):
        if settings[f"instrument.{name}"]:
            said[field] = settings[f"instrument.{name}"]
    if said.get("product", known.body.product) != known.body.product:
        said["settle"] = ""
    for field, scale in (("tick", known.price_scale), ("lot", known.qty_scale)):
        decimals = significant_decimals(said[field]) if field in said else None
        if decimals is not None and decimals > scale:
            raise SettingsError(
                f"instrument.{field} {said[field]} has {decimals} decimals, and the data count {scale}; give a coarser one."
            )
    body = msgspec.structs.replace(known.body, **said)
    if not is_sound(body):
        raise SettingsError(
            f"{known.symbol} cannot be such an instrument; look at instrument.multiplier, tick and lot."
        )
    changed = define(body, known.number, VERSION_FIRST)
    for field, count in (("tick", changed.tick), ("lot", changed.lot)):
        if field in said and not 0 < count <= QUANTA_MAX:
            raise SettingsError(
                f"instrument.{field} is {said[field]}, which is too great to be counted; give a finer one."
            )
    return changed


def _traded(instrument: Instrument) -> Traded:
    body = instrument.body
    product = PRODUCTS.get(body.product, Product.LINEAR)
    base, quote = body.base, body.quote
    if not base or not quote:
        split = _split(body.symbol, product)
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


def _assets(traded: Sequence[Traded], settings: Settings, reporting: str) -> dict[str, Asset]:
    names = [reporting]
    for each in traded:
        names += [each.base, each.quote, each.settle]
    names += sorted(settings.balances)
    coins = {each.settle for each in traded if each.product is Product.INVERSE}
    finest: dict[str, int] = {}
    for each in traded:
        if each.product is Product.SPOT:
            finest[each.base] = max(finest.get(each.base, 0), each.instrument.qty_scale)
    return {
        name: Asset(number, min(SCALE_MAX, max(COIN_SCALE if name in coins else MONEY_SCALE, finest.get(name, 0))))
        for number, name in enumerate(dict.fromkeys(names), 1)
    }


# --- the rows -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """What row 1 says of the data."""

    first_seq: int
    last_seq: int
    shift_ns: int
    paper: bool
    path: str
    head: str


def world_rows(world: World, settings: Settings, named: Named, now_ns: int, limits: str) -> Rows:
    """The first step.

    Args:
        world: What is traded.
        settings: The run's.
        named: The data.
        now_ns: When it begins.
        limits: Text of the file of limits; "" = none.

    Raises:
        SettingsError: A balance or a limit cannot be counted.
    """
    rows = Rows(now_ns)
    _name(rows, settings, named)
    return _open_world(rows, world, settings, now_ns, limits)


def paper_rows(world: World, settings: Settings, named: Named, now_ns: int, limits: str) -> Rows:
    """The first step of a run on paper: the same, but the journal begins with the run, which is no result of data.

    Args and errors as of `world_rows`; `named` says where the feed is from, as far as that is a recording.
    """
    return _open_world(Rows(now_ns), world, settings, now_ns, limits, named)


def _name(rows: Rows, settings: Settings, named: Named) -> None:
    rows.add(
        registry.DATA_NAMED,
        body=DataBody(
            path=named.path, head=named.head, config=settings.canonical(), config_hash=settings.digest, seed=settings["seed"]
        ),
        first_data_seq=named.first_seq, last_data_seq=named.last_seq, shift_ns=named.shift_ns,
        gated=int(settings["gate.enabled"]), venue_clock=int(named.paper),
    )  # fmt: skip


def _open_world(
    rows: Rows, world: World, settings: Settings, now_ns: int, limits: str, named: Named | None = None
) -> Rows:
    rows.add(registry.STARTED, epoch=1)
    if named is not None:
        _name(rows, settings, named)
    for name, asset in world.assets.items():
        rows.add(registry.ASSET, body=NameBody(name=name), asset=asset.number, scale=asset.scale)
    rows.join(listing_rows(world, now_ns))
    for each in world.listed:
        _terms(rows, world, each)
    _open(rows, world, settings)
    if limits:
        _limit(rows, world, limits)
    return rows


def listing_rows(world: World, now_ns: int) -> Rows:
    """The instruments alone: what market rows need."""
    rows = Rows(now_ns)
    for each in world.listed:
        known = each.instrument
        rows.add(
            registry.LISTED, each.number, known.body, scales=known.scales, tick=known.tick, lot=known.lot,
            multiplier_e8=known.multiplier_e8, definition=VERSION_FIRST,
        )  # fmt: skip
    return rows


def _terms(rows: Rows, world: World, each: Traded) -> None:
    assets = world.assets
    rows.add(
        registry.ASSETS, each.number, product=int(each.product), base=assets[each.base].number,
        quote=assets[each.quote].number, settle=assets[each.settle].number,
    )  # fmt: skip
    rows.add(registry.FILTERS, each.number, None, **filters_of(each, world))


def filters_of(each: Traded, world: World) -> dict[str, int]:
    """The words of instrument.filters that an instrument's texts give; what is not stated, or too great to be counted, is no limit."""
    body, qty = each.instrument.body, each.instrument.qty_scale
    money = world.assets[each.quote].scale
    texts = (("qty_min", body.qty_min, qty), ("qty_max", body.qty_max, qty), ("notional_min", body.notional_min, money))
    found = {}
    for name, text, scale in texts:
        written = read_decimal(text)
        count = 0 if written is None else written.floor(scale)[0]
        found[name] = count if 0 < count < 1 << 62 else 0
    return found


def _open(rows: Rows, world: World, settings: Settings) -> None:
    markets = sorted({each.instrument.market for each in world.traded})
    if len(markets) > 1:
        raise SettingsError(
            "A run has one account, and the instruments are of several venues; name those of one by instrument.symbol."
        )
    rows.add(
        registry.OPENED, body=NameBody(name=settings["account.name"]), account=ACCOUNT, market=markets[0],
        lots=int(settings["account.lots"] == "fifo"), reporting=world.assets[world.reporting].number,
    )  # fmt: skip
    rows.add(registry.FEES, account=ACCOUNT, maker_ppm=settings.ppm("fees.maker"), taker_ppm=settings.ppm("fees.taker"))
    for each in world.traded:
        if each.product is not Product.SPOT:
            rows.add(registry.LEVERAGE, each.number, account=ACCOUNT, leverage=settings["account.leverage"])
            _brackets(rows, world.assets[each.money], each, settings)
    balances = settings.balances or {each.money: DEFAULT_MONEY for each in world.traded}
    for name, amount in balances.items():
        asset = world.assets[name]
        count = amount.scaleb(asset.scale)
        if count != count.to_integral_value() or not 0 <= count < 1 << 62:
            raise SettingsError(
                f"account.balances.{name} is {text_of(amount)}: give at most {asset.scale} decimals, and less."
            )
        rows.add(registry.BALANCE, account=ACCOUNT, total=int(count), asset=asset.number)


def _brackets(rows: Rows, money: Asset, each: Traded, settings: Settings) -> None:
    """Maintenance margin of a contract, by notional."""
    for tier, text in enumerate(settings["account.brackets"]):
        floor, rate, *more = numbers_of("account.brackets", text, (2, 3))
        cum = more[0] if more else Decimal(0)
        words = [floor.scaleb(money.scale), rate.scaleb(6), cum.scaleb(money.scale)]
        if any(word != word.to_integral_value() or not 0 <= word < 1 << 62 for word in words):
            raise SettingsError(f"account.brackets {text!r}: give numbers of 0 or more with fewer decimals.")
        floor_money, rate_ppm, cum_money = (int(word) for word in words)
        rows.add(
            registry.BRACKET, each.number, tier=tier, floor=floor_money, rate_ppm=rate_ppm, cum=cum_money,
            leverage=settings["account.leverage"],
        )  # fmt: skip


def numbers_of(name: str, text: str, lengths: tuple[int, ...]) -> list[Decimal]:
    """The numbers of a setting that holds some in one text. Raises SettingsError."""
    try:
        numbers = [Decimal(word) for word in text.split()]
    except ArithmeticError:
        numbers = []
    if len(numbers) not in lengths or not all(each.is_finite() for each in numbers):
        wanted = " or ".join(str(each) for each in lengths)
        raise SettingsError(f"{name} wants {wanted} numbers in each text, and one says {text!r}.")
    return numbers


def _limit(rows: Rows, world: World, text: str) -> None:
    known = Numbering(
        {}, {f"{each.instrument.symbol}@{each.instrument.venue}": (each.number, each.instrument.qty_scale) for each in world.listed},
        {}, world.assets[world.reporting].scale,
    )  # fmt: skip
    try:
        entries = read_limits(text, known)
    except LimitsError as error:
        raise SettingsError(" ".join(str(error).split())) from None
    rows.extend(seed(entries, len(rows) + 1, int(rows.rows()["ts_recv"][0]), OWNER))


def strategy_rows(
    world: World, strategies: Sequence[Runs], library: Library, sources: Mapping[str, str], now_ns: int
) -> Rows:
    """The second step: every strategy is loaded and started.

    Args:
        world: What is traded.
        strategies: As the settings name them.
        library: All code that may be run.
        sources: Text of the files among it, by name.
        now_ns: When it begins.

    Raises:
        SettingsError: There is no such code, or a parameter of that name.
    """
    rows = Rows(now_ns)
    for number, each in enumerate(strategies, 1):
        code = each.code if ":" in each.code else f"{each.code}:{each.code.capitalize()}"
        wanted = [world.named(symbol) for symbol in each.instruments] or list(world.traded)
        try:
            hashed, body = library.body_of(
                code, label=each.name, form=each.form, params=dict(each.params), source=sources.get(code.rpartition(":")[0], ""),
                instruments=[f"{one.instrument.venue}:{one.instrument.symbol}" for one in wanted],
            )  # fmt: skip
        except Refused as error:
            raise SettingsError(f"{str(error).rstrip('.')}.") from None
        _check_params(library, code, each, [one.instrument for one in wanted])
        words: dict[str, Any] = {"strategy": number, "code_hash": hashed, "principal": OWNER, "account": ACCOUNT}
        rows.add(registry.COMMAND_STRATEGY, 0, body, **words, action=int(StrategyAction.LOAD))
        rows.add(registry.COMMAND_STRATEGY, 0, None, **words, action=int(StrategyAction.START))
    return rows


def _check_params(library: Library, code: str, runs: Runs, instruments: Sequence[Instrument]) -> None:
    made = library.newest(code)
    assert made is not None, code
    declared = [param.name for param in made.made.params]
    for name in runs.params:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=1, cutoff=0.4)
            known = f"the nearest is {near[0]}" if near else f"there are {', '.join(declared) or 'none'}"
            raise SettingsError(f"Strategy {runs.name} has no parameter {name}; {known}.")
    scales = [(each.price_scale, each.qty_scale) for each in instruments]
    for param in made.made.params:
        _check_value(runs, param, scales)
    if runs.form == "kernel" and made.made.kernel is None:
        raise SettingsError(f"Strategy {runs.name} has no compiled form; set its form to python.")


def _check_value(runs: Runs, param: Param, scales: Sequence[tuple[int, int]]) -> None:
    """See that a strategy can take what it is told; what it cannot take would only be said in the result, of a run that does nothing."""
    if param.name not in runs.params:
        return
    text = runs.params[param.name]
    value, where = convert(param, text, scales), f"Parameter {param.name} of strategy {runs.name} is {text!r}"
    if value.code == Refusal.NOT_KNOWN:
        raise SettingsError(
            f"Strategy {runs.name} wants {param.market + 1} instruments; name them in instrument.symbol."
        )
    if value.code == Refusal.OUT_OF_BOUNDS and value.limit == INT64_MAX:
        raise SettingsError(f"{where}, which is too great to be counted; write less.")
    if value.code == Refusal.NOT_A_NUMBER and value.limit:
        raise SettingsError(f"{where}, which has more decimals than the data count; write fewer.")
    if value.code == Refusal.OUT_OF_BOUNDS:
        bounds = " and ".join(
            f"{word} {bound}" for word, bound in (("least", param.low), ("most", param.high)) if bound
        )
        raise SettingsError(f"{where}, which is out of its bounds; write {f'at {bounds}' if bounds else 'less'}.")
    if value.code:
        raise SettingsError(f"{where}, which is no number; write digits.")
    if value.value == 0 and read_decimal(text) != read_decimal("0") and text.strip("-+0."):
        raise SettingsError(f"{where}, which is less than the smallest step of the data; write more.")
