"""Which beats have news, the slow way: what was shown at the last beat that was told is kept whole. Shares no code with the host."""

from dataclasses import dataclass, field

ORDERS_MOST = 16  # with more open orders than these there is always news
BEATS_KEPT = 1_000_003


@dataclass
class NaiveSeen:
    """One strategy that is told of beats only where something it goes by is not as it was."""

    always: bool = False
    asleep: bool = False
    revision: int = 0  # commands that set its parameters
    intents: int = 0  # rows it said
    seen: dict[int, tuple] = field(default_factory=dict)  # by timer
    told: list[tuple[int, int]] = field(default_factory=list)  # timer and due time of every beat

    def beat(self, timer: int, due_ns: int, markets: list[tuple], orders: list[tuple], refused: int) -> None:
        """A timer of its own was due, and this is what there is at the step's end."""
        if self.asleep:
            return
        now = (markets, orders, refused, self.revision, self.intents)
        if self.always:
            self.told.append((timer, due_ns))
        elif self.seen.get(timer) != now or len(orders) > ORDERS_MOST:
            self.seen[timer] = now
            self.told.append((timer, due_ns))

    @property
    def sum(self) -> int:
        """What a kernel keeps that has no room for a list."""
        kept = 0
        for timer, due_ns in self.told:
            kept = (kept * 31 + timer * 7 + due_ns // 1000) % BEATS_KEPT
        return kept
