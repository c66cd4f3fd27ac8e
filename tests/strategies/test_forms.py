"""Both forms of a strategy over real market data want the same, at every wake, also where they are asked of changes only; and a session
cut by a snapshot goes on the same.

Orders are carried out by a stand-in: every order rests, every cancel succeeds, a trade at or through an order's price fills it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.strategies.sessions import Session
from tests.venues.binance.recordings import SAMPLE, block_of, read_stream
from veloz.contracts import registry, terms
from veloz.contracts.layout import ROW
from veloz.instruments.catalogue import Catalogue
from veloz.reducers.fold import fold
from veloz.strategies.host import Host, Wake
from veloz.venues.binance.codec import Codec
from veloz.venues.port import Source

ROWS = 30_000
BEAT_NS = 50_000_000
Order = tuple[int, int, int, int]  # strategy, sell, price, qty


def rows_of(path: Path, symbol: str = "BTCUSDT") -> np.ndarray:
    """The first rows of a recording."""
    catalogue = Catalogue()
    codec = Codec(catalogue)
    codec.declare(Source(1, "binance_usdm", symbol, "stream"))
    return codec.decode(block_of(read_stream(path)[: ROWS // 4])).rows[:ROWS].copy()


@dataclass
class Stand:
    """A session, and where its orders rest."""

    session: Session
    orders: dict[int, Order] = field(default_factory=dict)
    fills: int = 0
    wants: list[tuple[int, list[tuple]]] = field(default_factory=list)

    def open(self) -> None:
        row = self.session.row
        self.session.take(
            row(registry.ASSET, 1, 8), row(registry.ASSET, 2, 8), row(registry.OPENED, 1, 2, 0, 0, 2),
            row(registry.ASSETS, 2, 1, 2, 2, instrument=1), row(registry.RATE, 2, 1, 1),
        )  # fmt: skip

    def heed(self, wakes: list[Wake]) -> None:
        """Note what is wanted, the strategy's number and its orders' keys aside; and do it."""
        reports = []
        for wake in wakes:
            wanted = []
            for k, row in enumerate(wake.rows):
                assert row["kind"] == registry.INTENT.number, row
                spec = terms.unpack(terms.SPEC, int(row["aux"]))
                key, price, qty = (int(row[name]) for name in ("venue_seq", "price", "qty"))
                resting = self.orders.pop(key)[1:] if spec["action"] == terms.Action.CANCEL else None
                wanted.append((*({**spec, "strategy": 0}).items(), price, qty, resting))
                reports += self.close(key) if resting else self.rest(self.session.seq - k, int(row["aux"]), price, qty)
            self.wants.append((wake.strategy, wanted))
        if reports:
            self.heed(self.session.take(*reports))

    def rest(self, seq: int, spec: int, price: int, qty: int) -> list[tuple]:
        key, row = terms.order_key(seq + 10**6 * (1 + len(self.orders) + self.fills)), self.session.row
        parts = terms.unpack(terms.SPEC, spec)
        self.orders[key] = (parts["strategy"], parts["sell"], price, qty)
        return [
            row(registry.DRAFTED, key, price, qty, 1, spec, instrument=1),
            row(registry.APPROVED, key, 0, 0, 1, 1, instrument=1),
            row(registry.REQUESTED, key, price, qty, 1, spec, instrument=1),
            row(registry.ACCEPTED, key, 7, 0, 1, terms.pack(terms.META, account=1, sell=parts["sell"]), instrument=1),
        ]

    def close(self, key: int) -> list[tuple]:
        return [self.session.row(registry.CANCELED, key, 7, 0, 2, terms.pack(terms.META, account=1), instrument=1)]

    def cross(self, rows: np.ndarray) -> None:
        """Fill what trades went through."""
        prices = rows["price"][rows["kind"] == registry.TRADE.number]
        if len(prices) == 0:
            return
        for key, (_, sell, price, qty) in list(self.orders.items()):
            if (prices.max() >= price) if sell else (prices.min() <= price):
                del self.orders[key]
                self.fills += 1
                meta = terms.pack(terms.META, account=1, sell=sell)
                self.heed(
                    self.session.take(
                        self.session.row(registry.FILLED, key, price, qty, self.fills, meta, instrument=1)
                    )
                )


def chunks(rows: np.ndarray, beat_ns: int) -> Iterator[np.ndarray]:
    """Rows between one beat and the next."""
    times = np.maximum.accumulate(rows["ts_recv"])
    cuts = np.flatnonzero(np.diff(times // beat_ns)) + 1
    yield from np.split(rows, cuts)


def play(rows: np.ndarray, loads: dict[int, dict], snapshot_at: int = -1) -> Stand:
    """Run strategies over rows; at one chunk the host is thrown away and made again from its dump."""
    session = Session(symbols=())
    session.now = int(rows["ts_recv"][0])
    session.listing(1, "BTCUSDT", scales=(1, 3))
    stand = Stand(session)
    stand.open()
    for number, words in loads.items():
        assert session.run(number, "quoter:Quoter", ("BTCUSDT",), **words) == []
    for k, chunk in enumerate(chunks(rows[rows["kind"] < 10], BEAT_NS)):
        if k == snapshot_at:
            payload = session.host.dump()
            session.host = Host(session.library)
            session.host.load(payload)
            assert session.host.dump() == payload
        session.state = fold(session.state, chunk.astype(ROW), session.seq + 1)
        assert session.host.wake(session.state, chunk, session.seq + 1, session.now) == []
        session.seq += len(chunk)
        session.now = max(session.now, int(chunk["ts_recv"].max()))
        stand.cross(chunk)
        for due in session.host.due(session.now):
            stand.heed(session.take(session.row(registry.TIMER, due.strategy, due.timer, due.due_ns)))
    return stand


def loads(half: str, qty: str, cap: str) -> dict[int, dict]:
    params = {"interval_ns": str(2 * BEAT_NS), "half_spread": half, "qty": qty, "max_position": cap}
    calm = {**params, "on_change": "1"}
    return {
        1: {"form": "python", "params": params},
        2: {"form": "kernel", "params": params},
        3: {"form": "python", "params": calm},
        4: {"form": "kernel", "params": calm},
    }


def wanted_by(stand: Stand, number: int) -> list[list[tuple]]:
    return [wanted for strategy, wanted in stand.wants if strategy == number]


def check(rows: np.ndarray, half: str, qty: str, cap: str) -> None:
    stand = play(rows, loads(half, qty, cap))
    python = wanted_by(stand, 1)
    for number in (2, 3, 4):
        assert wanted_by(stand, number) == python, number
    assert len(python) > 15
    if half != "3":
        assert stand.fills > 4


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    return rows_of(SAMPLE / "binance_usdm" / "btcusdt_20240808.gz")


@pytest.mark.parametrize(("half", "qty", "cap"), [("0.5", "0.02", "0.061"), ("0.05", "0.003", "9")])
def test_both_forms_on_the_sample(sample: np.ndarray, half: str, qty: str, cap: str) -> None:
    check(sample, half, qty, cap)


def test_both_forms_on_a_recording(shared: Path) -> None:
    check(rows_of(shared / "data" / "binance_usdm" / "stream" / "btcusdt_20230404.dat.gz"), "0.1", "0.004", "1")


def test_a_session_goes_on_after_a_snapshot(sample: np.ndarray) -> None:
    rows = sample[: ROWS // 3]
    whole = play(rows, loads("0.5", "0.02", "0.061"))
    cut = play(rows, loads("0.5", "0.02", "0.061"), snapshot_at=40)
    assert cut.wants == whole.wants
    assert cut.session.host.digest() == whole.session.host.digest()
