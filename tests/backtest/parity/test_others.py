"""Parity by the command alone: `configs/quoter.toml` with the words that the manual names, on other instruments and days.

They are made of the recordings: prices are scaled and brought to another tick, quantities to another lot, stamps to another day.
"""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from tests.backtest.parity.cases import PPM, Case, Data, peer_words, random_cases
from tests.backtest.parity.peer import Peer
from tests.backtest.parity.whole import Market, decimal_text
from veloz.cli.main import run_command

DAY_NS: Final = 86_400_000_000_000
MANY: Final = 40
LATE: Final = {"usdm": "ETHUSDT", "coinm": "ETHUSD_PERP", "spot": "ETHUSDT"}
OTHERS: Final = {  # prices times, tick's places, quantities times, lot's places, days later
    "usdm": (0.05, 2, 20, 3, 37), "coinm": (0.05, 2, 1, 0, -400), "spot": (0.05, 2, 20, 4, 5)
}  # fmt: skip
PLACES: Final = {
    "usdm": ("binance_usdm", "linear"),
    "coinm": ("binance_coinm", "inverse"),
    "spot": ("binance_spot", "spot"),
}
LOTS: Final = {"usdm": 20, "coinm": 10, "spot": 200}  # the least quantity of a case
Others = dict[str, tuple[Data, Path]]


def moved(events: np.ndarray, name: str) -> np.ndarray:
    """The events of another instrument on another day."""
    times, price_scale, more, qty_scale, days = OTHERS[name]
    other = events.copy()
    other["px"] = np.round(events["px"] * times, price_scale)
    other["qty"] = np.round(events["qty"] * more, qty_scale)
    for stamp in ("exch_ts", "local_ts"):
        other[stamp] += days * DAY_NS
    return other


@pytest.fixture(scope="session")
def others(peer: Peer, recordings: dict[str, Data], spot: tuple[Data, np.ndarray]) -> Others:
    """Their events, as both sides read them."""
    sources = {name: (data, peer.events(data.capture)) for name, data in recordings.items()} | {"spot": spot}
    found = {}
    for name, (data, events) in sources.items():
        _, price_scale, _, qty_scale, _ = OTHERS[name]
        other = replace(data, capture=Path(f"other_{name}"), price_scale=price_scale, qty_scale=qty_scale, kept={})
        rows = moved(events, name)
        other.load(rows)
        np.save(peer.folder / f"{other.capture.name}.npy", rows)
        np.savez_compressed(peer.folder / f"{other.capture.name}.npz", data=rows)
        found[name] = other, peer.folder / f"{other.capture.name}.npz"
    return found


def words_of(case: Case, data: Data, market: Market) -> dict[str, Any]:
    """What is set. The range of prices is the default: nothing is said of it, nor of balances."""
    tick, lot = Fraction(1, 10**data.price_scale), Fraction(1, 10**data.qty_scale)
    return {
        "data.venue": market.venue, "instrument.symbol": market.symbol, "instrument.kind": market.kind,
        **{f"instrument.{name}": text for name, text in market.given(data).items()},
        "strategy.interval_ns": case.every_ns, "strategy.half_spread": decimal_text(case.spread_ticks * tick / 2),
        "strategy.qty": decimal_text(case.qty * lot), "strategy.max_position": decimal_text(case.cap * lot),
        "latency.entry_ns": case.entry_ns, "latency.response_ns": case.response_ns, "queue.model": case.queue.name.lower(),
        "queue.power": case.power, "match.partial": str(case.partial).lower(), "match.compat": "hftbacktest",
        "fees.maker": decimal_text(Fraction(case.maker_ppm, PPM)), "fees.taker": decimal_text(Fraction(case.taker_ppm, PPM)),
        "gate.enabled": "false", "report.html": "false",
    }  # fmt: skip


def fills_of(told: str, data: Data) -> list[tuple[int, int, Fraction, Fraction]]:
    """Venue time, sign, ticks and lots of each execution that `veloz journal dump` lists."""
    rows = [json.loads(line) for line in told.splitlines()]
    return sorted(
        (
            row["ts_event"], 1 if row["meta"]["side"] == "buy" else -1, Fraction(row["price"]) * 10**data.price_scale,
            Fraction(row["qty"]) * 10**data.qty_scale,
        )
        for row in rows
    )  # fmt: skip


def differences(answer: dict[str, Any], fills: list[Any], peer: dict[str, Any], data: Data, symbol: str) -> list[str]:
    """What differs; empty: nothing."""
    unit, found = 10**data.qty_scale, []
    theirs = sorted((at, side, tick, round(qty * unit)) for at, _, side, tick, qty in peer["fills"])
    if theirs != fills or answer["fills"] != peer["trades"]:
        found.append(f"fills {len(theirs), peer['trades']} {len(fills), answer['fills']}")
    if Fraction(answer["position"][symbol]) * unit != round(peer["position"] * unit):
        found.append(f"position {peer['position']} {answer['position']}")
    for name, here in (("fee", float(answer["fees"])), ("balance", float(answer["cash"]))):
        if abs(peer[name] - here) > max(1e-9 * abs(here), 1e-8 * answer["fills"]):
            found.append(f"{name} {peer[name]} {here}")
    return found


@pytest.mark.slow
def test_other_instruments_and_days(
    peer: Peer, others: Others, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, found = 0, []
    for number, random in enumerate(random_cases(21, MANY)):
        name = sorted(others)[number % len(others)]
        data, events = others[name]
        market = Market(*PLACES[name][:1], LATE[name], PLACES[name][1], ())
        lots = LOTS[name] * (1 + number % 7)
        case = replace(random, data=name, qty=lots, cap=lots * (2 * (number % 11) + 1) // 2 + Fraction(1, 2))
        theirs = peer.ask(peer_words(case, data))
        if theirs["code"] != 1:
            continue
        whole += 1
        told = ["backtest", str(root / "configs/quoter.toml"), "--data", str(events), "--json"]
        for word, text in {**words_of(case, data, market), "data_dir": str(tmp_path)}.items():
            told += ["--set", f"{word}={text}"]
        assert run_command(told) == 0, case
        answer = json.loads(capsys.readouterr().out)
        assert run_command(["journal", "dump", "--kind", "order.filled", "--journal", answer["journal"]]) == 0
        fills = fills_of(capsys.readouterr().out, data)
        found += [f"{case}: {text}" for text in differences(answer, fills, theirs, data, market.symbol)]
    assert not found, found
    assert whole > MANY // 2
