"""Strategies that write down what they are told, as a text an author would write."""

SOURCE = '''
from veloz.strategies import sdk


class Recorder(sdk.Strategy):
    """Writes everything down and wants nothing."""

    written_for = "1.0"

    def __init__(self):
        self.log = []

    def on_start(self, view):
        self.log.append((view.seq, "start", None))

    def on_stop(self, view):
        self.log.append((view.seq, "stop", None))

    def on_event(self, view, event):
        self.log.append((event.seq, "event", (event.kind, event.instrument)))

    def on_timer(self, view, timer):
        self.log.append((timer.seq, "timer", (timer.number, timer.due_ns)))

    def on_bar(self, view, bar):
        self.log.append((bar.seq, "bar", (bar.instrument, bar.interval)))

    def on_fill(self, view, fill):
        self.log.append((fill.seq, "fill", (fill.order, fill.price, fill.qty)))

    def on_order(self, view, change):
        self.log.append((change.seq, "order", (change.order, change.kind)))


class Everything(Recorder):
    """Waits for all there is."""

    wakes = sdk.Wakes(
        events=("md.trade", "md.quote", "md.mark", "instrument.status"),
        timers=(1_000_000_000, 2_500_000_000),
        bars=("1s", "1m"),
        fills=True,
        orders=True,
    )


class Trades(Recorder):
    """Waits for trades and minutes."""

    wakes = sdk.Wakes(events=("md.trade",), bars=("1m", "5m"))


class Fills(Recorder):
    """Waits for its own executions and a slow timer."""

    wakes = sdk.Wakes(timers=(7_000_000_000,), fills=True)


class Nothing(Recorder):
    """Waits for nothing."""
'''
