"""Orders by example: the table in words, holds, silence and absence, restarts, amendments, what is kept and what is forgotten."""

from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.reducers.order_rows import ACCOUNT, AMEND, CANCEL, KEY, PLACE, QUOTE, SECOND, Story, meta, row, spec
from veloz.contracts import registry as r
from veloz.contracts.codes import Proof, Refusal
from veloz.contracts.layout import ROW
from veloz.contracts.terms import Why, client_id, order_key
from veloz.reducers import desk
from veloz.reducers.fold import fold
from veloz.reducers.order_table import (
    ORDER_TABLE,
    OVER_STATES,
    OrderEvent,
    OrderState,
    follow,
    is_over,
)  # fmt: skip
from veloz.reducers.order_view import (
    OrderView,
    client_id_of,
    find_by_client_id,
    open_orders,
    order,
)  # fmt: skip
from veloz.reducers.state import State, new_state
from veloz.reducers.tables import BACK, CONTRADICTED, CONTRADICTION, STAY, beside, render_mermaid
from veloz.reducers.words import I

WHOLE = Proof.NOT_OPEN | Proof.NO_TRADE | Proof.STREAM_WHOLE
MINUTE = 60 * SECOND
ENDS = {
    OrderEvent.CANCEL: "CANCELED",
    OrderEvent.EXPIRE: "EXPIRED",
    OrderEvent.REJECT: "REJECTED",
    OrderEvent.REPLACE: "REPLACED",
}


def state_of(story: Story) -> State:
    return fold(new_state(), story.array(), 1)


def told(story: Story) -> OrderView:
    """The order after the story."""
    found = order(state_of(story), story.key)
    assert found is not None
    return found


# the table


def test_every_cell_is_reached_as_drawn() -> None:
    for at, event in product(OrderState, OrderEvent):
        cell = int(ORDER_TABLE[at, event])
        assert int(follow(I(at), I(event))) == cell
        assert cell in (STAY, BACK, CONTRADICTION) or cell % CONTRADICTED in list(OrderState)
        assert bool(is_over(I(at))) == (at in OVER_STATES)


def test_the_table_in_words() -> None:
    for at in OrderState:
        for event, end in ENDS.items():
            cell = int(ORDER_TABLE[at, event])
            if at is OrderState.BUSTED or at.name == end:
                assert cell == STAY, "what is over stays, a repeated end is harmless"
            elif not (at is OrderState.REPLACED and event is OrderEvent.CANCEL):
                assert cell % CONTRADICTED == OrderState[end], (at, event)
        if at not in OVER_STATES:
            assert ORDER_TABLE[at, OrderEvent.FULL] % CONTRADICTED == OrderState.FILLED
            assert ORDER_TABLE[at, OrderEvent.BUST] in (STAY, CONTRADICTION)
        elif at is not OrderState.BUSTED:
            assert ORDER_TABLE[at, OrderEvent.BUST] == OrderState.BUSTED
            assert ORDER_TABLE[at, OrderEvent.ASK_CANCEL] == STAY, "late cancels change nothing"
        if ORDER_TABLE[at, OrderEvent.RESTART] == OrderState.UNKNOWN:
            assert at in (OrderState.APPROVED, OrderState.DISPATCHED, OrderState.CANCEL_REQUESTED)
    drafted = ORDER_TABLE[OrderState.DRAFTED]
    assert drafted[OrderEvent.OPEN] >= CONTRADICTED, "nothing is sent that was not approved"
    assert (ORDER_TABLE[:, OrderEvent.APPROVE] == OrderState.APPROVED).sum() == 1, "approved from a draft only"
    assert [OrderState(at).name for at in range(13) if ORDER_TABLE[at, OrderEvent.ABSENT] != STAY] == ["UNKNOWN"]


def test_halves_of_a_drawing_have_the_same_lines() -> None:
    with pytest.raises(ValueError, match=r"same order\.$"):
        beside("A\nX =", "B\nY =")


def test_the_page_shows_the_table(root: Path) -> None:
    page = (root / "docs/reference/orders.md").read_text()
    assert render_mermaid(OrderState, OrderEvent, ORDER_TABLE) in page


# drafts, verdicts, holds


