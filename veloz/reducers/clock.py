"""Engine time: the greatest receive time so far. It never goes back; a row keeps its own, possibly earlier, one."""

import numpy as np

from veloz.contracts.kernel import kernel
from veloz.reducers.limits import TIME_MAX_NS
from veloz.reducers.words import ONE, I

_TIME_MAX = I(TIME_MAX_NS)


@kernel
def advance(now: I, ts_recv: I) -> I:
    """Engine time after a row. A stamp beyond the year 2116 counts as that year."""
    return max(now, min(ts_recv, _TIME_MAX))


@kernel
def fold_started(clock: np.void, epoch: I) -> None:
    """An engine run began: system.started."""
    clock["epoch"] = epoch
    clock["starts"] += ONE
