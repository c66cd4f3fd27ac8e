"""The over-fit statistics once more: no numpy, every combination with its returns laid out, the normal distribution by its integral."""

import math
from itertools import combinations


def sharpe(returns: list[float]) -> float:
    """Mean ÷ sample deviation, 0 where nothing varies."""
    mean = math.fsum(returns) / len(returns)
    variance = math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1)
    return mean / math.sqrt(variance) if variance > 0 else 0.0


def below(x: float) -> float:
    """The normal distribution's share below x."""
    return math.erfc(-x / math.sqrt(2)) / 2


def quantile(share: float) -> float:
    """Where that share is below, by halving."""
    low, high = -40.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return low


def deflated_sharpe(table: list[list[float]], best: int) -> float:
    """As the paper has it, equation by equation."""
    ratios = [sharpe(each) for each in table]
    n, t = len(table), len(table[best])
    mean = math.fsum(ratios) / n
    variance = math.fsum((each - mean) ** 2 for each in ratios) / (n - 1)
    euler = 0.577215664901532860606512
    threshold = math.sqrt(variance) * (
        (1 - euler) * quantile(1 - 1 / n) + euler * quantile(1 - 1 / n * math.exp(-1))
    )  # fmt: skip
    mine = table[best]
    middle = math.fsum(mine) / t
    m2, m3, m4 = (math.fsum((each - middle) ** power for each in mine) / t for power in (2, 3, 4))
    skew, kurtosis = m3 / m2**1.5, m4 / m2**2
    s = ratios[best]
    return below((s - threshold) * math.sqrt(t - 1) / math.sqrt(1 - skew * s + (kurtosis - 1) / 4 * s * s))


def overfit_probability(table: list[list[float]], blocks: int) -> float:
    """CSCV, combination by combination."""
    each = len(table[0]) // blocks
    spare = len(table[0]) - each * blocks
    cut = [[row[spare + b * each : spare + (b + 1) * each] for b in range(blocks)] for row in table]
    bad = total = 0
    for chosen in combinations(range(blocks), blocks // 2):
        others = [b for b in range(blocks) if b not in chosen]
        inside = [sharpe([r for b in chosen for r in row[b]]) for row in cut]
        outside = [sharpe([r for b in others for r in row[b]]) for row in cut]
        mine = outside[inside.index(max(inside))]
        rank = sum(other < mine for other in outside) + (sum(other == mine for other in outside) + 1) / 2
        omega = rank / (len(table) + 1)
        bad += math.log(omega / (1 - omega)) <= 0
        total += 1
    return bad / total
