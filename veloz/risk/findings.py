"""A finding is one row to be: i8[FINDING_WORDS] with its kind, its instrument and its five words; the cause is in word `ref` already.

The engine turns findings into rows, in order, and folds each.
"""

from typing import Final

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.reducers.words import ONE, I

FINDING_WORDS: Final = 7  # kind, instrument, word 1 … word 5


@kernel
def find(out: np.ndarray, n: I, kind: I, instrument: I, first: I, second: I, third: I, ref: I, fifth: I) -> I:
    """Append a finding; how many there are now. Without room nothing is appended."""
    if n >= out.shape[0]:
        return n
    out[n, 0] = kind
    out[n, 1] = instrument
    out[n, 2] = first
    out[n, 3] = second
    out[n, 4] = third
    out[n, 5] = ref
    out[n, 6] = fifth
    return n + ONE
