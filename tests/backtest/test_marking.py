"""Mark prices and funding that data lack: made as a naive twin makes them, and as good as recorded ones."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest import stage
from tests.backtest.fallen import LEVERED, QUOTER, falling
from tests.backtest.made import (
    BEGIN,
    BODY,
    MS,
    bar,
    level,
    make_recording,
    make_recording_of,
    mark,
    of,
    print_of,
    trade,
)
from tests.backtest.rising import played
from tests.backtest.stage import INSTRUMENT, market, rules
from veloz.backtest import feed as feed_room
from veloz.backtest.exchange import advance, new_venue
from veloz.backtest.feed import Feed
from veloz.backtest.keys import SettingsError
from veloz.backtest.machine import BOOKED
from veloz.backtest.marking import HOUR_NS, SECOND_NS, Lacking, Marker, marker_of
from veloz.backtest.settings import read_settings
from veloz.backtest.setup import Plan, make_plan
from veloz.cli.cautions import made_up
from veloz.contracts import registry as r
from veloz.contracts.layout import ODD
from veloz.daemon.paper import plan_rehearsal
from veloz.history.ordering import HEAD, TS_EVENT, TS_RECV, words_of
from veloz.reducers.state import new_state
from veloz.reducers.words import RAW, I

COIN = msgspec.structs.replace(
    BODY, venue="binance_coinm", symbol="BTCUSD_PERP", product="inverse", quote="USD", settle="BTC", qty_scale=0, lot="1",
    multiplier="100",
)  # fmt: skip
ETH = msgspec.structs.replace(BODY, symbol="ETHUSDT", base="ETH")


# --- the naive twin -------------------------------------------------------------------------------------------------------


def naive(rows: np.ndarray, lacking: list[Lacking]) -> list[tuple[int, int, int, int, int]]:
    """(moment, instrument, mark, rate, next funding) of what is made, one row after the other."""
    words, made = words_of(rows), []
    end = int(words[-1, TS_EVENT]) if len(words) else 0
    for each in lacking:
        prices: dict[int, int] = {}
        for row in words.tolist():
            kind, instrument, flags = row[HEAD] & 0xFFFF, row[HEAD] >> 32, row[HEAD] >> 24 & 0xFF
            if instrument == each.instrument and kind == each.mark_of and not flags & ODD:
                prices[row[TS_EVENT] // SECOND_NS + 1] = row[4]
        said = 0
        for second, price in prices.items():
            if second * SECOND_NS <= end and price != said:
                said = price
                made.append((second * SECOND_NS, each.instrument, price * 10 ** (8 - each.price_scale), 0, 0))
        at = int(words[0, TS_EVENT]) if len(words) else end + 1
        while each.interval_ns and at <= end:
            due = -(-(at + 1) // each.interval_ns) * each.interval_ns
            made.append((at, each.instrument, 0, each.rate_e8, due))
            at = due + 1
    return sorted(made)


@st.composite
def markets(draw: st.DrawFn) -> tuple[np.ndarray, list[int]]:
    """Prints of two instruments in the order of time, and where they are cut."""
    at, rows = BEGIN // MS, []
    for _ in range(draw(st.integers(1, 25))):
        at += draw(st.sampled_from([0, 1, 300, 999, 1_000, 2_500]))
        row = trade(at - BEGIN // MS, draw(st.integers(990, 993)), 1, lag_ms=0)
        if draw(st.integers(0, 9)) == 0:
            row["flags"] |= ODD
        rows.append(of(draw(st.integers(1, 3)), row))
    every = np.concatenate(rows).view(RAW).reshape(-1)
    apart = [
        0,
        *(np.flatnonzero(np.diff(every["ts_event"])) + 1).tolist(),
    ]  # what is of one instant is handed in together
    return every, sorted(draw(st.lists(st.sampled_from(apart), max_size=5)))


@given(markets())
def test_what_is_made_is_what_a_naive_twin_makes(made: tuple[np.ndarray, list[int]]) -> None:
    rows, cuts = made
    prints = r.TRADE.number
    lacking = [Lacking(1, 1, prints, 10_000, SECOND_NS), Lacking(2, 1, prints), Lacking(3, 1, 0, -7, 2 * SECOND_NS)]
    marker, out = Marker(lacking, new_state()), []
    last = int(rows["ts_event"][-1])
    for begin, end in pairwise([0, *cuts, len(rows)]):
        until = int(rows["ts_event"][end]) if end < len(rows) else last + 1
        out.append(marker.weave(rows[begin:end].copy(), until))
    woven = words_of(np.concatenate(out))
    assert (np.diff(woven[:, TS_EVENT]) >= 0).all()
    is_made = woven[:, HEAD] & 0xFFFF == r.MARK.number
    assert woven[~is_made].tobytes() == words_of(rows).tobytes(), "the recording's own rows stay as they are"
    told = [(row[TS_EVENT], row[HEAD] >> 32, row[4], row[6], row[7]) for row in woven[is_made].tolist()]
    assert sorted(told) == naive(rows, lacking)
    assert (woven[:, TS_RECV] == woven[:, TS_EVENT]).all()
    assert woven.tobytes() == words_of(Marker(lacking, new_state()).weave(rows.copy(), last + 1)).tobytes()


def test_the_middle_is_that_of_the_book_at_the_end_of_each_second(tmp_path: Path) -> None:
    rows = (
        level(0, 1_000, 5, lag_ms=0), level(100, 1_004, 5, ask=True, lag_ms=0), level(900, 1_001, 5, lag_ms=0),
        level(1_000, 1_002, 5, lag_ms=0), level(1_500, 1_001, 0, lag_ms=0), level(3_700, 1_002, 0, lag_ms=0), trade(9_000, 1_000, 1),
    )  # fmt: skip
    plan = make_plan(read_settings(QUOTER, ["mark.source=mid"]), make_recording(tmp_path / "data", *rows))
    marker = marker_of(plan.world, plan.lacking)
    assert marker is not None
    every = np.concatenate(rows).view(RAW).reshape(-1)
    woven = words_of(
        np.concatenate([marker.weave(each.copy(), int(each["ts_event"][0])) for each in np.split(every, 7)])
    )
    told = [((row[TS_EVENT] - BEGIN) // MS, row[4]) for row in woven.tolist() if row[HEAD] & 0xFFFF == r.MARK.number]
    assert told == [(1_000, 10_025_000_000), (2_000, 10_030_000_000), (4_000, 10_020_000_000)]


# --- what comes of it -----------------------------------------------------------------------------------------------------


def test_an_account_is_liquidated_by_made_marks_as_by_recorded_ones(tmp_path: Path) -> None:
    """800 at 100 with 5 000: not borne any more at 94 and 0.8 % margin of 80 000, in both at the same moment and price."""
    told = []
    for name, words in (("recorded", LEVERED), ("made", (*LEVERED, "mark.source=last"))):
        ledger, figures, _ = played(
            tmp_path / name, *words, text=QUOTER, rows=falling(0 if name == "recorded" else None), body=BODY
        )
        told.append([(each.venue_ns, each.sell, each.price, each.qty) for each in ledger.trades])
        assert figures.position == {"BTCUSDT": "0"}
    assert told[0] == told[1]
    assert told[0][-1][1]
    assert (told[0][-1][0] - BEGIN) % SECOND_NS == 0


def test_marks_of_one_instant_are_one_for_the_account() -> None:
    """What one contract loses another may win: the account is looked at when all that the instant says is known."""
    first, second = market(), market(instrument=INSTRUMENT + 1)
    venue, signal = new_venue([first, second], rules(accounts=True, margin=True)), np.zeros(1, np.int64)
    venue.held[[0, 3]] = 5, -5
    told = [
        stage.row(r.MARK.number, 0, at_ns, price, 0)
        for at_ns, price in ((100, 7), (100, 8), (100, 9), (200, 6), (300, 5))
    ]
    rows = np.array(told, RAW)
    rows["head"][[1, 4]] += 1 << 32
    rows["head"][2] += 1 << 33  # of what is not traded here
    at, stops = I(0), []
    while at < len(rows):
        at = advance(venue, rows, at, I(400), signal)
        stops.append((int(at), int(signal[0])))
        venue.clock[0]["stirred"] = 0
    assert stops == [(3, int(BOOKED)), (4, int(BOOKED)), (5, int(BOOKED))]
    assert venue.markets["mark"].tolist() == [6, 5]


def test_bars_are_marked_at_their_close(tmp_path: Path) -> None:
    rows = [bar(k, (1_000 + k, 1_010, 990, 1_002 + k), 10) for k in range(3)]
    words = ("match.model=bars", "mark.source=last", "account.margin=true")
    plan = make_plan(read_settings(QUOTER, words), make_recording(tmp_path / "data", *rows))
    assert [each.mark_of for each in plan.lacking] == [r.BAR.number]
    marker = marker_of(plan.world, plan.lacking)
    assert marker is not None
    every = np.concatenate(rows).view(RAW).reshape(-1)
    woven = words_of(marker.weave(every, int(every["ts_event"][-1]) + 1))
    told = [(row[TS_EVENT] - BEGIN, row[4]) for row in woven.tolist() if row[HEAD] & 0xFFFF == r.MARK.number]
    assert told == [(60 * SECOND_NS, 10_020_000_000), (120 * SECOND_NS, 10_030_000_000)]


@pytest.mark.parametrize("block", [1, 3, 1_000])
def test_the_feed_hands_out_what_is_made_before_time_has_passed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Rows come late and out of order: still nothing is handed out behind a moment up to which everything was said to be known."""
    rows = [level(0, 1_000, 5, lag_ms=0), level(10, 1_004, 5, ask=True, lag_ms=0)]
    rows += [trade(50 * k, 1_000 + k, 1, lag_ms=400 if k % 7 == 0 else 0) for k in range(1, 200)]
    plan = make_plan(read_settings(QUOTER, ["mark.source=last"]), make_recording(tmp_path / "data", *rows))
    every = np.concatenate(rows)
    parts = [(at + 1, every[at : at + block]) for at in range(0, len(every), block)]
    monkeypatch.setattr(feed_room, "blocks", lambda slabs, most: iter(parts))
    feed = Feed(
        plan.data, 1, plan.named.last_seq, shift_ns=0, back_ns=plan.found.back_ns, marker=marker_of(plan.world, plan.lacking)
    )  # fmt: skip
    found, passed = [np.zeros(0, RAW)], 0
    for until in range(BEGIN, BEGIN + 10 * SECOND_NS, 70 * MS):
        while (more := feed.next_rows(until)) is not None:
            assert int(more["ts_event"][0]) > passed
            found.append(more)
            assert (np.diff(np.concatenate(found)["ts_event"]) >= 0).all()
        passed = max(until, int(found[-1]["ts_event"][-1]) - 1 if len(found[-1]) else 0)
    heads = np.concatenate(found)["head"] & 0xFFFF
    assert (heads == r.MARK.number).sum() == 10, (
        "of the ten seconds that are over, and of what the venue knew before the first"
    )


