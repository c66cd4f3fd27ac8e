"""How a run begins: what it is about, what is traded, with what money, under which limits, by which strategies. All of it as rows.

The recording's own instruments are taken as they were when it began, with what the settings say instead. Two steps: the world, then the
strategies, at the smallest stamp of the data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from veloz.backtest.keys import SettingsError, ppm_of
from veloz.backtest.schedules import count_of, read_brackets
from veloz.backtest.settings import Runs, Settings
from veloz.backtest.world import Account, Asset, Traded, World, exact_of
from veloz.contracts import registry
from veloz.contracts.account import NameBody
from veloz.contracts.codes import Product, Refusal, StrategyAction
from veloz.contracts.layout import HEAD, ROW
from veloz.contracts.registry import Kind
from veloz.contracts.spelling import told_among
from veloz.contracts.system import DataBody
from veloz.engine.step import Body
from veloz.instruments.instrument import VERSION_FIRST, Instrument
from veloz.instruments.units import INT64_MAX, read_decimal
from veloz.risk.limits import LimitsError, Numbering, read_limits, seed
from veloz.strategies.loader import Code, Library, Refused
from veloz.strategies.parameters import convert
from veloz.strategies.sdk import Param

OWNER: Final = 1  # whose commands they are
_WORDS: Final = tuple(ROW.names or ())[len(HEAD) :]


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
    folded_from: int = 0  # as in `DataBody`


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
            path=named.path, head=named.head, config=settings.canonical(), config_hash=settings.digest, seed=settings["seed"],
            folded_from=named.folded_from,
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
    for account in world.accounts:
        _open(rows, world, settings, account)
    for name, rate in settings.rates.items():
        _state_rate(rows, world, name, rate)
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


def _open(rows: Rows, world: World, settings: Settings, account: Account) -> None:
    """An account: what it pays, what it holds."""
    rows.add(
        registry.OPENED, body=NameBody(name=account.name), account=account.number, market=account.market,
        lots=int(account.setting(settings, "lots") == "fifo"), reporting=world.assets[world.reporting].number,
    )  # fmt: skip
    rates = _rates_of(account, settings)
    rows.add(registry.FEES, account=account.number, maker_ppm=rates[0], taker_ppm=rates[1])
    for each in world.traded:
        if each.instrument.market == account.market:
            if _rates_of(each, settings) != rates:
                maker, taker = _rates_of(each, settings)
                rows.add(registry.FEES, each.number, account=account.number, maker_ppm=maker, taker_ppm=taker)
            if each.product is not Product.SPOT:
                _bear(rows, world.assets[each.money], each, settings, account.number)
    for name, amount in account.balances.items():
        asset = world.assets[name]
        total = count_of(f"account.balances.{name}", amount, asset.scale)
        rows.add(registry.BALANCE, account=account.number, total=total, asset=asset.number)


def _rates_of(whose: Account | Traded, settings: Settings) -> tuple[int, int]:
    maker, taker = (ppm_of(name, whose.setting(settings, name)) for name in ("maker", "taker"))
    return maker, taker


def _bear(rows: Rows, money: Asset, each: Traded, settings: Settings, account: int) -> None:
    """What a contract may be held with."""
    leverage, isolated = each.setting(settings, "leverage"), int(each.setting(settings, "isolated"))
    rows.add(registry.LEVERAGE, each.number, account=account, leverage=leverage, isolated=isolated)
    for tier, bracket in enumerate(read_brackets("brackets", each.setting(settings, "brackets"))):
        rows.add(
            registry.BRACKET, each.number, tier=tier, floor=count_of("brackets", bracket.floor, money.scale),
            rate_ppm=bracket.rate_ppm, cum=count_of("brackets", bracket.cum, money.scale), leverage=leverage,
        )  # fmt: skip


def _state_rate(rows: Rows, world: World, name: str, rate: Decimal) -> None:
    """What a unit of an asset is worth."""
    if name == world.reporting:
        raise SettingsError(f"account.rates.{name} is of the asset that everything is told in; leave it out.")
    num, places = exact_of(rate)
    rows.add(registry.RATE, asset=world.assets[name].number, num=num, den=10**places)


def _limit(rows: Rows, world: World, text: str) -> None:
    known = Numbering(
        {account.name: account.number for account in world.accounts},
        {f"{each.instrument.symbol}@{each.instrument.venue}": (each.number, each.instrument.qty_scale) for each in world.listed},
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
        code = each.full_code
        wanted = [world.named(symbol) for symbol in each.instruments] or list(world.traded)
        try:
            hashed, body = library.body_of(
                code, label=each.name, form=each.form, params=dict(each.params), source=sources.get(code.rpartition(":")[0], ""),
                instruments=[f"{one.instrument.venue}:{one.instrument.symbol}" for one in wanted],
            )  # fmt: skip
        except Refused as error:
            raise SettingsError(f"{str(error).rstrip('.')}.") from None
        _check_params(library, code, each, [one.instrument for one in wanted])
        account = world.account_of(wanted[0]).number  # it trades what is of other venues on the accounts there
        words: dict[str, Any] = {"strategy": number, "code_hash": hashed, "principal": OWNER, "account": account}
        rows.add(registry.COMMAND_STRATEGY, 0, body, **words, action=int(StrategyAction.LOAD))
        rows.add(registry.COMMAND_STRATEGY, 0, None, **words, action=int(StrategyAction.START))
    return rows


def require_params(code: Code, runs: Runs) -> None:
    """See that a strategy has the parameters that are named, whatever they are set to. Raises SettingsError."""
    declared = [param.name for param in code.made.params]
    for name in runs.params:
        if name not in declared:
            raise SettingsError(f"Strategy {runs.name} has no parameter {name}; {told_among(name, declared)}.")


def _check_params(library: Library, code: str, runs: Runs, instruments: Sequence[Instrument]) -> None:
    made = library.newest(code)
    assert made is not None, code
    require_params(made, runs)
    scales = [(each.price_scale, each.qty_scale) for each in instruments]
    for param in made.made.params:
        _check_value(runs, param, scales)
        if param.rounding == "exact" and param.unit in ("price", "qty") and param.market < len(instruments):
            _check_step(runs, param, instruments[param.market])
    if runs.form == "kernel" and made.made.kernel is None:
        raise SettingsError(f"Strategy {runs.name} has no compiled form; set its form to python.")


def _check_step(runs: Runs, param: Param, known: Instrument) -> None:
    """See that what is taken as it is written can be ordered: prices in whole ticks, quantities in whole lots, within the bounds."""
    text = runs.params.get(param.name, param.default)
    count = int(
        convert(
            msgspec.structs.replace(param, times=1), text, [(known.price_scale, known.qty_scale)] * (param.market + 1)
        ).value
    )
    is_price = param.unit == "price"
    step, word = (known.tick, "tick") if is_price else (known.lot, "lot")
    told = known.price_text(step) if is_price else known.qty_text(step)
    where = f"Parameter {param.name} of strategy {runs.name} is {text}"
    if count % step:
        raise SettingsError(f"{where}, and a {word} of {known.symbol} is {told}; write a multiple of it.")
    if is_price or count == 0:
        return
    least = read_decimal(known.body.qty_min)
    if least is not None and abs(count) < least.floor(known.qty_scale)[0]:
        raise SettingsError(f"{where}, and an order of {known.symbol} is at least {known.body.qty_min}; write more.")
    if abs(count) > known.qty_max:
        raise SettingsError(
            f"{where}, and an order of {known.symbol} is at most {known.qty_text(known.qty_max)}; write less."
        )


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
