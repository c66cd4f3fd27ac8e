"""What a handler returns comes out as rows whose words are its fields, whatever plain type they have; anything else is told by place."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from veloz.strategies import sdk
from veloz.strategies.intents import Nonsense, put_answer

FORMS = {sdk.Target: 1, sdk.Quote: 2, sdk.Order: 3, sdk.Cancel: 4, sdk.Amend: 5}
NAMED = {sdk.Quote: {"bid": "price", "bid_qty": "qty"}}
FLAGS = ("sell", "reduce_only")
LEAST = -(2**63)
wholes = st.one_of(
    st.integers(-5, 5), st.integers(2**63 - 2, 2**63 + 1), st.integers(LEAST - 2, LEAST + 2),
    st.sampled_from([np.int64(3), sdk.TimeInForce.GTX, sdk.OrderType.MARKET]),
)  # fmt: skip
words = st.one_of(wholes, wholes, wholes, st.booleans(), st.sampled_from([1.5, None, "7"]))


@st.composite
def intents(draw: st.DrawFn) -> Any:
    """An intent of any kind, most of whose fields are numbers."""
    kind = draw(st.sampled_from(list(FORMS)))
    return kind(*(draw(wholes if draw(st.integers(0, 9)) else words) for _ in kind.__struct_fields__))


def is_whole(name: str, value: Any) -> bool:
    return isinstance(value, int | np.integer) and (name in FLAGS or not isinstance(value, bool))


@given(st.lists(st.one_of(intents(), intents(), intents(), st.just("nonsense")), max_size=5), st.booleans())
def test_rows_say_what_was_returned(answer: list[Any], alone: bool) -> None:
    out = np.full(6, 77, np.int64).repeat(len(sdk.OUT.names or ())).view(sdk.OUT)
    said: Any = answer[0] if alone and answer else tuple(answer)
    answers = answer[:1] if alone and answer else answer
    flat = out.view(np.int64)
    found = put_answer(said, 4, flat, memoryview(flat).cast("B"))  # type: ignore[arg-type]
    if len(answers) > 4:
        assert found == len(answers)
        return
    for at, each in enumerate(answers):
        if type(each) not in FORMS:
            assert found == (at, Nonsense.NOT_AN_INTENT)
            return
        if not all(is_whole(name, getattr(each, name)) for name in each.__struct_fields__):
            assert found == (at, Nonsense.NOT_A_NUMBER)
            return
    assert found == len(answers)
    for row, each in zip(out, answers, strict=False):
        told = dict.fromkeys(sdk.OUT.names or (), 0) | {"form": FORMS[type(each)]}
        for name in each.__struct_fields__:
            value = int(getattr(each, name))
            told[NAMED.get(type(each), {}).get(name, name)] = value if LEAST < value < 2**63 else LEAST
        assert dict(zip(sdk.OUT.names or (), row.tolist(), strict=True)) == told


def test_nothing_is_nothing() -> None:
    flat = np.zeros(18, np.int64)
    for nothing in (None, [], ()):
        assert put_answer(nothing, 1, flat, memoryview(flat).cast("B")) == 0  # type: ignore[arg-type]