def test_a_refused_draft_is_over_at_once() -> None:
    story = Story().drafted()
    story.say(r.GATE_REFUSED, 10, 11, len(story.rows), int(Refusal.LOT))
    found = told(story)
    assert (found.state, found.why, found.reason, found.hold) == ("REJECTED", Why.GATE, Refusal.LOT, 0)
    assert open_orders(state_of(story)) == []


@pytest.mark.parametrize(("filled", "held"), [(0, 1001), (1, 991), (33, 671), (99, 11), (100, 0)])
def test_a_hold_shrinks_with_what_remains_and_is_rounded_up(filled: int, held: int) -> None:
    story = Story(hold=1001).dispatched().say(r.ACCEPTED, 77, filled, 1, meta())
    assert told(story).hold == 1001, "what was only stated has moved no money yet"
    if filled:
        story.say(r.FILLED, 50, filled, 901, meta())
    state = state_of(story)
    assert told(story).hold == held == -(-1001 * (100 - filled) // 100)
    assert state.balances[ACCOUNT * desk.ASSETS_MAX + QUOTE]["held"] == held


def test_terms_behind_a_draft_are_its_own() -> None:
    story = Story().drafted()
    story.rows.append(row(r.TERMS, 55, 60, 2500, len(story.rows), 9 * SECOND))
    found = told(story)
    assert (found.trigger, found.activation, found.callback_ppm, found.expire_ns) == (55, 60, 2500, 9 * SECOND)
    story.rows.append(row(r.TERMS, 1, 1, 1, 0, 1))
    assert told(story).trigger == 55, "only the row right behind it"


def test_a_report_about_a_draft_that_was_not_approved_is_a_contradiction() -> None:
    story = Story().drafted().say(r.ACCEPTED, 77, 0, 1, meta())
    assert told(story).state == "ACCEPTED"
    assert state_of(story).terms[1]["frozen"] == Refusal.CONTRADICTION


def test_not_sent_is_the_end_unless_it_left() -> None:
    story = Story().requested().say(r.NOT_SENT, PLACE, 1, 0, meta())
    assert (told(story).state, told(story).why, told(story).hold) == ("REJECTED", Why.NOT_SENT, 0)
    assert state_of(story).terms[1]["frozen"] == 0
    left = Story().dispatched().say(r.NOT_SENT, PLACE, 1, 0, meta())
    assert (told(left).state, told(left).hold) == ("DISPATCHED", 1000)
    assert state_of(left).terms[1]["frozen"] == Refusal.CONTRADICTION
    story.say(r.ACCEPTED, 77, 20, 1, meta())
    found = told(story)
    assert (found.state, found.hold, found.remaining) == ("PARTIALLY_FILLED", 1000, 80), "it lives, so it is reserved"
    assert state_of(story).terms[1]["frozen"] == Refusal.CONTRADICTION


# silence and absence


def silent(horizon: int = MINUTE) -> Story:
    return Story().dispatched().say(r.SILENT, PLACE, horizon, 0, meta())


def test_unknown_keeps_everything_reserved() -> None:
    found = told(silent())
    assert (found.state, found.remaining, found.hold, found.horizon_ns) == ("UNKNOWN", 100, 1000, MINUTE)
    found = told(silent().say(r.REQUEST_REJECTED, 2011, 0, 1, meta(action=CANCEL)))
    assert (found.state, found.remaining, found.hold) == ("UNKNOWN", 100, 1000), "no answer about the order itself"
    assert told(silent(0)).horizon_ns == SECOND + MINUTE, "no horizon stated: a minute from now"


def missing(*asked: int, proof: int = WHOLE) -> Story:
    story = silent()
    for at in asked:
        story.say(r.MISSING, proof, 0, at, meta())
    return story


@pytest.mark.parametrize(
    ("asked", "absent"),
    [
        ((MINUTE,), False),
        ((MINUTE, MINUTE), False),
        ((MINUTE, MINUTE + 30 * SECOND - 1), False),
        ((MINUTE, MINUTE + 30 * SECOND), True),
        ((MINUTE - 1, MINUTE + 30 * SECOND - 1), False),
        ((MINUTE + 30 * SECOND, MINUTE), True),
        ((MINUTE + 15 * SECOND, MINUTE, MINUTE + 30 * SECOND), True),
    ],
)
def test_absence_needs_two_answers_apart_past_the_horizon(asked: tuple[int, ...], absent: bool) -> None:
    found = told(missing(*asked))
    assert (found.state, found.why, found.hold) == (("EXPIRED", Why.ABSENT, 0) if absent else ("UNKNOWN", 0, 1000))


@pytest.mark.parametrize("lacks", list(Proof))
def test_absence_needs_the_whole_proof(lacks: Proof) -> None:
    assert told(missing(MINUTE, 2 * MINUTE, proof=WHOLE & ~lacks)).state == "UNKNOWN"


def test_what_the_venue_has_shown_cannot_be_absent() -> None:
    story = silent().say(r.ACCEPTED, 77, 0, 1, meta()).say(r.CANCEL_REQUESTED, 0, 0, 0, spec(action=CANCEL))
    story.say(r.SILENT, CANCEL, MINUTE, 0, meta())
    for at in (MINUTE, 2 * MINUTE):
        story.say(r.MISSING, WHOLE, 0, at, meta())
    assert (told(story).state, told(story).hold) == ("UNKNOWN", 1000)
    assert told(story.say(r.ACCEPTED, 77, 0, 0, meta())).state == "UNKNOWN", "older than what is known: no answer"
    assert told(story.say(r.ACCEPTED, 77, 0, 1, meta())).state == "ACCEPTED"


def test_found_after_its_absence_was_proved() -> None:
    story = missing(MINUTE, 2 * MINUTE).say(r.FILLED, 50, 40, 900, meta())
    found = told(story)
    assert (found.state, found.filled, found.hold, found.over) == ("PARTIALLY_FILLED", 40, 600, False)
    assert state_of(story).terms[1]["frozen"] == Refusal.CONTRADICTION


@pytest.mark.parametrize("begun", ["drafted", "approved", "requested", "dispatched"])
def test_a_restart_sends_nothing_and_doubts_everything(begun: str) -> None:
    story = getattr(Story(), begun)()
    story.rows.append(row(r.STARTED, 2, ts=5 * SECOND, instrument=0))
    found = told(story)
    if begun == "drafted":
        assert (found.state, found.why) == ("REJECTED", Why.NOT_SENT)
    else:
        assert (found.state, found.hold, found.horizon_ns) == ("UNKNOWN", 1000, 65 * SECOND)


def test_a_restart_leaves_what_is_known_alone() -> None:
    story = Story().dispatched().say(r.ACCEPTED, 77, 10, 1, meta())
    story.rows.append(row(r.STARTED, 2, instrument=0))
    assert told(story).state == "PARTIALLY_FILLED"
    story.say(r.CANCEL_REQUESTED, 0, 0, 0, spec(action=CANCEL))
    story.rows.append(row(r.STARTED, 3, instrument=0))
    assert told(story).state == "UNKNOWN", "whether the cancel left is not known"


# cancels and amendments


def test_cancels_that_are_repeated_late_or_unknown_change_nothing() -> None:
    story = Story().dispatched().say(r.ACCEPTED, 77, 0, 1, meta()).say(r.CANCEL_REQUESTED, 0, 0, 0, spec(action=CANCEL))
    once = told(story)
    assert once.state == "CANCEL_REQUESTED"
    again = told(story.say(r.CANCEL_REQUESTED, 0, 0, 0, spec(action=CANCEL)))
    assert again._replace(cancel_seq=0, last_seq=0) == once._replace(cancel_seq=0, last_seq=0)
    over = told(story.say(r.CANCELED, 77, 0, 2, meta()))
    late = told(story.say(r.CANCEL_REQUESTED, 0, 0, 0, spec(action=CANCEL)))
    assert late._replace(last_seq=0) == over._replace(last_seq=0)
    story.key = order_key(5)
    state = state_of(story.say(r.CANCEL_REQUESTED, 0, 0, 0, spec(action=CANCEL)))
    assert (int(state.desk[0]["strays"]), order(state, story.key)) == (1, None)


@pytest.mark.parametrize("how", [r.REQUEST_REJECTED, r.NOT_SENT])
def test_a_cancel_that_fails_leads_back(how: r.Kind) -> None:
    for reports, state in ((0, "DISPATCHED"), (1, "ACCEPTED"), (2, "PARTIALLY_FILLED")):
        story = Story().dispatched().say(r.CANCEL_REQUESTED, 0, 0, 0, spec(action=CANCEL))
        for filled in range(reports):
            story.say(r.ACCEPTED, 77, 10 * filled, filled, meta())
        words = (2011, 0, 9, meta(action=CANCEL)) if how is r.REQUEST_REJECTED else (CANCEL, 1, 0, meta())
        assert told(story.say(how, *words)).state == state


def amended(qty: int = 150, hold: int = 1500) -> Story:
    story = Story().dispatched().say(r.ACCEPTED, 77, 0, 1, meta())
    story.say(r.DRAFTED, 55, qty, 0, spec(action=AMEND))
    return story.say(r.APPROVED, hold, QUOTE, len(story.rows), 1)


@pytest.mark.parametrize(
    ("qty", "hold", "asked", "replaced", "refused"), [(150, 1500, 1500, 1500, 1000), (50, 500, 1000, 500, 1000)]
)
def test_an_amendment_holds_the_larger_until_it_is_answered(
    qty: int, hold: int, asked: int, replaced: int, refused: int
) -> None:
    story = amended(qty, hold)
    assert (told(story).hold, told(story).remaining) == (asked, max(qty, 100))
    done = told(amended(qty, hold).say(r.REPLACED, 55, qty, 2, meta(action=AMEND)))
    assert (done.hold, done.price, done.qty, done.amending, done.state) == (replaced, 55, qty, False, "ACCEPTED")
    back = told(amended(qty, hold).say(r.REQUEST_REJECTED, 2011, 0, 2, meta(action=AMEND)))
    assert (back.hold, back.price, back.qty, back.amending) == (refused, 50, 100, False)


def test_answers_to_cancels_and_amendments_have_an_order_each() -> None:
    story = amended().say(r.CANCEL_REQUESTED, 0, 0, 0, spec(action=CANCEL))
    story.say(r.REQUEST_REJECTED, 2011, 0, 9, meta(action=CANCEL))
    assert (told(story).state, told(story).amending) == ("ACCEPTED", True)
    story.say(r.REQUEST_REJECTED, 2011, 0, 8, meta(action=AMEND))
    assert (told(story).amending, told(story).hold) == (False, 1000), "older than the other answer, and an answer"


def test_an_amendment_without_an_answer() -> None:
    story = amended().say(r.SILENT, AMEND, MINUTE, 0, meta())
    assert (told(story).state, told(story).hold, told(story).remaining) == ("UNKNOWN", 1500, 150)
    story.say(r.ORDER_STATED, 50, 100, 1, spec()).say(r.ACCEPTED, 77, 0, 1, meta())
    assert (told(story).state, told(story).amending) == ("ACCEPTED", True), "it may still come"
    story.say(r.ORDER_STATED, 50, 100, 1, spec(), ts=2 * MINUTE)
    assert (told(story).amending, told(story).hold) == (False, 1000), "past the horizon it will not"


def test_a_refused_amendment_leaves_the_order_alone() -> None:
    story = Story().dispatched().say(r.ACCEPTED, 77, 0, 1, meta()).say(r.DRAFTED, 55, 150, 0, spec(action=AMEND))
    found = told(story.say(r.GATE_REFUSED, 1, 2, len(story.rows), int(Refusal.LOT)))
    assert (found.state, found.pending_qty, found.qty, found.hold) == ("ACCEPTED", 0, 100, 1000)


# reading, keeping, forgetting


def test_the_average_price_is_exact() -> None:
    story = Story().dispatched().say(r.FILLED, 50, 30, 900, meta()).say(r.FILLED, 49, 10, 901, meta())
    assert told(story).average == Fraction(50 * 30 + 49 * 10, 40)
    assert told(story.say(r.BUSTED, 49, 10, 901, meta())).average == 50


def test_a_fee_belongs_to_the_fill_right_before_it() -> None:
    def fees(*rows: tuple[r.Kind, tuple[int, ...]]) -> int:
        story = Story().dispatched()
        for kind, words in rows:
            story.say(kind, *words)
        return int(state_of(story).balances[ACCOUNT * desk.ASSETS_MAX + QUOTE]["fees"])

    fill, fee = (r.FILLED, (50, 30, 900, meta())), (r.FEE, (7, QUOTE, 900, meta()))
    assert fees(fill, fee) == 7
    assert fees(fill, fee, fill, fee) == 7, "of a repeated fill"
    assert fees(fill, fee, fee) == 7
    assert fees(fill, (r.ACCEPTED, (77, 30, 1, meta())), fee) == 0
    assert fees(fee) == 0


def test_finding_by_client_id() -> None:
    story = Story()
    story.rows.append(row(r.STARTED, 4, instrument=0))
    story.dispatched()
    state = state_of(story)
    text = client_id(4, KEY)
    assert client_id_of(state, KEY) == text
    found = find_by_client_id(state, text)
    assert found is not None
    assert found.key == KEY
    assert found.client_id == text
    assert find_by_client_id(state, client_id(5, KEY)) is None
    assert find_by_client_id(state, "somebody-elses") is None
    assert client_id_of(state, KEY + 1) is None


def test_open_orders_are_found_by_whose_they_are() -> None:
    story = Story().dispatched()
    story.key = order_key(2000)
    story.say(r.DRAFTED, 50, 100, 2000, spec(strategy=3), instrument=2)
    state = state_of(story)
    assert [each.key for each in open_orders(state)] == [KEY, order_key(2000)]
    assert [each.key for each in open_orders(state, instrument=2)] == [order_key(2000)]
    assert [each.key for each in open_orders(state, strategy=0)] == [KEY]
    assert open_orders(state, account=2) == []


def test_the_oldest_finished_order_is_forgotten_and_its_place_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    many = desk.ORDERS_DONE_KEPT + 3
    rows = [*Story().rows]
    for number in range(many):
        key = order_key(1000 + number)
        rows.append(row(r.DRAFTED, key, 50, 10, 0, spec()))
        rows.append(row(r.GATE_REFUSED, key, 1, 2, len(rows), 211))
    array = np.array(rows, ROW)
    array["flags"] = 0
    state = fold(new_state(), array, 1)
    assert [order(state, order_key(1000 + number)) for number in range(3)] == [None] * 3
    kept = order(state, order_key(1003))
    assert kept is not None
    assert kept.over
    assert (int(state.desk[0]["done_n"]), int(state.desk[0]["orders_open"])) == (desk.ORDERS_DONE_KEPT, 0)
    assert int(state.desk[0]["orders_used"]) == desk.ORDERS_DONE_KEPT + 1, "places are used again"


@pytest.mark.parametrize("qty", [1 << 61, -1, (1 << 63) - 1])
def test_quantities_that_no_sum_can_hold_are_refused(qty: int) -> None:
    story = Story().say(r.DRAFTED, 50, qty, 1, spec())
    assert order(state_of(story), KEY) is None
    state = state_of(Story().dispatched().say(r.FILLED, 50, qty, 900, meta()))
    assert state.terms[1]["frozen"] == Refusal.ARITHMETIC
    assert order(state, KEY)._replace(last_seq=0) == told(Story().dispatched())._replace(last_seq=0)  # type: ignore[union-attr]


def test_an_order_that_lives_under_a_name_nobody_knows_is_never_uncounted() -> None:
    reports = (
        (r.ACCEPTED, 77, 10, 1, meta(), True), (r.REPLACED, 40, 90, 1, meta(action=AMEND), True),
        (r.CANCELED, 77, 10, 1, meta(), False), (r.EXPIRED, 77, 10, 1, meta(), False), (r.REJECTED, -1, 0, 1, meta(), False),
        (r.REQUEST_REJECTED, -1, 0, 1, meta(action=CANCEL), False),
    )  # fmt: skip
    for kind, *words, lives in reports:
        state = state_of(Story().say(kind, *words))
        assert order(state, KEY) is None
        assert int(state.desk[0]["strays"]) == 1
        assert int(state.desk[0]["foreign"]) == lives, kind.name
        assert state.terms[1]["frozen"] == (Refusal.FOREIGN_ORDER if lives else 0), kind.name
    stated = Story().say(r.ORDER_STATED, 50, 100, 5, spec()).say(r.ACCEPTED, 77, 10, 6, meta())
    found, state = told(stated), state_of(stated)
    assert (found.qty, found.filled, found.strategy, found.state) == (100, 10, -1, "PARTIALLY_FILLED")
    assert (int(state.desk[0]["strays"]), int(state.terms[1]["frozen"])) == (0, 0)
