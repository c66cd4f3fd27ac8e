"""What a word of a row counts. A word is one int64; its unit says how to read it."""

from typing import Annotated

import msgspec

_LOW, _HIGH = -(2**63), 2**63 - 1


def _word(unit: str, low: int) -> msgspec.Meta:
    return msgspec.Meta(ge=low, le=_HIGH, extra_json_schema={"x-unit": unit}, extra={"unit": unit})


Price = Annotated[int, _word("price", 0)]  # price quanta of the instrument
Qty = Annotated[int, _word("qty", 0)]  # quantity quanta of the instrument
SignedQty = Annotated[int, _word("qty", _LOW)]  # the same; long > 0 > short
Nanos = Annotated[int, _word("ns", 0)]  # since the Unix epoch, UTC; 0 = not stated
VenueId = Annotated[int, _word("id", 0)]  # the venue's own number
Count = Annotated[int, _word("count", 0)]
E8 = Annotated[int, _word("e8", _LOW)]  # a number times 10**8
Ppm = Annotated[int, _word("ppm", _LOW)]  # millionths
Money = Annotated[int, _word("money", _LOW)]  # of the asset that the row names, at that asset's scale
Worth = Annotated[int, _word("worth", _LOW)]  # of the reporting asset, at its scale
Asset = Annotated[int, _word("asset", 0)]  # number of an asset; 0 = none
Seq = Annotated[int, _word("seq", 0)]  # sequence number of another record; 0 = none
OrderKey = Annotated[int, _word("order", _LOW)]  # > 0 ours, < 0 somebody else's: contracts/terms.py
Code = Annotated[int, _word("code", 0)]  # a number of contracts/codes.py
Bits = Annotated[int, _word("bits", 0)]  # several small numbers in one word: contracts/terms.py
Number = Annotated[int, _word("number", _LOW)]  # a plain number whose meaning another word of the row gives