NOON_MS = (HOUR_NS - BEGIN % HOUR_NS) // MS  # the next whole hour
MINUTE_MS = 60_000


def held(price: int, unit: int, *, sold: bool) -> tuple[np.ndarray, ...]:
    """We are filled once, five minutes before an hour; the price goes to `price`, away from what we quote, and two hours pass."""
    rows = [level(-40, 1_000, 50 * unit), level(-40, 1_004, 50 * unit, ask=True)]
    rows += [
        trade(-5, 1_000 if sold else 1_004, 50 * unit, sold=sold),
        level(-4.9, 1_000, 0),
        level(-4.9, 1_004, 0, ask=True),
    ]
    rows += [trade(minute, price, unit) for minute in (-4, -3, 50, 70, 121)]
    for row in rows:
        for name in ("ts_recv", "ts_event"):
            row[name] = BEGIN + NOON_MS * MS + (row[name] - BEGIN) * MINUTE_MS
    return tuple(rows)


HOURLY = ("funding.interval_h=1", "mark.source=last", "gate.enabled=false")
ONCE = "[strategy]\nqty = {0}\nhalf_spread = 0.1\nmax_position = {0}\ninterval_ns = 1_800_000_000_000\n"


@pytest.mark.parametrize(("rate", "sold"), [("0.0003", True), ("0.0003", False), ("-0.0001", True), ("-0.0001", False)])
def test_a_long_pays_what_a_short_receives(tmp_path: Path, rate: str, sold: bool) -> None:
    """5 at a mark of 80 or 120, at each of three whole hours; who is sold to is long."""
    words = ["account.balances.USDT=10000", f"funding.rate={rate}", *HOURLY]
    ledger, figures, result = played(
        tmp_path, *words, text=ONCE.format(5), rows=held(800 if sold else 1_200, 1_000, sold=sold), body=BODY
    )
    assert [(each.sell, each.qty) for each in ledger.trades] == [(not sold, 5_000)]
    paid = 3 * 5 * Decimal(rate) * (80 if sold else -120)
    assert Decimal(figures.funding) == -paid
    (usdt,) = [each for each in result.balances if each.asset == "USDT"]
    assert Decimal(usdt.funding) == -paid


