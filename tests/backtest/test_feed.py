"""The two clocks: every row once on each, the venue's order stable, and the same however the recording is cut into slabs."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from veloz.backtest.feed import Feed, survey
from veloz.backtest.prices import PRICES_KEPT, Prices, PricesByInstrument
from veloz.contracts import registry as r
from veloz.contracts.layout import APPLIED, FIRST, LAST, ROW, STEP_END
from veloz.history.dataset import blocks, desk_chunk
from veloz.history.ordering import VenueClock, VenueOrder, venue_words, words_of

BASE = 1_700_000_000_000_000_000
KINDS = (r.TRADE, r.QUOTE, r.LEVEL, r.VENUE_LEVEL, r.VENUE_TRADE, r.LINK, r.REQUESTED)


@st.composite
def recordings(draw: st.DrawFn) -> np.ndarray:
    """Rows of two instruments and of other kinds; stamps that go back, are missing, or lie before one another."""
    n = draw(st.integers(1, 40))
    rows = np.zeros(n, ROW)
    now = 1000
    for row in rows:
        kind = draw(st.sampled_from(KINDS))
        now += draw(st.integers(-3, 6))
        row["kind"], row["version"], row["flags"] = kind.number, 1, FIRST | LAST
        row["instrument"] = draw(st.integers(1, 2)) if kind.topic == "md" else 0
        row["ts_recv"] = BASE + now
        row["ts_event"] = BASE + now - draw(st.integers(-9, 9)) if draw(st.booleans()) else 0
        row["price"], row["venue_seq"] = draw(st.integers(-1, 9)), len(rows)
        row["aux"] = draw(st.integers(0, 1))
        if kind is r.LEVEL and draw(st.booleans()):
            row["flags"] |= APPLIED
        if draw(st.booleans()):
            row["flags"] |= STEP_END
    rows["flags"][-1] |= STEP_END
    rows["qty"] = np.arange(n)
    return rows


def cut(rows: np.ndarray, draw_cuts: list[int]) -> list[np.ndarray]:
    """Slabs that end where steps end."""
    ends = np.flatnonzero(rows["flags"] & STEP_END) + 1
    chosen = sorted({int(ends[c % len(ends)]) for c in draw_cuts} | {len(rows)})
    return [rows[a:b] for a, b in zip([0, *chosen], chosen, strict=False)]


def is_seen_by_venue(row: np.void) -> bool:
    kind, unseen = int(row["kind"]), int(row["aux"]) == 1
    if kind == r.TRADE.number:
        return not unseen
    if kind == r.LEVEL.number:
        return not (unseen and int(row["flags"]) & APPLIED)
    return 1 <= kind <= r.VENUE_TRADE.number


def naive_venue(rows: np.ndarray, shift: int, *, receive: bool) -> list[tuple[int, int]]:
    """(venue time, which row), in the venue's order."""
    last: dict[int, int] = {}
    newest = 0
    found = []
    for row in rows:
        if not is_seen_by_venue(row):
            continue
        stated, received, instrument = int(row["ts_event"]), int(row["ts_recv"]) + shift, int(row["instrument"])
        newest = max(newest, received)
        time = newest if receive else stated or last.get(instrument, received)
        if stated and not receive:
            last[instrument] = stated
        found.append((time, int(row["qty"])))
    return [each for _, each in sorted(enumerate(found), key=lambda pair: (pair[1][0], pair[0]))]


@given(recordings(), st.lists(st.integers(0, 99), max_size=4), st.booleans(), st.integers(0, 5))
def test_the_venue_has_every_row_once_and_in_order_of_its_time(
    rows: np.ndarray, cuts: list[int], receive: bool, shift: int
) -> None:
    clock = VenueClock(shift, receive=receive)
    seen = venue_words(words_of(rows))
    times = clock.times(seen) if len(seen) else np.zeros(0, np.int64)
    peak = np.maximum.accumulate(times) if len(times) else times
    back = int((peak - times).max()) if len(times) else 0
    order = VenueOrder(VenueClock(shift, receive=receive), back)
    found: list[tuple[int, int]] = []
    for slab in cut(rows, cuts):
        ready = order.add(slab)
        found += [(int(row["ts_event"]), int(row["qty"])) for row in ready]
        assert all(time < order.whole_until for time, _ in found), "no instant is parted"
    found += [(int(row["ts_event"]), int(row["qty"])) for row in order.rest()]
    assert found == naive_venue(rows, shift, receive=receive)


