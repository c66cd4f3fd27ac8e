"""Two-sided quoting around the middle of the book, one order a side, moved when the price moves. In both forms.

Every `interval_ns`, with best prices A and B and half spread H, in whole ticks:

    bid = floor((A + B - 2H) / 2)      ask = ceil((A + B + 2H) / 2)

With `on_change` only where something it goes by is not as it was, which comes to the same orders: it goes by nothing else.

Own orders at other prices are canceled where they can be. A side without an order at its price gets a post-only one of `qty`, a bid while
the position is below `max_position`, an ask while it is above minus that. 2H is rounded up to a whole quantum when it is read, which
changes neither price: floor((s - x) / n) = floor((s - ceil(x)) / n) for whole s and n.
"""

from veloz.strategies import sdk

PARAMS = (
    sdk.Param("interval_ns", "ns", default="100000000", low="1"),
    sdk.Param("half_spread", "price", default="0", low="0", times=2, rounding="up"),
    sdk.Param("qty", "qty", default="1", low="0"),
    sdk.Param("max_position", "qty", default="1", low="0", rounding="up"),
    sdk.Param("on_change", "flag", default="0"),
)
TWICE_HALF, QTY, MAX_POSITION = 1, 2, 3  # places in PARAMS
FAR = 1 << 61  # sums beyond it are no prices, and could leave an int64


@sdk.kernel
def wake(window, memory, opinions, params, numbers, out):  # type: ignore[no-untyped-def]
    """The compiled form."""
    market = window.markets[0]
    if window.event[0]["code"] != sdk.ON_TIMER or market["synced"] == 0 or market["bid"] < 0 or market["ask"] < 0:
        return 0
    total, tick = market["bid"] + market["ask"], max(market["tick"], 1)
    if total > FAR or params[TWICE_HALF] > FAR:
        return 0
    bid = (total - params[TWICE_HALF]) // (2 * tick) * tick
    ask = -((-total - params[TWICE_HALF]) // (2 * tick)) * tick
    has_bid, has_ask = False, False
    n = 0
    for k in range(window.orders.shape[0]):
        own = window.orders[k]
        if own["price"] == (ask if own["sell"] != 0 else bid):
            has_bid = has_bid or own["sell"] == 0
            has_ask = has_ask or own["sell"] != 0
        elif own["free"] != 0 and n < out.shape[0] - 3:
            out[n]["form"] = sdk.CANCEL
            out[n]["instrument"] = market["number"]
            out[n]["order"] = own["order"]
            n += 1
    for sell in range(2):
        price = ask if sell == 1 else bid
        full = -market["position"] if sell == 1 else market["position"]
        if (has_ask if sell == 1 else has_bid) or full >= params[MAX_POSITION] or price < 0 or params[QTY] == 0:
            continue
        out[n]["form"] = sdk.ORDER
        out[n]["instrument"] = market["number"]
        out[n]["sell"] = sell
        out[n]["price"] = price
        out[n]["qty"] = params[QTY]
        out[n]["tif"] = sdk.TimeInForce.GTX
        n += 1
    return n


class Quoter(sdk.Strategy):
    """Quotes one instrument on both sides."""

    written_for = "1.2"
    params = PARAMS
    wakes = sdk.Wakes(timers=("interval_ns",), if_changed="on_change")
    keeps = True
    kernel = staticmethod(wake)

    def on_timer(self, view: sdk.View, timer: sdk.Tick) -> sdk.Intents:
        """The Python form."""
        best, params = view.best(), view.params
        if best is None:
            return None
        total, tick, twice_half = best[0] + best[1], view.tick() or 1, params.half_spread
        if total > FAR or twice_half > FAR:
            return None
        bid = (total - twice_half) // (2 * tick) * tick
        ask = -((-total - twice_half) // (2 * tick)) * tick
        wanted: list[sdk.Intent] = []
        has_bid = has_ask = False
        for own in view.orders():
            sell = own.sell
            if own.price == (ask if sell else bid):
                if sell:
                    has_ask = True
                else:
                    has_bid = True
            elif own.free and len(wanted) < self.budget - 2:  # two orders have room beside the cancels
                wanted.append(sdk.Cancel(own.instrument, own.order))
        if has_bid and has_ask:
            return wanted
        position = view.position()
        for sell, price, full in ((False, bid, position), (True, ask, -position)):
            if (has_ask if sell else has_bid) or full >= params.max_position or price < 0 or params.qty == 0:
                continue
            wanted.append(sdk.Order(view.instruments[0], sell, params.qty, price, tif=sdk.TimeInForce.GTX))
        return wanted
