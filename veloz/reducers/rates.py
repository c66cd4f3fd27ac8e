"""What assets are worth in the reporting asset: as stated, else by the price of a spot instrument between the two, else not known.

Not known is not zero: whoever adds up leaves such money out and counts that it did. A market that priced an asset and has no price now
leaves the last rate standing, and ASSET.source says so.
"""

from typing import Final

from veloz.contracts import codes
from veloz.contracts.kernel import cold, kernel
from veloz.reducers.bits import P_SPOT
from veloz.reducers.prices import UNPRICED, mark_places, mark_price
from veloz.reducers.state import State
from veloz.reducers.wide import TENS, WORD_MAX, divide, is_word, product, scale_tens, to_word
from veloz.reducers.words import ONE, ZERO, I

_NONE, _ITSELF, _STATED, _MARKET, _KEPT = (I(source) for source in codes.RateSource)
_PLACES_MAX: Final = I(18)
_NO_PAIR: Final = I(-1)


@kernel
def _is_pair(state: State, instrument: I, asset: I) -> bool:
    """Whether an instrument exchanges an asset for the reporting asset, either way round."""
    terms, reporting = state.terms[instrument], state.desk[0]["reporting"]
    if terms["product"] != P_SPOT:
        return False
    return bool(
        (terms["base"] == asset and terms["quote"] == reporting)
        or (terms["base"] == reporting and terms["quote"] == asset)
    )


@cold
def _find_pair(state: State, asset: I, priced: bool) -> I:
    """The instrument of the lowest number that is such a pair (and has a price); -1: there is none."""
    for instrument in range(ONE, I(state.terms.shape[0])):
        if _is_pair(state, I(instrument), asset):
            if not priced:
                return I(instrument)
            _, source = mark_price(state, I(instrument))
            if source != UNPRICED:
                return I(instrument)
    return _NO_PAIR


@kernel
def _priced_pair(state: State, asset: I, seek: bool) -> I:
    """The pair that prices an asset now; -1: none does."""
    record, desk = state.assets[asset], state.desk[0]
    if record["via_ix"] >= ZERO and not _is_pair(state, I(record["via_ix"]), asset):
        record["via_ix"] = _NO_PAIR
    if record["via_ix"] < ZERO and record["sought"] != desk["pairings"]:
        record["sought"] = desk["pairings"]
        record["via_ix"] = _find_pair(state, asset, False)
    if record["via_ix"] < ZERO:
        return _NO_PAIR
    _, source = mark_price(state, I(record["via_ix"]))
    if source == UNPRICED and seek:
        other = _find_pair(state, asset, True)
        record["via_ix"] = other if other >= ZERO else record["via_ix"]
        return other
    return I(record["via_ix"]) if source != UNPRICED else _NO_PAIR


@kernel
def _refresh(state: State, asset: I, seek: bool) -> None:
    record, desk = state.assets[asset], state.desk[0]
    if asset == desk["reporting"]:
        record["num"] = ONE
        record["den"] = ONE
        record["source"] = _ITSELF
        return
    if record["stated"] != ZERO:
        record["source"] = _STATED
        return
    pair = _priced_pair(state, asset, seek)
    if pair < ZERO or mark_places(state, pair) > _PLACES_MAX:
        record["source"] = _NONE if record["den"] == ZERO else _KEPT
        return
    mark, _ = mark_price(state, pair)
    one = TENS[mark_places(state, pair)]
    forward = state.terms[pair]["base"] == asset
    record["num"] = mark if forward else one
    record["den"] = one if forward else mark
    record["source"] = _MARKET


@kernel
def use_asset(state: State, asset: I) -> None:
    """From here on every settlement refreshes the rate of this asset."""
    if ZERO < asset < state.assets.shape[0]:
        state.assets[asset]["used"] = ONE


@cold
def refresh_rates(state: State, seek: bool) -> None:
    """Set the rates of all assets in use as of now. `seek`: other pairs are looked for where those in use give no price."""
    for asset in range(I(state.assets.shape[0])):
        if state.assets[asset]["used"] != ZERO:
            _refresh(state, I(asset), seek)


@cold
def forget_rates(state: State) -> None:
    """Another asset is reported in from here on: no rate holds any more, stated ones neither."""
    for asset in range(I(state.assets.shape[0])):
        record = state.assets[asset]
        record["num"] = ZERO
        record["den"] = ZERO
        record["source"] = _NONE
        record["stated"] = ZERO
        record["sought"] = ZERO
        record["via_ix"] = _NO_PAIR


@cold
def _convert(money: I, num: I, den: I, places: I) -> tuple[I, bool]:
    """money · num ÷ den · 10**places, rounded toward minus infinity; False: no such rate, or too much."""
    if not ZERO < den <= WORD_MAX or not ZERO <= num <= WORD_MAX:
        return ZERO, False
    hi, lo = product(money, num)
    if places > ZERO:
        hi, lo, ok = scale_tens(hi, lo, places)
        hi, lo, _ = divide(hi, lo, den)
    else:
        hi, lo, _ = divide(hi, lo, den)
        hi, lo, ok = scale_tens(hi, lo, places)
    if not ok or not is_word(hi):
        return ZERO, False
    return to_word(hi, lo), True


@kernel
def to_worth(state: State, asset: I, money: I) -> tuple[I, bool]:
    """Worth of money within ±(2**62 - 1), rounded toward minus infinity; False: not known, or it does not fit. No money is worth nothing
    whatever its rate. Its asset was refreshed in this settlement.
    """
    reporting = I(state.desk[0]["reporting"])
    if money == ZERO or asset == reporting:
        return money, True
    record = state.assets[asset]
    if reporting == ZERO:
        return ZERO, False
    return _convert(money, I(record["num"]), I(record["den"]), I(state.assets[reporting]["scale"]) - I(record["scale"]))


@kernel
def to_worth_up(state: State, asset: I, money: I) -> tuple[I, bool]:
    """The same, rounded toward plus infinity."""
    worth, ok = to_worth(state, asset, -money)
    return -worth, ok
