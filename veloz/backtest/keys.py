"""What a run can be told: every setting with its default, its bounds and what it is for.

Decimals stay the text they were written as, so that no binary fraction comes between a file and a quantum.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from veloz.contracts.codes import VENUES
from veloz.contracts.spelling import nearest

SAMPLE: Final = "sample"  # the recording that ships with the project
SHORT: Final = "quoter"  # the strategy that `strategy.*` without a code means
FORMS: Final = {"compiled": "kernel", "kernel": "kernel", "python": "python"}
KINDS: Final = ("spot", "linear", "inverse")
QUEUES: Final = ("risk_averse", "power", "power2", "power3", "log", "log2")
COMPATS: Final = ("none", "hftbacktest")
LATENCIES: Final = ("constant", "feed", "empirical", "log_normal")
MODELS: Final = ("queue", "trades", "book", "bars")
MARKS: Final = ("last", "mid")
DAY_PARTS: Final = (1, 2, 3, 4, 6, 8, 12, 24)  # hours
RATE_SCALE: Final = 8  # of funding, as venues state it
PPM_SCALE: Final = 6
NUMBER_MAX: Final = 10**18  # of any setting
DAY_NS: Final = 86_400 * 10**9  # of anything that is under way
LEVERAGE_MAX: Final = 10_000
SPREAD_MAX: Final = 10  # of a logarithm: a factor of e**60, in the rarest draw
SHARE_MAX: Final = 1_000  # of the lag of the data
PPM_MAX: Final = 10**PPM_SCALE


class SettingsError(ValueError):
    """A configuration that cannot be run. The text is one sentence and the way out."""


def text_of(number: Decimal) -> str:
    """A number without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_in(text: str) -> Any:
    """The number that a text is; the text itself where it is none. Exact numbers may be written either way."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def shown(value: Any) -> str:
    """A value as a sentence tells it."""
    return text_of(value) if isinstance(value, Decimal) else repr(value)


@dataclass(frozen=True)
class Key:
    """One setting: its default, whose type it has, and what it is for."""

    name: str
    default: Any  # Decimal: any exact number; a text, a whole number, a truth value, a list of texts
    about: str
    least: int | None = None
    among: tuple[Any, ...] = ()
    most: int = NUMBER_MAX
    above: bool = False  # above 0 where it is said at all; the default 0 means that it is not

    def accept(self, value: Any, where: str) -> Any:
        """The value in the setting's type. Raises SettingsError."""
        wanted: Any = type(self.default)
        if isinstance(value, str) and wanted in (Decimal, int):
            value = number_in(value)
        if wanted is Decimal and isinstance(value, int | Decimal) and not isinstance(value, bool):
            value = Decimal(value)
        elif wanted is list and isinstance(value, str):
            value = [value]
        elif wanted is str and isinstance(value, date | int) and not isinstance(value, bool):
            value = str(value)  # a moment, which TOML reads itself
        elif wanted is tuple and isinstance(value, list) and all(type(each) is int and each >= 0 for each in value):
            value = tuple(value)
        if wanted is int and isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
            value = int(value)
        if type(value) is not wanted or (wanted is list and not all(isinstance(each, str) for each in value)):
            raise SettingsError(f"{self.name} wants {_TYPES[wanted]}, and {where} says {shown(value)}.")
        if wanted is int or wanted is Decimal:
            self._check_range(value, where)
        elif wanted is tuple:
            for each in value:
                self._check_range(each, where)
        if self.among and value not in self.among:
            told = [str(each) for each in self.among if each]
            raise SettingsError(
                f"{self.name} is {value} in {where}{nearest(str(value), told)}; there are {', '.join(told)}."
            )
        return value

    def _check_range(self, value: Any, where: str) -> None:
        if isinstance(value, Decimal) and not value.is_finite():
            raise SettingsError(
                f"{self.name} wants a number that ends, and {where} says {value}; write one with digits."
            )
        if abs(value) > self.most:
            raise SettingsError(f"{self.name} must be at most {self.most}, and {where} says more; write less.")
        if self.above and value <= 0:
            raise SettingsError(f"{self.name} is {shown(value)} in {where}; it is above 0, or left out.")
        if self.least is not None and value < self.least:
            raise SettingsError(f"{self.name} must be at least {self.least}, and {where} says {value}; write more.")


