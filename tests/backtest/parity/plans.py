"""Random plans: what to ask for at each wake. Read by both sides of the comparison, so it imports nothing of either."""

import numpy as np

WISH = np.dtype([(name, "i8") for name in ("op", "side", "far", "offset", "lots", "tif", "back")])
PLACE, CANCEL, AMEND = 1, 2, 3
GTC, GTX, FOK, IOC, MARKET = 0, 1, 2, 3, 8  # as the peer has them


def make_plan(seed: int, wakes: int, wishes: int, lots: int, step: int, amends: bool, takers: bool) -> np.ndarray:
    """WISH[wakes, wishes]; op 0: nothing.

    Args:
        seed: What alone decides it.
        wakes: Rows.
        wishes: A row.
        lots: At most so many a wish, times `step`.
        step: Of quantities, lots.
        amends: Whether orders are amended.
        takers: Whether orders may take.
    """
    dice, plan = np.random.default_rng(seed), np.zeros((wakes, wishes), WISH)
    shape = plan.shape
    plan["op"] = dice.choice([0, PLACE, CANCEL, AMEND if amends else 0], shape, p=[0.3, 0.35, 0.2, 0.15])
    plan["side"] = dice.choice([1, -1], shape)
    plan["far"] = dice.random(shape) < (0.3 if takers else 0.0)
    plan["offset"] = dice.choice([0, 1, 2, 5, 20, 100], shape) * np.where(takers, dice.choice([1, 1, -1], shape), 1)
    plan["lots"] = dice.integers(1, lots + 1, shape) * step
    plan["tif"] = dice.choice([GTC, GTX, FOK, IOC, MARKET] if takers else [GTX], shape)
    plan["back"] = dice.integers(0, 11, shape)
    return plan
