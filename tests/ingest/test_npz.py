"""Event files of hftbacktest: every row as it stands, each file once, and the book that a plain reading gives."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest import events as e
from tests.ingest.recordings import market, rows_in, take
from veloz.contracts import layout
from veloz.ingest import IngestError, ingest, intake, npz
from veloz.ingest.given import Given
from veloz.ingest.table import FloatSteps
from veloz.reducers import view
from veloz.reducers.booksync import BookState
from veloz.reducers.fold import fold
from veloz.reducers.state import State, new_state
from veloz.reducers.windows import levels_of

KINDS = {(True, True): 1, (True, False): 3, (False, True): 11, (False, False): 10}  # desk, trade
eager = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def spelled(rows: np.ndarray) -> list[e.Told]:
    """Market rows as the plain reading tells them: prices in ticks of 0.5, quantities in lots of 0.001."""
    told = []
    for row in rows:
        flags, trade = int(row["flags"]), int(row["kind"]) in (1, 11)
        assert bool(flags & layout.APPLIED) is not trade
        what = "trade" if trade else "clear" if flags & layout.EMPTY else "level"
        price = int(row["price"])
        assert price == -1 or price % 5 == 0
        stamps = int(row["ts_recv"]), int(row["ts_event"])
        seen = int(row["kind"]) in (1, 3)
        told.append(e.Told(what, seen, bool(flags & 1), max(price // 5, -1), int(row["qty"]), *stamps, int(row["aux"])))
    return told


def assert_steps(rows: np.ndarray) -> None:
    """Steps and messages: runs of the desk's rows of one local stamp."""
    desk = rows[np.isin(rows["kind"], (1, 3))]
    last = len(desk) - 1
    for at, row in enumerate(desk):
        ends = at == last or desk[at + 1]["ts_recv"] != row["ts_recv"]
        alone = at == last and rows["kind"][-1] in (10, 11)  # then a row behind it ends the step too
        assert bool(row["flags"] & layout.STEP_END) == ends or alone
        run = desk[(desk["ts_recv"] == row["ts_recv"]) & (desk["kind"] == 3)]
        if row["kind"] == 3:
            assert bool(row["flags"] & layout.FIRST) == (row.tobytes() == run[0].tobytes())
    assert rows["flags"][-1] & layout.STEP_END
    begins, ends = desk["flags"] & layout.FIRST != 0, desk["flags"] & layout.LAST != 0
    assert begins.sum() == ends.sum() == len(np.unique(desk["ts_recv"][desk["kind"] == 3]))


