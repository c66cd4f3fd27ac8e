"""Which instrument an intent means.

So far an intent names its instrument itself: spot and perpetual contracts are what they are called, and what has no terms to trade on is
refused. Rules (expiries, strikes, liquidity) are numbers of `rule` above 0.
"""

from typing import Final

import numpy as np

from veloz.contracts.codes import Product, Refusal
from veloz.contracts.kernel import kernel

I = np.int64  # noqa: E741
BY_NAME: Final = 0  # the rule of an intent that names its instrument
_FINE, _UNTRADABLE = I(0), I(Refusal.UNTRADABLE)
_SPOT, _INVERSE = I(Product.SPOT), I(Product.INVERSE)


@kernel
def resolve(definition: I, product: I) -> I:
    """0 where an instrument can be traded, else a codes.Refusal.

    Args:
        definition: Of instrument.listed; 0: there is no such instrument.
        product: Of instrument.assets; 0: how it pays was not stated.
    """
    if definition > _FINE and _SPOT <= product <= _INVERSE:
        return _FINE
    return _UNTRADABLE