_TYPES: Final = {
    tuple: "a list of whole numbers from 0 on",
    Decimal: "a number", str: "a text", int: "a whole number", bool: "true or false", list: "a text or a list of texts",
}  # fmt: skip
_NO: Final = Decimal(0)
KEYS: Final = (
    Key("data.path", [], "datasets by name, journals of recordings, or files that can be imported; \"sample\": what comes with it"),
    Key("data.venue", "binance_usdm", "whose market a file is", among=tuple(VENUES)),
    Key("data.from", "", "first moment that counts, ISO 8601 or nanoseconds; empty: the first row"),
    Key("data.to", "", "last moment that counts; empty: the last row"),
    Key(
        "data.clock", "",
        "the venue's clock: its own stamps, or the receive stamps (paper); empty: receive where a run on paper recorded the data",
        among=("", "venue", "receive"),
    ),
    Key("instrument.symbol", [], "what is traded; empty: everything the data hold"),
    Key("instrument.kind", "", "how it pays; empty: as the data say", among=("", *KINDS)),
    Key("instrument.tick", _NO, "price step; left out: as the data say", above=True),
    Key("instrument.lot", _NO, "quantity step; left out: as the data say", above=True),
    Key("instrument.multiplier", _NO, "what one unit of quantity is; left out: as the data say", above=True),
    Key("instrument.base", "", "asset; empty: as the symbol says"),
    Key("instrument.quote", "", "asset; empty: as the symbol says"),
    Key("instrument.min_qty", _NO, "least quantity of an order; left out: as the data say", above=True),
    Key("instrument.max_qty", _NO, "greatest quantity of an order; left out: as the data say", above=True),
    Key("instrument.min_notional", _NO, "least worth of an order; left out: as the data say", above=True),
    Key("account.name", "main", "what the account is called"),
    Key("account.leverage", 20, "of every contract", 1, most=LEVERAGE_MAX),
    Key("account.reporting", "", "the asset that everything is told in; empty: what the first instrument gains and loses in"),
    Key("account.lots", "average", "cost of a position", among=("average", "fifo")),
    Key("strategy.name", SHORT, "a strategy that comes with the program, or FILE.py:Class"),
    Key("strategy.form", "compiled", "which of its forms is run", among=tuple(FORMS)),
    Key("latency.entry_ns", 10_000_000, "from the desk to the venue", 0, most=DAY_NS),
    Key("latency.response_ns", 10_000_000, "from the venue to the desk", 0, most=DAY_NS),
    Key("latency.model", "constant", "how long messages are under way", among=LATENCIES),
    Key("latency.spread", Decimal("0.5"), "log_normal: deviation of the logarithm; the others are medians", 0, most=SPREAD_MAX),
    Key("latency.feed_share", Decimal(1), "feed: so much of the newest row's lag, beside entry_ns and response_ns", 0, most=SHARE_MAX),
    Key("latency.entry_quantiles", (), "empirical: delays at even steps of probability from 0 to 1, ns", most=DAY_NS),
    Key("latency.response_quantiles", (), "the same, back", most=DAY_NS),
    Key("latency.feed_base_ns", 0, "least lag of the data where their own is below 0", 0, most=DAY_NS),
    Key("queue.model", "risk_averse", "how the place in the queue is estimated", among=QUEUES),
    Key("queue.power", Decimal(3), "exponent of the power models"),
    Key("match.model", "queue", "how orders are filled", among=MODELS),
    Key("match.partial", True, "whether orders are filled in parts"),
    Key("match.compat", "none", "whose peculiarities are wanted", among=COMPATS),
    Key("match.roi_lb", _NO, "least price of the book; 0: four fifths of the median, or the least of the data"),
    Key("match.roi_ub", _NO, "greatest price of the book; 0: six fifths of the median, or the greatest of the data"),
    Key("match.slippage_ppm", 0, "what executions that take are worse by", 0, most=PPM_MAX),
    Key("match.impact_ppm", 0, "what own executions move the book by", 0, most=PPM_MAX),
    Key("fees.maker", Decimal("0.0002"), "share of the value; below 0: a rebate"),
    Key("fees.taker", Decimal("0.0005"), "share of the value"),
    Key("fees.tiers", [], "rates by traded volume, each \"VOLUME MAKER TAKER\", the first from 0; empty: fees.maker and fees.taker"),
    Key("fees.asset", "", "what fees of spot and linear instruments are paid in; empty: what they gain and lose in"),
    Key("match.requests_most", 0, "orders and amendments that the venue takes of an account in each requests_ns; 0: any number", 0),
    Key("match.requests_ns", 10_000_000_000, "the span of time in which requests are counted", 1, most=DAY_NS),
    Key("account.margin", False, "whether the venue keeps books of the account and liquidates what they do not bear"),
    Key("account.isolated", False, "whether each contract has a margin of its own, instead of a share in that of its asset"),
    Key("account.brackets", [], "maintenance margin of contracts, each \"FLOOR RATE\" or \"FLOOR RATE CUM\", ascending; empty: none"),
    Key("mark.source", "", "what mark prices are made of where the data have none; empty: they are not made", among=("", *MARKS)),
    Key("funding.rate", _NO, "share of its worth that a long pays at each funding, where the data have none; below 0: a short pays"),
    Key("funding.interval_h", 8, "hours between two fundings at that rate, counted from midnight UTC", among=DAY_PARTS),
    Key("gate.enabled", True, "the risk gate; off only for comparisons"),
    Key("limits.file", "", "limits as in configs/limits.yaml; empty: none"),
    Key("seed", 0, "of everything that is drawn by chance", 0),
    Key("report.dir", "", "where reports go; empty: beside the result"),
    Key("report.html", True, "write the HTML report"),
    Key("report.equity_ns", 0, "time between two points of the equity curve; 0: as the run's length asks for", 0),
)  # fmt: skip
BY_NAME: Final = {key.name: key for key in KEYS}