@pytest.mark.parametrize("sold", [True, False])
def test_of_an_inverse_contract_funding_is_in_coin(tmp_path: Path, sold: bool) -> None:
    """3 contracts of 100 dollars are 3.75 coins at 80 and 2.4 at 125: 0.0002 of that at each of three hours."""
    words = ["account.balances.BTC=10", "funding.rate=0.0002", *HOURLY]
    ledger, figures, _ = played(
        tmp_path, *words, text=ONCE.format(3), rows=held(800 if sold else 1_250, 1, sold=sold), body=COIN
    )
    assert [(each.sell, each.qty) for each in ledger.trades] == [(not sold, 3)]
    assert Decimal(figures.funding) == 3 * Decimal("0.0002") * Decimal("-3.75" if sold else "2.4")


def test_recorded_marks_without_funding_are_paid_on(tmp_path: Path) -> None:
    """Marks of their own: only the funding is made, and paid on what they say."""
    marks = [mark(NOON_MS + minute * MINUTE_MS, 13_000_000_000) for minute in (-30, 0, 60)]
    rows = sorted([*held(800, 1_000, sold=True), *marks], key=lambda row: int(row["ts_recv"][0]))
    words = ["account.balances.USDT=10000", "funding.rate=0.0003", "funding.interval_h=1", "gate.enabled=false"]
    _, figures, _ = played(tmp_path, *words, text=ONCE.format(5), rows=tuple(rows), body=BODY)
    assert Decimal(figures.funding) == -3 * 5 * 130 * Decimal("0.0003")


