"""Paper: the exchange of a backtest, fed with market rows as they arrive."""