@given(recordings(), st.lists(st.integers(0, 99), max_size=4), st.integers(0, 5))
def test_the_desk_has_the_steps_of_the_recording_without_what_is_no_market(
    rows: np.ndarray, cuts: list[int], shift: int
) -> None:
    expected: list[list[int]] = [[]]
    for row in rows:
        if 1 <= int(row["kind"]) <= r.PARTIAL.number:
            expected[-1].append(int(row["qty"]))
        if int(row["flags"]) & STEP_END:
            expected.append([])
    steps, times, now, seq = [], [], 0, 1
    for slab in cut(rows, cuts):
        chunk = desk_chunk(seq, slab, shift, now)
        seq += len(slab)
        if chunk is None:
            continue
        now = int(chunk.times[-1])
        times += chunk.times.tolist()
        assert (chunk.seqs == chunk.rows["qty"] + 1).all(), "numbers of the recording"
        for step in range(len(chunk.ends)):
            lo, hi = chunk.span(step)
            steps.append(chunk.rows["qty"][lo:hi].tolist())
            ends = chunk.rows["head"][lo:hi] >> 24 & STEP_END
            assert ends.tolist() == [0] * (hi - lo - 1) + [STEP_END]
    assert steps == [step for step in expected if step]
    newest, told = 0, []
    for step in steps:
        newest = max([newest, *(int(rows["ts_recv"][k]) + shift for k in step)])
        told.append(newest)
    assert times == told


@given(recordings(), st.lists(st.integers(0, 99), max_size=6), st.integers(1, 30))
def test_blocks_have_the_rows_of_the_slabs_and_end_steps_where_these_did(
    rows: np.ndarray, cuts: list[int], most: int
) -> None:
    unsaid = rows.copy()
    unsaid["flags"] &= ~np.uint8(STEP_END)
    slabs, seq = [], 5
    for slab in cut(rows, cuts):
        begin = seq - 5
        slabs.append((seq, unsaid[begin : begin + len(slab)]))
        seq += len(slab)
    ends = [first + len(slab) for first, slab in slabs]
    seen: list[int] = []
    for first, block in blocks(iter(slabs), most):
        assert first == 5 + len(seen)
        assert len(block) <= most or first in [begin for begin, slab in slabs if len(slab) == len(block)]
        says = np.flatnonzero(block["flags"] & STEP_END) + first + 1
        assert says.tolist() == [end for end in ends if first < end <= first + len(block)]
        seen += block["qty"].tolist()
    assert seen == rows["qty"].tolist()


def test_a_feed_hands_out_both_sides_of_a_real_recording(recording: Path) -> None:
    from journal import Reader

    with Reader.open(recording) as reader, reader.view() as view:
        head = view.head()[0]
    found = survey(recording, 1, head)
    shift = found.shift_ns(found.instruments, 5)
    assert shift == 5 - found.least_lag_ns(found.instruments) > 0
    assert found.shift_ns([], 5) == 0, "rows of what is not traded move nothing"
    feed = Feed(recording, 1, head, shift_ns=shift, back_ns=found.back_ns)
    desk, venue, asked = 0, 0, found.first_event_ns
    newest = 0
    while (chunk := feed.next_chunk()) is not None:
        desk += len(chunk.rows)
        asked = int(chunk.times[-1])
        while (rows := feed.next_rows(asked)) is not None:
            assert int(rows["ts_event"][0]) > newest, "no instant is parted"
            assert (np.diff(rows["ts_event"]) >= 0).all()
            newest = int(rows["ts_event"][-1])
            venue += len(rows)
    assert (desk, venue) == (found.rows, found.venue_rows)
    assert found.prices[1].median() == median_of(recording)


@given(st.integers(0, 1 << 30), st.sampled_from([1, 40, 3_000]))
def test_prices_are_counted_in_bounded_memory(seed: int, distinct: int) -> None:
    chance, prices, seen = np.random.default_rng(seed), Prices(), np.zeros(0, np.int64)
    for size in chance.integers(0, 400, 20).tolist():
        part = chance.integers(-1, distinct + 1, size)
        prices.add(part)
        seen = np.append(seen, part[part > 0])
        assert prices.kept <= max(PRICES_KEPT, 2 * len(np.unique(seen)))
    assert prices.median() == int(np.sort(seen)[(len(seen) - 1) // 2])
    assert prices.beside(7) == (int((seen % 7 != 0).sum()), len(seen))


@given(st.integers(0, 1 << 30), st.integers(1, 9))
def test_prices_of_many_instruments_are_counted_by_instrument(seed: int, parts: int) -> None:
    chance, naive = np.random.default_rng(seed), dict[int, list[int]]()
    counts: dict[int, Prices] = {}
    together = PricesByInstrument(counts)
    for _ in range(parts):
        instruments, prices = chance.integers(1, 6, 30), chance.integers(-1, 50, 30)
        together.add(instruments, prices)
        for instrument, price in zip(instruments.tolist(), prices.tolist(), strict=True):
            naive.setdefault(instrument, []).append(price)
        if chance.random() < 0.3:
            together.flush()
    together.flush()
    assert counts.keys() == naive.keys()
    for instrument, told in naive.items():
        real = sorted(price for price in told if price > 0)
        assert counts[instrument].median() == (real[(len(real) - 1) // 2] if real else 0)


def median_of(recording: Path) -> int:
    from veloz.history.slabs import SlabReader

    prices = np.concatenate(
        [rows["price"][np.isin(rows["kind"], (r.TRADE.number, r.LEVEL.number)) & (rows["price"] > 0)] for _, rows in SlabReader(recording)]
    )  # fmt: skip
    return int(np.sort(prices)[(len(prices) - 1) // 2])
