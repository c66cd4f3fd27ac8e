"""Who wakes, the slow way: every row of a step is offered to every strategy. Shares no code with the host."""

from dataclasses import dataclass, field

SECOND = 10**9
LENGTHS = {"1s": SECOND, "1m": 60 * SECOND, "5m": 300 * SECOND}
KINDS = {1: "md.trade", 2: "md.quote", 3: "md.level", 4: "md.mark", 38: "instrument.status"}
ORDER_KINDS = {
    80: "order.accepted",
    81: "order.canceled",
    82: "order.expired",
    83: "order.rejected",
    79: "order.silent",
}
Told = tuple[int, str, object]  # sequence number of the cause, handler, what it is told


@dataclass
class NaiveMind:
    """One strategy as it declares itself."""

    events: list[str]
    intervals: list[int]
    bars: list[str]
    fills: bool
    orders: bool
    instruments: list[int]
    status: str = "LOADED"
    dues: list[int] = field(default_factory=list)
    seen: dict[tuple[int, str], int] = field(default_factory=dict)


class NaiveHost:
    """Tells strategies what happens, step by step."""

    def __init__(self, minds: dict[int, NaiveMind]) -> None:
        self.minds = minds
        self.newest: dict[int, int] = {}  # second of the newest trade, by instrument
        self.begun: dict[int, int] = {}  # when a stated bar opened whose volumes are to come
        self.since: dict[int, int] = {}  # of the first that the present source gave
        self.stated: dict[int, tuple[int, int]] = {}  # length of stated bars, and when the newest ended
        self.owners: dict[int, int] = {}  # strategy, by order key
        self.trades: list[tuple[int, int]] = []

    def step(self, rows: list[tuple[int, ...]], first_seq: int, now: int) -> dict[int, list[Told]]:
        """What each strategy is told at the end of a step, in order."""
        rows = [row if row[1] == 1 else (0, *row[1:]) for row in rows]  # newer versions are passed over
        runs_before = {number for number, mind in self.minds.items() if mind.status == "RUNNING"}
        counted = self.note(rows, first_seq)
        told: dict[int, list[Told]] = {}
        for number, mind in self.minds.items():
            heard = self.market(mind, rows, first_seq) if number in runs_before else []
            for k, row in enumerate(rows):
                heard += self.single(number, mind, row, first_seq + k, now, counted)
            if mind.status != "RUNNING":
                heard = [each for each in heard if each[1] == "stop"]
            if heard:
                told[number] = sorted(heard, key=lambda each: each[0])
        return told

    def note(self, rows: list[tuple[int, ...]], first_seq: int) -> list[int]:
        """What the world is after these rows; sequence numbers of fills that count."""
        counted = []
        for k, row in enumerate(rows):
            if row[0] == 1 and not row[2] & 32:
                if row[3] not in self.newest:
                    self.since[row[3]] = row[9]
                self.newest[row[3]] = max(self.newest.get(row[3], 0), row[9] // SECOND * SECOND)
                self.stated.pop(row[3], None)
            if row[0] == 6:
                self.begun[row[3]] = row[6] if row[2] & 16 else 0
            if row[0] == 7:
                self.note_bar(row[3], self.begun.pop(row[3], 0), row[6])
            if row[0] == 86 and row[6] in self.owners and (row[3], row[9]) not in self.trades:
                self.trades.append((row[3], row[9]))
                counted.append(first_seq + k)
        return counted

    def note_bar(self, instrument: int, opened: int, length: int) -> None:
        """A stated bar of an instrument without trades."""
        if not opened or instrument in self.newest:
            return
        known, end = self.stated.get(instrument, (0, 0))
        if not known or length < known or (length > known and opened >= end + length):
            known, end, self.since[instrument] = length, 0, opened
        self.stated[instrument] = (known, max(end, opened + length) if length == known else end)

    def bucket(self, instrument: int, length: int) -> int:
        """Number of the bar that is open."""
        step, end = self.stated.get(instrument, (length, self.newest.get(instrument, 0)))
        return end // length if length % step == 0 else 0

    def market(self, mind: NaiveMind, rows: list[tuple[int, ...]], first_seq: int) -> list[Told]:
        """The last row of each kind and instrument it waits for, and bars that have closed."""
        last: dict[tuple[str, int], int] = {}
        traded: dict[int, dict[int, int]] = {}  # by instrument and kind
        for k, row in enumerate(rows):
            name = KINDS.get(row[0], "")
            if name in mind.events and (row[3] in mind.instruments or not name.startswith("md.")):
                last[name, row[3] if name.startswith("md.") else 0] = k
            if row[0] in (1, 5, 7) and row[3] in mind.instruments:
                traded.setdefault(row[3], {})[row[0]] = k
        heard: list[Told] = [(first_seq + k, "event", (name, rows[k][3])) for (name, _), k in last.items()]
        for instrument, by_kind in traded.items():
            k = by_kind[min(by_kind)]
            for bar in mind.bars:
                bucket, before = self.bucket(instrument, LENGTHS[bar]), mind.seen.get((instrument, bar), 0)
                mind.seen[instrument, bar] = max(bucket, before)
                step, end = self.stated.get(instrument, (0, 0))
                whole = step > 0 and (end - step) // LENGTHS[bar] < bucket
                if bucket > max(before, self.since.get(instrument, 0) // LENGTHS[bar]) and (before > 0 or whole):
                    heard.append((first_seq + k, "bar", (instrument, bar)))
        return heard

    def single(
        self, number: int, mind: NaiveMind, row: tuple[int, ...], seq: int, now: int, counted: list[int]
    ) -> list[Told]:
        """Commands, timers and own orders."""
        if row[0] == 120 and row[6] == number:
            return self.command(mind, row[7], seq, now)
        if row[0] == 53 and row[6] == number and mind.status == "RUNNING":
            timer, due = row[7], row[8]
            if not (0 <= timer < len(mind.dues) and mind.dues[timer] and due >= mind.dues[timer]):
                return []
            mind.dues[timer] += mind.intervals[timer]
            while mind.dues[timer] <= now:
                mind.dues[timer] += mind.intervals[timer]
            return [(seq, "timer", (timer, due))]
        if self.owners.get(row[6]) != number or row[0] not in (86, *ORDER_KINDS):
            return []
        if row[0] == 86:
            return (
                [(seq, "fill", (row[6], row[7], row[8]))]
                if mind.fills and seq in counted and mind.status == "RUNNING"
                else []
            )
        return [(seq, "order", (row[6], ORDER_KINDS[row[0]]))] if mind.orders and mind.status == "RUNNING" else []

    def command(self, mind: NaiveMind, action: int, seq: int, now: int) -> list[Told]:
        """START 1, PAUSE 2, STOP 3."""
        before = mind.status
        if action == 1 and before != "RUNNING":
            mind.status, mind.dues = "RUNNING", [now + interval for interval in mind.intervals]
            for instrument in mind.instruments:
                for bar in mind.bars:
                    mind.seen[instrument, bar] = self.bucket(instrument, LENGTHS[bar])
            return [] if before == "PAUSED" else [(seq, "start", None)]
        if action == 2 and before == "RUNNING":
            mind.status, mind.dues = "PAUSED", []
        if action == 3 and before in ("RUNNING", "PAUSED"):
            mind.status, mind.dues = "STOPPED", []
            return [(seq, "stop", None)]
        return []