def assert_book(state: State, book: tuple[dict[int, int], dict[int, int]]) -> None:
    slot_ix = view.slot_of(state, 1)
    assert BookState(int(state.slots[slot_ix]["state"])) is BookState.SYNCED
    for ask in (0, 1):
        keys, qtys = levels_of(state, 2 * slot_ix + ask)
        sign = -1 if ask else 1
        assert dict(zip((sign * keys // 5).tolist(), qtys.tolist(), strict=True)) == book[ask]
        best = (min if ask else max)(book[ask], default=None)
        assert (sign * int(state.sides[2 * slot_ix + ask]["best"]) // 5 if book[ask] else None) == best


@eager
@given(e.streams, st.integers(1, 70), st.booleans())
def test_rows_stand_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, stream: list[tuple], chunk: int, packed: bool
) -> None:
    tmp_path = tmp_path_factory.mktemp("npz")
    events = e.build(stream)
    told = e.read(events)
    path = e.write(tmp_path / "btcusdt.npz", events, packed=packed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(npz, "CHUNK", chunk)
        if not told:
            with pytest.raises(IngestError, match="gives no row"):
                take([path], tmp_path / "journal")
            return
        done = take([path], tmp_path / "journal")
    assert done.records == len(told)
    rows = rows_in(tmp_path / "journal")
    found = market(rows)
    assert spelled(found) == told
    assert_steps(found)
    desk = np.flatnonzero(np.isin(rows["kind"], (1, 3)))
    after = e.books(told)
    if any(row.desk and row.what != "trade" for row in told):
        assert_book(fold(new_state(), rows, 1), after[-1])
    middle = len(desk) // 2
    if middle and any(row.desk and row.what != "trade" for row in [one for one in told if one.desk][:middle]):
        state = new_state()
        for at in range(desk[middle - 1] + 1):
            state = fold(state, rows[at : at + 1], at + 1)
        assert_book(state, after[middle - 1])


def test_a_deep_clear_reaches_levels_far_from_the_best(tmp_path: Path) -> None:
    both = e.VENUE | e.DESK
    stream = [(1, both, e.BUY, price, 1, 1, 1) for price in (900_000, 899_999, 500_000, 70_000, 5_000, 40)]
    stream += [(3, both, e.BUY, 70_000, 0, 1, 1), (1, both, e.SELL, 899_000, 2, 1, 1)]
    events = e.build(stream)
    take([e.write(tmp_path / "btcusdt.npz", events)], tmp_path / "journal")
    state = fold(new_state(), rows_in(tmp_path / "journal"), 1)
    assert_book(state, ({5_000: 1, 40: 1}, {899_000: 2}))


def test_a_file_is_taken_once_however_often_it_is_given(tmp_path: Path) -> None:
    events = e.build([(1, e.VENUE | e.DESK, e.BUY, n % 30 + 1, 1, n % 3, 1) for n in range(500)])
    one, two = e.write(tmp_path / "btcusdt_1.npz", events), e.write(tmp_path / "other.npz", events, packed=False)
    first = take([one, two], tmp_path / "journal")
    assert "taken once" in first.warnings[0]
    again = take([two], tmp_path / "journal")
    assert again.added == {"frames": 0, "records": 0}
    assert (again.head_hash, again.records, again.instruments) == (first.head_hash, 500, first.instruments)
    assert take([two], tmp_path / "journal", again=True).added["records"] == 500


def test_an_import_that_was_killed_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = e.build([(1, e.VENUE | e.DESK, e.BUY, n % 30 + 1, 1, n % 3, 1) for n in range(900)])
    later = e.build([(1, e.VENUE | e.DESK, e.SELL, n % 30 + 40, 1, n % 2, 1) for n in range(700)])
    files = [e.write(tmp_path / "btcusdt_1.npz", events), e.write(tmp_path / "btcusdt_2.npz", later)]
    whole = take(files, tmp_path / "whole")
    monkeypatch.setattr(intake, "ROWS_MAX", 100)
    count = intake.Intake._count
    seen = 0

    def dies(self: intake.Intake, rows: np.ndarray, owner: np.ndarray) -> dict[bytes, bytes | None]:
        nonlocal seen
        seen += 1
        if seen == 5:
            raise KeyboardInterrupt
        return count(self, rows, owner)

    monkeypatch.setattr(intake.Intake, "_count", dies)
    with pytest.raises(KeyboardInterrupt):
        take(files, tmp_path / "killed")
    done = take(files, tmp_path / "killed")
    assert 0 < done.added["records"] < whole.records == done.records
    assert rows_in(tmp_path / "killed").tobytes() == rows_in(tmp_path / "whole").tobytes()
    assert take(files, tmp_path / "killed").added["records"] == 0


def test_days_follow_one_another_and_instruments_are_merged(tmp_path: Path) -> None:
    both = e.VENUE | e.DESK
    day = [(1, both, e.BUY, 10, 1, 10, 10), (2, both, e.SELL, 11, 1, 10, 10)] * 20
    first, second = (
        e.build(day),
        e.build(day, begin=e.START + 205),
    )  # the two overlap, and are not sorted into one another
    other = e.build(day, begin=e.START + 7)
    days = [e.write(tmp_path / f"btcusdt_{n}.npz", one) for n, one in enumerate((first, second))]
    take(days, tmp_path / "journal", Given(symbol="A", product="linear"))
    assert (market(rows_in(tmp_path / "journal"))["ts_recv"] == [*first["local_ts"], *second["local_ts"]]).all()
    files = [e.write(tmp_path / "ethusdt_1.npz", other), days[0]]
    take(files, tmp_path / "both", Given(product="linear"))
    rows = market(rows_in(tmp_path / "both"))
    merged = sorted([(int(t), 1) for t in other["local_ts"]] + [(int(t), 2) for t in first["local_ts"]])
    assert list(zip(rows["ts_recv"].tolist(), rows["instrument"].tolist(), strict=True)) == merged


def test_increments_are_found_exactly_or_said(tmp_path: Path) -> None:
    both = e.VENUE | e.DESK
    events = e.build([(1, both, e.BUY, n, n % 4, 1, 1) for n in range(1, 30)], tick=0.25, lot=0.002)
    path = e.write(tmp_path / "btcusdt.npz", events)
    done = take([path], tmp_path / "found", Given(product="inverse"))
    assert [(one["venue"], one["tick"], one["lot"]) for one in done.instruments] == [("binance_coinm", "0.25", "0.002")]
    assert "tick 0.25 and lot 0.002 found from its numbers" in done.warnings[0]
    said = take([path], tmp_path / "said", Given(product="spot", tick="0.05", lot="0.00001", multiplier="100"))
    one = said.instruments[0]
    assert (one["venue"], one["tick"], one["lot"], one["qty_scale"]) == ("binance_spot", "0.05", "0.00001", 5)
    assert not said.warnings
    events["px"][3] = 0.1 + 0.2
    broken = e.write(tmp_path / "noise.npz", events)
    with pytest.raises(IngestError, match="Not every price of X is a decimal"):
        take([broken], tmp_path / "noise", Given(symbol="X", product="spot"))
    take([broken], tmp_path / "noise", Given(symbol="X", product="spot", tick="0.05"))
    assert market(rows_in(tmp_path / "noise"))["price"][3] == 30


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(0, 9))
def test_the_coarsest_decimal_that_holds_all_floats(counts: list[int], scale: int) -> None:
    steps = FloatSteps(12)
    half = len(counts) // 2
    for part in (counts[:half], counts[half:]):
        steps.see(np.array([float(f"{n}e-{scale}") for n in part]))
    naive = next(s for s in range(13) if all(n * 10**s % 10**scale == 0 for n in counts))
    assert steps.scale == naive
    wanted = np.gcd.reduce([n * 10**naive // 10**scale for n in counts])
    assert steps.step == wanted


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda text: text[:-200], "damaged"),
        (lambda text: text[:1_000] + bytes(60) + text[1_060:], "damaged"),
    ],
)
def test_a_damaged_file_is_one_sentence_and_writes_nothing(tmp_path: Path, spoil, sentence: str) -> None:  # type: ignore[no-untyped-def]
    path = e.write(
        tmp_path / "btcusdt.npz", e.build([(1, e.VENUE | e.DESK, e.BUY, n + 1, 1, 1, 1) for n in range(999)])
    )
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(IngestError, match=sentence) as raised:
        take([path], tmp_path / "journal")
    assert raised.value.exit_code in (1, 2)
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("px", -1.0, "event 3 has the price -1.0"), ("qty", np.nan, "event 3 has the quantity nan"), ("px", np.inf, "price inf"),
     ("exch_ts", -5, "event 3 has the stamp")],
)  # fmt: skip
def test_what_no_market_has_is_refused(tmp_path: Path, column: str, value: float, words: str) -> None:
    events = e.build([(1, e.VENUE | e.DESK, e.BUY, 1, 1, 1, 1)] * 5)
    events[column][2] = value
    with pytest.raises(IngestError, match=words):
        take([e.write(tmp_path / "btcusdt.npz", events)], tmp_path / "journal")


