"""The limits on single orders and positions, each with orders that reach it: cases for the tests of boundaries."""

from typing import NamedTuple

from veloz.contracts.codes import Limit, Refusal

WORTH = 1_000  # reporting money of one price quantum times one quantity quantum
NOTIONAL = 10_000 * WORTH


class Case(NamedTuple):
    """A limit, what the last of some orders makes of it, and the refusal. Orders: (price, qty, sell)."""

    limit: Limit
    code: Refusal
    seen: int
    orders: tuple[tuple[int, int, int], ...]


CASES = (
    Case(Limit.COLLAR_PPM, Refusal.COLLAR, 1_500, ((10_015, 2, 0),)),
    Case(Limit.COLLAR_PPM, Refusal.COLLAR, 1_500, ((9_985, 2, 0),)),
    Case(Limit.COLLAR_PPM, Refusal.COLLAR, 1_500, ((10_015, 2, 1),)),
    Case(Limit.ORDER_QTY, Refusal.ORDER_QTY, 6, ((10_000, 6, 0),)),
    Case(Limit.ORDER_NOTIONAL, Refusal.ORDER_NOTIONAL, 6 * 9_995 * WORTH, ((9_995, 6, 1),)),
    Case(Limit.POSITION_QTY, Refusal.POSITION, 10, ((10_000, 4, 0), (9_995, 6, 0))),
    Case(Limit.POSITION_QTY, Refusal.POSITION, 10, ((10_000, 4, 1), (10_005, 6, 1))),
    Case(Limit.POSITION_NOTIONAL, Refusal.POSITION, 10 * NOTIONAL, ((10_000, 4, 0), (9_995, 6, 0))),
    Case(Limit.OPEN_ORDERS, Refusal.OPEN_ORDERS, 3, ((10_000, 2, 0), (9_995, 2, 0), (10_005, 2, 1))),
    Case(Limit.GROSS, Refusal.GROSS_EXPOSURE, 10 * NOTIONAL, ((10_000, 4, 0), (9_995, 6, 0))),
    Case(Limit.GROSS, Refusal.GROSS_EXPOSURE, 6 * NOTIONAL, ((10_000, 4, 0), (10_005, 6, 1))),
    Case(Limit.NET, Refusal.NET_EXPOSURE, 10 * NOTIONAL, ((10_000, 4, 0), (9_995, 6, 0))),
    Case(Limit.NET, Refusal.NET_EXPOSURE, 6 * NOTIONAL, ((10_000, 4, 0), (10_005, 6, 1))),
    Case(Limit.ORDERS_PER_WINDOW, Refusal.ORDER_RATE, 3, ((10_000, 2, 0), (9_995, 2, 0), (9_990, 2, 0))),
    Case(Limit.REPEATS, Refusal.REPEATED, 3, ((10_000, 2, 0), (9_995, 2, 0), (9_990, 2, 0))),
)
