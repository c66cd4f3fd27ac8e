"""Runs in the peer's environment: one JSON array of returns a line in, one JSON object of the peer's figures a line out."""

import json
import sys
import warnings

import empyrical
import numpy as np
from scipy import stats


def figures(returns: np.ndarray, periods: float) -> dict[str, float]:
    """What empyrical and scipy say of returns."""
    yearly = {"annualization": periods}
    return {
        "return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns, **yearly),
        "annual_volatility": empyrical.annual_volatility(returns, **yearly),
        "sharpe": empyrical.sharpe_ratio(returns, **yearly),
        "sortino": empyrical.sortino_ratio(returns, **yearly),
        "calmar": empyrical.calmar_ratio(returns, **yearly),
        "max_drawdown": empyrical.max_drawdown(returns),
        "var_95": empyrical.value_at_risk(returns, 0.05),
        "es_95": empyrical.conditional_value_at_risk(returns, 0.05),
        "var_99": empyrical.value_at_risk(returns, 0.01),
        "es_99": empyrical.conditional_value_at_risk(returns, 0.01),
        "tail_ratio": empyrical.tail_ratio(returns),
        "skew": stats.skew(returns),
        "kurtosis": stats.kurtosis(returns),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        asked = json.loads(line)
        found = figures(np.array(asked["returns"]), asked["periods"])
        sys.stdout.write(json.dumps({name: float(value) for name, value in found.items()}) + "\n")
        sys.stdout.flush()
