"""Names that people write."""

from veloz.contracts.spelling import closest, flatten, nearest, told_among

KNOWN = ("latency.entry_ns", "latency.response_ns", "seed")


def test_tables_within_tables_are_one() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": 3}) == {"a.b": 1, "a.c.d": [2], "e": 3}
    assert flatten({"b": 1}, "a.") == {"a.b": 1}
    assert flatten({"a": {}}) == {}


def test_the_nearest_is_told_or_all_there_are() -> None:
    assert closest("latency.entry", KNOWN) == "latency.entry_ns"
    assert closest("zzz", KNOWN) == ""
    assert closest("sead", KNOWN) == "seed"
    assert closest("sead", KNOWN, 0.9) == ""
    assert nearest("sead", KNOWN) == "; did you mean seed"
    assert nearest("zzz", KNOWN) == ""
    assert told_among("sead", KNOWN, "x.") == "the nearest is x.seed"
    assert told_among("zzz", ("a", "b")) == "there are a, b"
    assert told_among("zzz", ()) == "there are none"
