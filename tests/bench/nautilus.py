"""P4: our backtest of the quoter beside NautilusTrader's engine over the same events.

The peer runs a strategy in Python that subscribes to book deltas and trades and does nothing: no orders, no fills. Ours quotes two sides
every 100 ms, with queue positions, latencies, the gate, positions, pnl and every decision on record, compiled and in Python. CPU time of
the run alone on both sides: the peer's objects and ours are there before the clock starts. The peer is given one object an event, as
its documentation shows; and, beside that, the deltas of a message as one object, which spares it most of its calls.

python -m tests.bench.nautilus
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.backtest.parity.peer import Peer
from tests.bench.backtest import lap, plan_of, prepare
from tests.bench.measure import Figure, alternate, median
from tests.bench.peer import Nautilus
from tests.peers.environments import needed_python

ROUNDS = 5
TARGET = 100.0
HALF = "3"


def run() -> Iterator[Figure]:
    """Million events a second of each, and how many times the peer's rate ours is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Peer(needed_python("hftbacktest"), folder) as converter:
            _, events = prepare(converter, folder)
        plans = {form: plan_of(folder, form, HALF) for form in ("compiled", "python")}
        with (
            Nautilus(folder / "btcusdt.npz", batched=False) as single,
            Nautilus(folder / "btcusdt.npz", batched=True) as batched,
        ):
            laps = alternate(
                {
                    "compiled": lambda: lap(plans["compiled"], loop=True).seconds,
                    "python": lambda: lap(plans["python"], loop=True).seconds,
                    "single": single.run,
                    "batched": batched.run,
                },
                ROUNDS,
            )
        rates = {
            name: [counted / took / 1e6 for took in laps[name]]
            for name, counted in (
                ("compiled", len(events)), ("python", len(events)), ("single", single.events), ("batched", batched.events),
            )
        }  # fmt: skip
        yield Figure("NautilusTrader, idle, one object an event", median(rates["single"]), "M events/s")
        yield Figure("NautilusTrader, idle, one object a message", median(rates["batched"]), "M events/s")
        for form in ("compiled", "python"):
            for peer, told, target in (("single", "an event", TARGET), ("batched", "a message", None)):
                times = median([ours / theirs for ours, theirs in zip(rates[form], rates[peer], strict=True)])
                rate = median(rates[form])
                against = f"NautilusTrader idle, one object {told}"
                yield Figure(
                    f"P4 quoter, {form}", rate, "M events/s", times, against, target if form == "compiled" else None
                )


if __name__ == "__main__":
    from tests.bench.table import print_figures

    print_figures(list(run()))