def test_an_array_of_another_layout_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "btcusdt.npz", data=np.zeros((4, 6)))
    with pytest.raises(IngestError, match=r"float64 of shape \(4, 6\)"):
        take([tmp_path / "btcusdt.npz"], tmp_path / "journal")
    with pytest.raises(IngestError, match="Nothing says which venue"):
        take([tmp_path / "btcusdt.npz"], tmp_path / "journal", Given())
    with pytest.raises(IngestError, match="of which instrument"):
        take([e.write(tmp_path / "x.npz", e.build([]))], tmp_path / "journal", Given(product="spot"))


def test_trades_without_a_side_are_the_desks_alone(tmp_path: Path) -> None:
    seen = [e.VENUE | e.DESK, e.VENUE, e.DESK]
    events = e.build([(2, bits, side, 7, 1, 1, 1) for bits in seen for side in (e.BUY, e.SELL, 0)])
    take([e.write(tmp_path / "btcusdt.npz", events)], tmp_path / "journal")
    rows = market(rows_in(tmp_path / "journal"))
    assert rows["kind"].tolist() == [1, 1, 1, 11, 11, 1, 1, 1]
    assert (rows["flags"] & layout.ASK).tolist() == [0, 1, 0, 0, 1, 0, 1, 0]
    assert rows["aux"].tolist() == [0, 0, 1, 0, 0, 1, 1, 1]
    state = fold(new_state(), rows_in(tmp_path / "journal"), 1)
    assert int(state.trades[view.slot_of(state, 1)]["count"]) == 6


def test_a_step_longer_than_a_batch_ends_within(tmp_path: Path) -> None:
    both = e.VENUE | e.DESK
    stream = [(1, both, e.BUY, n % 9_000 + 1, 1, 0, 0) for n in range(40_000)] + [(1, both, e.SELL, 9_500, 1, 1, 1)]
    take([e.write(tmp_path / "btcusdt.npz", e.build(stream))], tmp_path / "journal")
    rows = market(rows_in(tmp_path / "journal"))
    assert np.flatnonzero(rows["flags"] & layout.STEP_END).tolist() == [15_999, 31_999, 39_999, 40_000]
    assert np.flatnonzero(rows["flags"] & layout.FIRST).tolist() == [0, 40_000], "and its message goes on"


def test_an_array_in_another_order_or_of_another_name_is_told_with_what_follows(tmp_path: Path) -> None:
    both = e.VENUE | e.DESK
    events = e.build([(1, both, e.BUY, n, 1, 1, 1) for n in range(1, 9)])
    events["local_ts"][4] -= 3
    np.savez(tmp_path / "btcusdt_1.npz", events=events)
    np.savez(tmp_path / "btcusdt_2.npz", data=events, more=events)
    first, second = (
        ingest([("binance_usdm", tmp_path / f"btcusdt_{n}.npz")], tmp_path / f"j{n}", snapshot_keep=0).warnings
        for n in (1, 2)
    )
    assert any("sort it by local_ts" in each for each in first)
    assert any("its array is called events and not data" in each for each in first)
    assert any("sort it by local_ts" in each for each in second)
    assert not any("is called" in each for each in second)