def _renamed(names: Mapping[str, str]) -> tuple[Key, ...]:
    return tuple(replace(BY_NAME[full], name=name) for name, full in names.items())


# What a table [[instruments]] may say, by the setting that it says otherwise for one instrument.
DEFINES: Final = {
    name: f"instrument.{name}"
    for name in ("kind", "tick", "lot", "multiplier", "base", "quote", "min_qty", "max_qty", "min_notional")
}
OF_INSTRUMENT: Final = {
    **DEFINES,
    "maker": "fees.maker",
    "taker": "fees.taker",
    "leverage": "account.leverage",
    "isolated": "account.isolated",
    "brackets": "account.brackets",
    "mark": "mark.source",
    "funding_rate": "funding.rate",
    "roi_lb": "match.roi_lb",
    "roi_ub": "match.roi_ub",
}
INSTRUMENT_KEYS: Final = (Key("symbol", "", "SYMBOL or venue:SYMBOL"), *_renamed(OF_INSTRUMENT))
# The same of a table [[accounts]], for one account.
LATENCIES_OF_ACCOUNT: Final = ("entry_ns", "response_ns")
OF_ACCOUNT: Final = {
    "name": "account.name",
    **{name: f"latency.{name}" for name in LATENCIES_OF_ACCOUNT},
    "leverage": "account.leverage",
    "isolated": "account.isolated",
    "lots": "account.lots",
    "maker": "fees.maker",
    "taker": "fees.taker",
}
ACCOUNT_KEYS: Final = (Key("venue", "", "where it is", among=tuple(VENUES)), *_renamed(OF_ACCOUNT))
STRATEGY_KEYS: Final = (
    Key("name", "", "what it is called; left out: as its code"),
    Key("code", SHORT, "as strategy.name"),
    Key("form", "compiled", "as strategy.form", among=tuple(FORMS)),
    Key("instruments", [], "what it trades; left out: all that the run does"),
)


def ppm_of(name: str, share: Decimal) -> int:
    """A share in millionths. Raises SettingsError where it is finer, or more than all."""
    exact = share.scaleb(PPM_SCALE)
    if exact != exact.to_integral_value() or abs(exact) > PPM_MAX:
        raise SettingsError(f"{name} is {text_of(share)}; write a share of at most 1, in whole millionths.")
    return int(exact)


def check_funding(rate: Decimal, name: str) -> None:
    """See that a rate of funding can be paid. Raises SettingsError."""
    if rate.scaleb(RATE_SCALE) != rate.scaleb(RATE_SCALE).to_integral_value() or abs(rate) > 1:
        raise SettingsError(
            f"{name} is {text_of(rate)}; write a share of at most 1, with at most {RATE_SCALE} decimals."
        )


def check_rates(maker: Decimal, taker: Decimal, where: str) -> None:
    """See that rates can be charged. Raises SettingsError."""
    if taker < 0:
        raise SettingsError(f"{where}taker is below 0, and nobody is paid for taking; write a share from 0 on.")
    for name, share in (("maker", maker), ("taker", taker)):
        ppm_of(where + name, share)


def check_range(low: Decimal, high: Decimal, where: str) -> None:
    """See that two bounds are a range of prices; 0: not said. Raises SettingsError."""
    if low < 0 or high < 0 or (high and low >= high):
        raise SettingsError(
            f"{where}roi_lb {text_of(low)} is not below {where}roi_ub {text_of(high)}; give a range of prices, or leave both out."
        )
