"""What a line means: words, numbers, time, steps; and that no text makes the reader stumble."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from veloz.contracts import layout, registry, terms
from veloz.contracts.registry import BY_NUMBER
from veloz.scenario.code import Shelf
from veloz.scenario.grammar import BEAT_NS, START_NS, Script, Step, parse
from veloz.scenario.naming import Names
from veloz.scenario.rows import builders, make_step
from veloz.scenario.shapes import EXCHANGE, SHAPES
from veloz.scenario.text import ScenarioError, read_moment, read_span

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = sorted((ROOT / "specs" / "scenarios").glob("*.txt"))
SETUP = "account main binance_usdm\ninstrument BTCUSDT linear tick 0.1 lot 0.001\nasset BNB scale 8\n"


def rows_of(text: str) -> np.ndarray:
    """All rows of a scenario, made without an engine."""
    script = parse(text)
    names = Names(Shelf(ROOT).find)
    names.dry = True
    made = [np.zeros(0, layout.ROW)]
    seq = 2
    for step in script.steps:
        rows, _ = make_step(step, names, seq)
        seq += len(rows)
        made.append(rows)
    return np.concatenate(made)


def last_row(line: str) -> np.void:
    """The last row that a line makes."""
    rows = rows_of(SETUP + line + "\n")
    return rows[-1].view(BY_NUMBER[int(rows[-1]["kind"])].view)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1ns", 1),
        ("10us", 10_000),
        ("1.5ms", 1_500_000),
        ("2s", 2 * 10**9),
        ("5M", 300 * 10**9),
        ("1h", 3600 * 10**9),
        ("1d", 86400 * 10**9),
    ],
)
def test_spans(text: str, ns: int) -> None:
    assert read_span(1, text, "it") == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("00:00", START_NS),
        ("00:00:00.5", START_NS + 500_000_000),
        ("12:34:56.123456789", START_NS + 45_296_123_456_789),
        ("+1s", START_NS + 7 + 10**9),
        ("-5ns", START_NS + 2),
        ("2026-01-01T00:00:01Z", START_NS + 10**9),
        ("2026-01-01T01:00:00.25+01:00", START_NS + 250_000_000),
        ("1767225600000000000", START_NS),
    ],
)
def test_moments(text: str, ns: int) -> None:
    assert read_moment(1, text, "it", START_NS + 7) == ns


def times(text: str) -> list[int]:
    return [step.now_ns - START_NS for step in parse(text).steps]


def test_a_step_comes_a_beat_after_the_one_before() -> None:
    assert times("asset A scale 1\nasset B scale 1\nasset C scale 1") == [0, BEAT_NS, 2 * BEAT_NS]


def test_a_line_may_say_when() -> None:
    text = "+1s asset A scale 1\n+1s\nasset B scale 1\nat 00:00:05.5 asset C scale 1\nasset D scale 1\n"
    assert times(text) == [10**9, 2 * 10**9, 5_500_000_000, 5_500_000_000 + BEAT_NS]


def test_the_start_may_be_another_day() -> None:
    step = parse("start 2026-03-01T12:00:00Z\nasset A scale 1\n").steps[0]
    assert step.now_ns == 1_772_366_400_000_000_000


@pytest.mark.parametrize(
    "text",
    [
        "asset A scale 1 & asset B scale 2",
        "{ asset A scale 1 & asset B scale 2 }",
        "{\n  asset A scale 1\n\n  # nothing\n  asset B scale 2\n}",
        "ASSET A Scale 1   &asset B scale 2 # both",
        "{ asset A scale 1 &\nasset B \\\n  scale 2 }",
        "\tasset A scale 1&asset B scale 2\r",
    ],
)
def test_layout_is_free(text: str) -> None:
    steps = parse(text).steps
    assert [[(one.verb, one.args) for one in step.statements] for step in steps] == [
        [("asset", {"name": "A", "scale": 1}), ("asset", {"name": "B", "scale": 2})]
    ]


@pytest.mark.parametrize(
    "line",
    [
        "book BTCUSDT bids 99.9x5 99.8x4 asks 100x1",
        "book BTCUSDT bids 99.9 x 5 99.8 x4 asks 100x 1",
        "book BTCUSDT asks 100x1 bids 99.9x5 99.8x4",
    ],
)
def test_levels(line: str) -> None:
    levels = rows_of(SETUP + line)[-3:].view(registry.LEVEL.view)
    assert sorted(zip(levels["price"].tolist(), levels["qty"].tolist(), strict=True)) == [
        (998, 4000),
        (999, 5000),
        (1000, 1000),
    ]
    assert levels["flags"].tolist() == [
        layout.SNAPSHOT | layout.FIRST, layout.SNAPSHOT, layout.SNAPSHOT | layout.LAST | layout.ASK
    ]  # fmt: skip


def test_diffs_follow_one_another_unless_they_say_otherwise() -> None:
    lines = "book BTCUSDT bids 99x1 id 10\ndiff BTCUSDT asks 100x1\ndiff BTCUSDT ids 15 16 asks 100x0\ndiff BTCUSDT\n"
    rows = rows_of(SETUP + lines)[-4:].view(registry.LEVEL.view)
    ids = [tuple(int(row[name]) for name in ("first_id", "last_id", "prev_id")) for row in rows]
    assert ids == [(0, 10, 0), (11, 11, 10), (15, 16, 11), (17, 17, 16)]
    assert rows["flags"][-1] & layout.EMPTY


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("@ 100", {"type": terms.OrderType.LIMIT, "more": 0}),
        ("market", {"type": terms.OrderType.MARKET, "more": 0}),
        ("stop 95", {"type": terms.OrderType.STOP_MARKET, "more": 1}),
        ("@ 94 stop 95", {"type": terms.OrderType.STOP_LIMIT, "more": 1}),
        ("take-profit 95", {"type": terms.OrderType.TAKE_PROFIT_MARKET, "more": 1}),
        ("@100 take_profit 95", {"type": terms.OrderType.TAKE_PROFIT_LIMIT, "more": 1}),
        ("trailing 0.5% activation 99", {"type": terms.OrderType.TRAILING_STOP, "more": 1}),
        ("@ 100 gtd until +5m", {"tif": terms.TimeInForce.GTD, "more": 1}),
        ("@ 100 post-only", {"tif": terms.TimeInForce.GTX}),
        ("@ 100 GTX", {"tif": terms.TimeInForce.GTX}),
        ("@ 100 ioc", {"tif": terms.TimeInForce.IOC}),
        ("@ 100 fok", {"tif": terms.TimeInForce.FOK}),
        ("@ 100 reduce-only", {"reduce_only": 1}),
        ("@ 100 side long", {"position_side": terms.PositionSide.LONG}),
        ("@ 100 stp expire-maker", {"stp": terms.SelfTrade.EXPIRE_MAKER}),
        ("stop 95 trigger-by mark", {"trigger_by": terms.TriggerBy.MARK}),
        ("@ 100 as agent", {"origin": terms.Origin.AGENT}),
        ("@ 100 account main", {"account": 1}),
    ],
)
def test_orders(words: str, parts: dict[str, int]) -> None:
    rows = rows_of(SETUP + f"o1: sell 2 BTCUSDT {words}")
    command = rows[rows["kind"] == registry.COMMAND_ORDER.number].view(registry.COMMAND_ORDER.view)[0]
    found = terms.unpack(terms.SPEC, int(command["spec"]))
    assert {name: found[name] for name in parts} == parts
    assert (found["sell"], int(command["qty"])) == (1, 2000)
    assert (int(rows[-1]["kind"]) == registry.TERMS.number) == bool(found["more"])


def test_terms_of_an_order() -> None:
    row = last_row("buy 2 BTCUSDT trailing 0.5% activation 99.5 gtd until 00:10:00")
    assert (int(row["trigger"]), int(row["activation"]), int(row["callback_ppm"]), int(row["ref"])) == (0, 995, 5000, 0)
    assert int(row["expire_ns"]) == START_NS + 600 * 10**9


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("limit instrument BTCUSDT order-qty 1.5", 1500),
        ("limit instrument BTCUSDT POSITION_QTY off", -1),
        ("limit global order-notional 1000.5", 100_050_000_000),
        ("limit global collar-ppm 1%", 10_000),
        ("limit global collar-ppm 250ppm", 250),
        ("limit global leverage-ppm 3x", 3_000_000),
        ("limit global leverage-ppm 2.5x", 2_500_000),
        ("limit global stale-ns 1.5s", 1_500_000_000),
        ("limit global open-orders 7", 7),
        ("limit global own-cross no", 0),
        ("limit account main allowed yes", 1),
        ("limit venue binance_usdm gross 5", 500_000_000),
    ],
)
def test_limits(line: str, value: int) -> None:
    assert int(last_row(line)["value"]) == value


def test_a_raise_names_the_command_it_confirms() -> None:
    rows = rows_of(SETUP + "a: limit global open-orders 7\nasset X scale 1\nconfirm a by 9\n")
    first, second = rows[-3].view(registry.COMMAND_LIMIT.view), rows[-1].view(registry.COMMAND_LIMIT.view)
    assert (int(second["confirm"]), int(second["value"]), int(second["principal"])) == (len(rows) - 3 + 2, 7, 9)
    assert (int(first["confirm"]), int(first["principal"])) == (0, 1)


@pytest.mark.parametrize(("number", "same"), [("1.500", True), ("1.5", True), ("1.5001", False), ("1.50010", False)])
def test_nothing_is_rounded(number: str, same: bool) -> None:
    lines = (
        SETUP.replace("BTCUSDT linear", "BTCUSDT linear").replace("lot 0.001", "lot 0.1")
        + f"buy {number} BTCUSDT @ 100"
    )
    if same:
        assert int(rows_of(lines)[-1]["qty"]) == 15
    else:
        with pytest.raises(ScenarioError, match="more decimals"):
            rows_of(lines)


def test_a_trade_and_its_fee_stand_together() -> None:
    rows = rows_of(SETUP + "o1: buy 1 BTCUSDT @ 100\nfilled o1 0.5 @ 99 fee -0.01 BNB maker total 0.5 trade 7\n")[-3:]
    assert rows["kind"].tolist() == [registry.FILLED.number, registry.FEE.number, registry.ACCEPTED.number]
    fee = rows[1].view(registry.FEE.view)
    assert (int(fee["amount"]), int(fee["asset"]), int(fee["trade_id"])) == (-1_000_000, 3, 7)


def test_reports_count_up() -> None:
    lines = "o1: buy 1 BTCUSDT @ 100\naccepted o1\naccepted o1 seq 9\naccepted o1 seq 3\naccepted o1\n"
    rows = rows_of(SETUP + lines)[-4:].view(registry.ACCEPTED.view)
    assert rows["venue_seq"].tolist() == [1, 9, 3, 10]


def test_a_statement_counts_what_it_holds() -> None:
    text = "statement {\n stated venue:5 buy 1 BTCUSDT @ 99 filled 0.5\n position BTCUSDT 1 entry 100\n balance USDT 5\n}\n"
    rows = rows_of(SETUP + text)[-6:]
    end = rows[-1].view(registry.STATEMENT.view)
    assert rows["kind"].tolist()[0] == registry.STATEMENT.number
    assert (int(end["phase"]), int(end["orders"]), int(end["positions"])) == (1, 1, 1)
    assert rows[1].view(registry.ORDER_STATED.view)["order"] == -5


def test_every_statement_can_be_made() -> None:
    assert set(builders()) == set(SHAPES) | {"statement-end"}


def test_the_page_tells_every_word() -> None:
    page = (ROOT / "specs" / "scenarios" / "README.md").read_text()
    words = set(SHAPES) | {option for shape in [*SHAPES.values(), EXCHANGE] for option in shape.options}
    untold = sorted(word for word in words if f"{word}" not in page)
    assert not untold


def test_the_page_names_no_statement_that_is_none() -> None:
    page = (ROOT / "specs" / "scenarios" / "README.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = {code.split()[0] for cell in cells for code in cell.split("`")[1::2] if code.split()[0].islower()}
    known = (
        set(SHAPES)
        | {"expect", "sending", "exchange", "[label:]"}
        | {option for shape in [*SHAPES.values(), EXCHANGE] for option in shape.options}
    )
    others = {"collar-ppm", "losses", "rejects", "divergences", "rows", "orders", "positions", "balances", "refusals"}
    limits = {name.lower().replace("_", "-") for name in registry_limits()}
    assert named - known - others - limits <= {"feed", "unknowns"}


def registry_limits() -> list[str]:
    from veloz.contracts.codes import Limit

    return list(Limit.__members__)


def _words() -> list[str]:
    found: set[str] = set()
    for path in SCENARIOS:
        found.update(path.read_text().split())
    return sorted(found)


WORDS = _words()


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_any_mixture_of_words_is_read_or_refused_in_one_sentence(seed: int, changes: int) -> None:
    """Real scenarios with words put in, left out and swapped: rows, or one sentence."""
    chance = random.Random(seed)
    lines = chance.choice(SCENARIOS).read_text().splitlines()
    for _ in range(changes):
        at = chance.randrange(len(lines))
        words = lines[at].split(" ")
        place = chance.randrange(len(words))
        kind = chance.randrange(4)
        if kind == 0:
            words.insert(place, chance.choice(WORDS))
        elif kind == 1:
            words.pop(place)
        elif kind == 2:
            words[place] = chance.choice(WORDS)
        else:
            words[place] = words[place][::-1]
        lines[at] = " ".join(words)
    _read_or_refuse("\n".join(lines))


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_sentence(text: str) -> None:
    _read_or_refuse(SETUP + text)


def _read_or_refuse(text: str) -> Script | None:
    try:
        script = parse(text)
        names = Names(Shelf(ROOT / "specs" / "scenarios").find)
        names.dry = True
        seq = 2
        for item in script.items:
            if isinstance(item, Step):
                seq += len(make_step(item, names, seq)[0])
    except ScenarioError as found:
        refused = found
    else:
        return script
    told = str(refused)
    assert told.startswith("line ")
    assert "\n" not in told
    assert refused.line >= 1
    return None
