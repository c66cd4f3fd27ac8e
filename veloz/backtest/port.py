"""The simulated exchange as a run sees it: made from the settings, and helped wherever its kernels stop."""

from typing import Final

import numpy as np

from veloz.backtest import exchange
from veloz.backtest.machine import DONE, ENTRY, NEVER, NO_ROOM, OUTSIDE, RESPONSE, STOPPED
from veloz.backtest.making import lengthen, new_venue, request_of, widen
from veloz.backtest.prelude import Traded, World, filters_of
from veloz.backtest.rules import HFTBACKTEST, Compat, Delay, Latency, Market, Matching, Queue, Rules
from veloz.backtest.settings import Settings, SettingsError
from veloz.backtest.setup import Ladder, Plan
from veloz.contracts.codes import Product
from veloz.contracts.layout import ROW
from veloz.engine.outbox import Request
from veloz.reducers.words import INSTRUMENT_SHIFT, RAW, WORD_MASK, I

NOTIONAL_PLACES: Final = 8  # of a multiplier
QTY_MOST: Final = (1 << 62) - 1
OUT_FIRST: Final = 256
SHARE_PLACES: Final = 6  # of what is counted in millionths
WIDER: Final = (1, 4)  # a ladder that a price left reaches so far beyond it


class Exchange:
    """A simulated exchange: `runner.Venue`.

    Args:
        plan: The run.
    """

    def __init__(self, plan: Plan) -> None:
        self.venue = new_venue(markets_of(plan), rules_of(plan.settings))
        self._ends = self.venue.wires.view("<i8").reshape(2, -1)[
            :, :2
        ]  # head and tail of both wires, wherever they are
        self._signal = np.zeros(1, np.int64)
        self._out = np.zeros(OUT_FIRST, RAW)

    def advance(self, rows: np.ndarray, begin: int, until_ns: int) -> int:
        """See `runner.Venue`."""
        rows.flags.writeable = False  # one type for the compiler
        while True:
            begin = int(exchange.advance(self.venue, rows, I(begin), I(until_ns), self._signal))
            why = self._signal[0]
            if why == NO_ROOM:
                self.venue = lengthen(self.venue)
            elif why == OUTSIDE:
                self._widen(rows[begin])
            else:
                return begin

    def _widen(self, row: np.void) -> None:
        """Room for a price that left its ladder."""
        instrument, price = int(row["head"]) >> int(INSTRUMENT_SHIFT) & int(WORD_MASK), int(row["price"])
        place = int(self.venue.places[instrument])
        tick, bids = int(self.venue.markets[place]["tick"]), self.venue.sides[2 * place]
        low, high = int(bids["lo"]) * tick, int(bids["hi"]) * tick
        low, high = min(low, price - price * WIDER[0] // WIDER[1]), max(high, price + price * WIDER[0] // WIDER[1])
        self.venue = widen(self.venue, instrument, max(low, tick), high)

    def send(self, request: Request, sent_ns: int) -> None:
        """See `runner.Venue`."""
        wired = request_of(request)
        while exchange.send(self.venue, wired, I(sent_ns)) != DONE:
            self.venue = lengthen(self.venue)

    def next_arrival_ns(self) -> int:
        """See `runner.Venue`."""
        return self._due(RESPONSE, self.venue.reports, "ts_recv")

    def next_request_ns(self) -> int:
        """See `runner.Venue`."""
        return self._due(ENTRY, self.venue.requests, "due_ns")

    def _due(self, place: I, ring: np.ndarray, name: str) -> int:
        """When the first message of a wire arrives; NEVER: there is none."""
        head, tail = self._ends[place].tolist()
        return int(ring[name][head & (len(ring) - 1)]) if head != tail else int(NEVER)

    def take(self, at_ns: int) -> np.ndarray:
        """See `runner.Venue`."""
        found = []
        while True:
            n = int(exchange.take(self.venue, I(at_ns), self._out))
            found.append(self._out[:n].copy())
            if n < len(self._out):
                return np.concatenate(found).view(ROW)

    def ended(self) -> str:
        """See `runner.Venue`."""
        if self._signal[0] != STOPPED:
            return ""
        return (
            f"the exchange that is imitated would have ended the run with its code {int(self.venue.clock[0]['abort'])}"
        )


def markets_of(plan: Plan) -> list[Market]:
    """What is traded, as the exchange is told."""
    return [_market(plan.world, each, plan.ladders[each.number], plan.settings) for each in plan.world.traded]


def _market(world: World, each: Traded, ladder: Ladder, settings: Settings) -> Market:
    known, filters = each.instrument, filters_of(each, world)
    money, base = world.assets[each.money], world.assets[each.base]
    compat = settings["match.compat"] != "none"
    return Market(
        instrument=each.number,
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
        maker_ppm=settings.ppm("fees.maker"),
        taker_ppm=settings.ppm("fees.taker"),
        qty_min=0 if compat else filters["qty_min"],
        qty_max=QTY_MOST if compat else filters["qty_max"] or QTY_MOST,
        notional_min=0
        if compat or each.product is Product.INVERSE
        else _notional(each, money.scale, filters["notional_min"]),
    )


def _notional(each: Traded, scale: int, least: int) -> int:
    """The least worth of an order in price quanta times quantity quanta, rounded up."""
    known = each.instrument
    places = known.price_scale + known.qty_scale + NOTIONAL_PLACES - scale
    over, under = 10 ** max(places, 0), 10 ** max(-places, 0)
    return int(-(-least * over // (under * known.multiplier_e8)))


def rules_of(settings: Settings) -> Rules:
    """How the exchange trades.

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
        entry=_latency(settings, "entry"),
        response=_latency(settings, "response"),
        slippage_ppm=settings["match.slippage_ppm"],
        impact_ppm=settings["match.impact_ppm"],
        seed=settings["seed"],
    )


def _latency(settings: Settings, wire: str) -> Latency:
    """How long messages on a wire are under way."""
    model = Delay[settings["latency.model"].upper()]
    table: tuple[tuple[int, ...], ...] = ()
    if model == Delay.FEED:
        table = ((int(settings["latency.feed_share"].scaleb(SHARE_PLACES)),),)
    elif model == Delay.EMPIRICAL:
        table = tuple((each,) for each in settings[f"latency.{wire}_quantiles"])
    spread = float(settings["latency.spread"]) if model == Delay.LOG_NORMAL else 0.0
    return Latency(model=model, ns=settings[f"latency.{wire}_ns"], table=table, spread=spread)