def test_a_gap_of_hours_misses_no_funding(tmp_path: Path) -> None:
    """Nothing is recorded between the first minutes and five hours later."""
    late = trade(NOON_MS + 301 * MINUTE_MS, 800, 1)
    rows = (*held(800, 1_000, sold=True)[:6], late)
    words = ["account.balances.USDT=10000", "funding.rate=0.0003", *HOURLY]
    _, figures, _ = played(tmp_path, *words, text=ONCE.format(5), rows=rows, body=BODY)
    assert Decimal(figures.funding) == -6 * 5 * 80 * Decimal("0.0003")


# --- refusals -------------------------------------------------------------------------------------------------------------

BOOK = (level(0, 1_000, 5), level(1, 1_004, 5, ask=True))
PRINTS = (*BOOK, trade(10, 1_000, 3), trade(20, 1_004, 3))


def plan_of(tmp_path: Path, rows: tuple[np.ndarray, ...], *words: str, text: str = QUOTER) -> Plan:
    return make_plan(read_settings(text, words), make_recording(tmp_path / "data", *rows))


@pytest.mark.parametrize(
    ("rows", "words", "said"),
    [
        (PRINTS, ["account.margin=true"], "set mark.source to last or mid"),
        (PRINTS, ["mark.source=lst"], "did you mean last; there are last, mid"),
        (BOOK, ["mark.source=last"], "the data hold no trades and no bars of BTCUSDT; set it to mid"),
        ((print_of(0, 1_000, 3),), ["mark.source=mid"], "hold no levels of the book of BTCUSDT; set it to last"),
        (PRINTS, ["funding.rate=0.0001"], "paid on the mark price.* set mark.source to last or mid"),
        (PRINTS, ["funding.rate=0.000000001"], "at most 8 decimals"),
        (PRINTS, ["funding.rate=1.5"], "a share of at most 1"),
        (PRINTS, ["funding.interval_h=5"], "funding.interval_h is 5 in .*; there are 1, 2, 3, 4, 6, 8, 12, 24"),
        (PRINTS, ["funding.rate=0.1", "mark.source=last", "match.compat=hftbacktest"], "knows no funding"),
        (
            (*PRINTS, mark(30, 10**10, rate_e8=1, funding_ns=BEGIN + HOUR_NS)),
            ["funding.rate=0.0001"],
            "the data state the funding of BTCUSDT themselves; leave it out, or write it as funding_rate",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_one_sentence(
    tmp_path: Path, rows: tuple[np.ndarray, ...], words: list[str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        plan_of(tmp_path, rows, *words)


def test_each_instrument_may_have_its_own(tmp_path: Path) -> None:
    """One has marks and funding of its own, the other is given both by its table; and the run says so."""
    rows = [*PRINTS, mark(30, 10**10, rate_e8=1, funding_ns=BEGIN + HOUR_NS), *(of(2, row.copy()) for row in PRINTS)]
    rows.sort(key=lambda row: int(row["ts_recv"][0]))
    text = (
        QUOTER
        + "[[instruments]]\nsymbol = 'BTCUSDT'\n[[instruments]]\nsymbol = 'ETHUSDT'\nmark = 'mid'\nfunding_rate = 0.0002\n"
    )
    plan = make_plan(read_settings(text), make_recording_of([BODY, ETH], tmp_path / "data", *rows))
    assert plan.lacking == (Lacking(2, 1, r.LEVEL.number, 20_000, 8 * HOUR_NS),)
    told = " ".join(made_up(plan))
    assert "no mark prices of ETHUSDT: once a second, the middle of the book" in told
    assert "0.02 % every 8 h" in told
    assert "BTCUSDT" not in told


SPOT = msgspec.structs.replace(BODY, venue="binance_spot", product="spot", settle="")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[funding]\nrate = 0.0001\n", "funding.rate is of contracts, and none is traded"),
        ("[mark]\nsource = 'last'\n", "mark.source is of contracts, and none is traded"),
        ("[[instruments]]\nsymbol = 'BTCUSDT'\nmark = 'last'\n", "BTCUSDT is spot.*; leave mark out of its table"),
    ],
)
def test_spot_has_neither(tmp_path: Path, text: str, said: str) -> None:
    data = make_recording(tmp_path / "data", *PRINTS, body=SPOT)
    with pytest.raises(SettingsError, match=said):
        make_plan(read_settings(QUOTER + text), data)


def test_a_run_on_paper_makes_nothing_up(tmp_path: Path) -> None:
    text = QUOTER + "[[instruments]]\nsymbol = 'BTCUSDT'\nfunding_rate = 0.0001\n"
    with pytest.raises(SettingsError, match="funding_rate of an instrument makes up for what a recording lacks"):
        plan_rehearsal(read_settings(text), make_recording(tmp_path / "data", *PRINTS))


def test_nothing_is_made_unless_it_is_wanted(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, PRINTS)
    assert plan.lacking == ()
    assert marker_of(plan.world, plan.lacking) is None
