"""The simulated exchange as a run sees it: made from its settings."""

from dataclasses import replace
from typing import Any, Final, Protocol

from veloz.backtest.driving import Driven
from veloz.backtest.keys import SettingsError, ppm_of
from veloz.backtest.prelude import Named, filters_of, world_rows
from veloz.backtest.prices import Ladder
from veloz.backtest.rules import HFTBACKTEST, Compat, Delay, FeeIn, Latency, Market, Matching, Queue, Rules
from veloz.backtest.schedules import read_tiers
from veloz.backtest.settings import Settings
from veloz.backtest.world import Account, Traded, World, exact_of, fee_price
from veloz.contracts.codes import Product
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state

NOTIONAL_PLACES: Final = 8  # of a multiplier
QTY_MOST: Final = (1 << 62) - 1
SHARE_PLACES: Final = 6  # of what is counted in millionths
SEED_END: Final = 1 << 60  # of what `Rules.seed` may be
_SEED_STEP: Final = 0x9E3779B97F4A7C5  # odd, so that no two places meet, and wide, so that they share few bits


class Trading(Protocol):
    """What an exchange has to know of a run: `setup.Plan`, or that of a run on paper."""

    @property
    def settings(self) -> Settings:
        """How it trades."""

    @property
    def world(self) -> World:
        """What is traded."""

    @property
    def ladders(self) -> dict[int, Ladder]:
        """Where the book of each instrument lies."""

    @property
    def printed(self) -> frozenset[int]:
        """Instruments that are known to have trades that are not aggregated."""


class Exchange(Driven):
    """A simulated exchange: `runner.Venue`.

    Args:
        plan: The run.
        account: Whose venue it is; None: it is all venues in one, which are equally far away.
    """

    def __init__(self, plan: Trading, account: Account | None = None) -> None:
        every = [each.number for each in plan.world.traded if account in (None, plan.world.account_of(each))]
        markets = [each for each in markets_of(plan) if each.instrument in every]
        own = account or plan.world.accounts[0]
        rules = rules_of(plan.settings, own)
        rules = replace(rules, seed=_seed_at(rules.seed, plan.world.accounts.index(own)))
        super().__init__(markets, rules, _books_of(plan))


def _seed_at(seed: int, place: int) -> int:
    """What the exchange of an account draws by: each by a seed of its own, and the first, or an only one, by the run's."""
    return (seed + place * _SEED_STEP) % SEED_END


def _books_of(plan: Trading) -> State | None:
    """What the exchange's own books begin as; None: it keeps none."""
    if not plan.settings["account.margin"]:
        return None
    return fold(new_state(), world_rows(plan.world, plan.settings, Named(1, 1, 0, False, "", ""), 1, "").rows(), 1)


def markets_of(plan: Trading) -> list[Market]:
    """What is traded, as the exchange is told."""
    return [
        _market(plan.world, each, plan.ladders[each.number], plan.settings, plan.printed) for each in plan.world.traded
    ]


def _market(world: World, each: Traded, ladder: Ladder, settings: Settings, printed: frozenset[int]) -> Market:
    known, filters = each.instrument, filters_of(each, world)
    money, base = world.assets[each.money], world.assets[each.base]
    compat = settings["match.compat"] != "none"
    return Market(
        instrument=each.number,
        printed=each.number in printed,
        price_scale=known.price_scale,
        qty_scale=known.qty_scale,
        low=ladder.low,
        high=ladder.high,
        tick=known.tick,
        lot=known.lot,
        multiplier_e8=known.multiplier_e8,
        product=each.product,
        money=money.number,
        money_scale=money.scale,
        base=base.number,
        base_scale=base.scale,
        account=world.account_of(each).number,
        maker_ppm=ppm_of("maker", each.setting(settings, "maker")),
        taker_ppm=ppm_of("taker", each.setting(settings, "taker")),
        qty_min=0 if compat else filters["qty_min"],
        qty_max=QTY_MOST if compat else filters["qty_max"] or QTY_MOST,
        notional_min=0
        if compat or each.product is Product.INVERSE
        else _notional(each, money.scale, filters["notional_min"]),
        **_third_of(world, each, settings),
    )


def _third_of(world: World, each: Traded, settings: Settings) -> dict[str, Any]:
    """What fees are paid in, where that is a third asset."""
    priced = fee_price(world, each, settings)
    if priced is None:
        return {}
    asset = world.assets[settings["fees.asset"]]
    told = {"fee_in": FeeIn.THIRD, "third": asset.number, "third_scale": asset.scale}
    if isinstance(priced, int):
        return {**told, "third_instrument": priced}
    num, places = exact_of(priced)
    return {**told, "third_rate": num, "third_rate_scale": places}


def _notional(each: Traded, scale: int, least: int) -> int:
    """The least worth of an order in price quanta times quantity quanta, rounded up."""
    known = each.instrument
    places = known.price_scale + known.qty_scale + NOTIONAL_PLACES - scale
    over, under = 10 ** max(places, 0), 10 ** max(-places, 0)
    return int(-(-least * over // (under * known.multiplier_e8)))


def rules_of(settings: Settings, account: Account | None = None) -> Rules:
    """How the exchange trades.

    Args:
        settings: The run's.
        account: Whose venue it is: it may say how far away that is.

    Raises:
        SettingsError: Nothing trades so.
    """
    models = {"queue": Matching.QUEUE, "trades": Matching.TRADES, "book": Matching.BOOK, "bars": Matching.BARS}
    if settings["match.model"] != "queue" and settings["match.compat"] != "none":
        raise SettingsError("match.compat hftbacktest goes with match.model queue; set one of the two otherwise.")
    return Rules(
        matching=models[settings["match.model"]],
        queue=Queue[settings["queue.model"].upper()],
        power=float(settings["queue.power"]),
        partial=settings["match.partial"],
        compat=HFTBACKTEST if settings["match.compat"] == "hftbacktest" else Compat.NOTHING,
        entry=_latency(settings, "entry", account),
        response=_latency(settings, "response", account),
        accounts=settings["match.compat"] == "none",
        margin=settings["account.margin"] and settings["match.compat"] == "none",
        tiers=read_tiers("fees.tiers", settings["fees.tiers"]),
        slippage_ppm=settings["match.slippage_ppm"],
        impact_ppm=settings["match.impact_ppm"],
        requests_most=settings["match.requests_most"],
        window_ns=settings["match.requests_ns"],
        seed=settings["seed"],
    )


def _latency(settings: Settings, wire: str, account: Account | None) -> Latency:
    """How long messages on a wire are under way."""
    model = Delay[settings["latency.model"].upper()]
    table: tuple[tuple[int, ...], ...] = ()
    if model == Delay.FEED:
        table = ((int(settings["latency.feed_share"].scaleb(SHARE_PLACES)),),)
    elif model == Delay.EMPIRICAL:
        table = tuple((each,) for each in settings[f"latency.{wire}_quantiles"])
    spread = float(settings["latency.spread"]) if model == Delay.LOG_NORMAL else 0.0
    name = f"{wire}_ns"
    ns = settings[f"latency.{name}"] if account is None else account.setting(settings, name)
    return Latency(model=model, ns=ns, table=table, spread=spread)
