"""What the figures of a run mean: one table, which reports show beside each figure."""

from typing import Final, NamedTuple

# percent: the value is a fraction; money: exact text
UNITS: Final = ("percent", "ratio", "money", "ns", "count", "bps")

TABLE: Final = """
# Result
net_pnl | Net profit | money
    Equity at the end − equity at the beginning: fees and funding are in it, open positions at the mark.
gross_pnl | Profit before costs | money
    Net profit + fees − funding. What slippage cost is still in it.
fees | Fees | money
    Fees paid, rebates taken off, each asset at its rate of the end. Above 0: paid.
funding | Funding | money
    Funding of perpetual contracts. Above 0: received.
realized | Realized profit | money
    Profit of what was closed, by the cost of positions (account.lots), each asset at its rate of the end. Fees and funding are not in it.
unrealized | Unrealized profit | money
    Profit of what is open at the end, at the mark, against what it cost, each asset at its rate of the end.
cash | Cash | money
    What executions alone brought less what they took: −Σ signed quantity × multiplier × price, sales below 0, without fees and funding. Of
    inverse contracts −Σ signed quantity × multiplier ÷ price, in coin, where what was bought is owed: a profit is −(cash + worth of the
    position), elsewhere cash + worth of the position. Where markets pay in different assets, each at its rate of the end.
slippage | Slippage | money
    What taking executions cost against the mid just before them: Σ quantity × (price − mid), sign turned for sales. Above 0: a cost;
    it is part of the profit before costs.
return | Return | percent
    Equity at the end ÷ equity at the beginning − 1.
annual_return | Annual return | percent
    (Equity at the end ÷ at the beginning)^(365 days ÷ length of the run) − 1; null for runs shorter than a day.

# Risk
annual_volatility | Volatility | percent
    Standard deviation (n − 1) of the returns × √periods a year.
    Returns are of one period each; a year is 365 days; no riskless rate is taken off.
sharpe | Sharpe | ratio
    Mean return ÷ standard deviation (n − 1) × √periods a year.
    Returns are of one period each; a year is 365 days; no riskless rate is taken off.
sortino | Sortino | ratio
    Mean return ÷ root mean square of the returns below 0 (over all periods) × √periods a year.
    Returns are of one period each; a year is 365 days; no riskless rate is taken off.
calmar | Calmar | ratio
    Annual return ÷ deepest fall.
max_drawdown | Max drawdown | percent
    The lowest of equity ÷ highest equity so far − 1, over every point of the curve.
max_drawdown_money | Max drawdown, money | money
    The lowest of equity − highest equity so far, over every point of the curve.
max_drawdown_ns | Longest drawdown | ns
    The longest time from a highest equity until it is reached again, or the end of the run. 0: equity never fell.
recovery_ns | Recovery | ns
    Time from the bottom of the deepest fall until the equity before it is reached again.
recovery_factor | Recovery factor | ratio
    Net profit ÷ deepest fall in money.
ulcer | Ulcer index | percent
    Root mean square of the falls below the highest equity so far, at the ends of the periods.

# Returns of a period
period_ns | Period | ns
    What one return covers: the longest of a day, an hour, a minute, a second of which 30 fit into the run, unless settings choose it.
    What is left of a period at the end is left out.
periods | Returns | count
    How many returns the ratios are made of.
best | Best | percent
    The highest return of a period.
worst | Worst | percent
    The lowest return of a period.
var_95 | Value at risk 95 % | percent
    The 5 % quantile of the returns, linear between neighbours; below 0: a loss. 20 returns or more.
var_99 | Value at risk 99 % | percent
    The 1 % quantile of the returns, linear between neighbours; below 0: a loss. 100 returns or more.
es_95 | Expected shortfall 95 % | percent
    Mean of the worst ⌊(n − 1) × 5 %⌋ + 1 returns. 20 returns or more.
es_99 | Expected shortfall 99 % | percent
    Mean of the worst ⌊(n − 1) × 1 %⌋ + 1 returns. 100 returns or more.
tail_ratio | Tail ratio | ratio
    |95 % quantile| ÷ |5 % quantile| of the returns. 20 returns or more.
skew | Skew | ratio
    Mean of ((return − mean) ÷ standard deviation (n))³.
kurtosis | Excess kurtosis | ratio
    Mean of ((return − mean) ÷ standard deviation (n))⁴ − 3.

# Round trips
trips | Round trips | count
    From a flat position to the next flat one of the same market; an execution that turns the position closes one and opens the next.
    A position from before the run, and what is still open, are not counted.
win_rate | Win rate | percent
    Round trips that gained, fees taken off ÷ all round trips.
profit_factor | Profit factor | ratio
    Sum of what round trips gained ÷ sum of what they lost, fees taken off.
expectancy | Expectancy | money
    Mean gain of a round trip, fees taken off, rounded to the scale of money.
average_win | Average win | money
    Mean gain of the round trips that gained.
average_loss | Average loss | money
    Mean gain of the round trips that lost: below 0.
win_streak | Longest winning row | count
    The most round trips that gained one after the other, by the time they were closed.
loss_streak | Longest losing row | count
    The most round trips that lost one after the other, by the time they were closed.
holding_median_ns | Holding time, median | ns
    Median time from the first execution of a round trip to its last.
holding_mean_ns | Holding time, mean | ns
    Mean time from the first execution of a round trip to its last.
holding_max_ns | Holding time, longest | ns
    The longest time from the first execution of a round trip to its last.

# Activity
orders | Orders | count
    Requests to place an order that were sent.
fills | Executions | count
    Executions, partial ones each on its own.
maker_share | Maker share | percent
    Value of the executions that had rested ÷ value of all.
traded_value | Traded value | money
    Sum of quantity × price of all executions (inverse contracts: multiplier × quantity ÷ price), each asset at its rate of the end.
turnover | Turnover | ratio
    Traded value ÷ mean equity over time.
turnover_daily | Turnover a day | ratio
    Turnover × 1 day ÷ length of the run.
time_in_market | Time in the market | percent
    Part of the run in which any position was open.
exposure | Exposure | percent
    Mean over time of Σ |position| at the mark ÷ mean equity over time.

# Fill quality
markout_0s_bps | Mid before | bps
    How far the mid just before an execution lay on our side of its price, in 1/10 000 of the price: mean over executions, by value.
    Above 0: bought below it, sold above it.
markout_1s_bps | Mid after 1 s | bps
    How far the mid 1 s after an execution lay on our side of its price, in 1/10 000 of the price: mean over executions, by value.
    Above 0: bought below it, sold above it.
markout_10s_bps | Mid after 10 s | bps
    How far the mid 10 s after an execution lay on our side of its price, in 1/10 000 of the price: mean over executions, by value.
    Above 0: bought below it, sold above it.
markout_60s_bps | Mid after 60 s | bps
    How far the mid 60 s after an execution lay on our side of its price, in 1/10 000 of the price: mean over executions, by value.
    Above 0: bought below it, sold above it.
"""


class Definition(NamedTuple):
    """A figure by name."""

    name: str
    label: str
    group: str
    unit: str  # one of UNITS
    text: str


def parse_table(table: str) -> tuple[Definition, ...]:
    """Definitions from a table: `# group`, then `name | label | unit`, each with its text indented below."""
    found: list[Definition] = []
    group = ""
    for line in filter(None, table.splitlines()):
        if line.startswith("# "):
            group = line[2:]
        elif line.startswith("    "):
            last = found[-1]
            found[-1] = last._replace(text=f"{last.text} {line.strip()}".lstrip())
        else:
            name, label, unit = (part.strip() for part in line.split("|"))
            assert unit in UNITS, line
            found.append(Definition(name, label, group, unit, ""))
    return tuple(found)


DEFINITIONS: Final = parse_table(TABLE)
