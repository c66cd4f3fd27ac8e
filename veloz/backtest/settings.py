"""The configuration of a backtest: a TOML file and overrides → typed settings, or one sentence that says what is wrong and the way out.

Decimals stay the text they were written as, so that no binary fraction comes between a file and a quantum.
"""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from veloz.contracts.codes import VENUES

SAMPLE: Final = "sample"  # the recording that ships with the project
SHORT: Final = "quoter"  # the strategy that `strategy.*` without a code means
FORMS: Final = {"compiled": "kernel", "kernel": "kernel", "python": "python"}
KINDS: Final = ("spot", "linear", "inverse")
QUEUES: Final = ("risk_averse", "power", "power2", "power3", "log", "log2")
COMPATS: Final = ("none", "hftbacktest")
LATENCIES: Final = ("constant", "feed", "empirical", "log_normal")
MODELS: Final = ("queue", "trades", "book", "bars")
PPM_SCALE: Final = 6
NUMBER_MAX: Final = 10**18  # of any setting
DAY_NS: Final = 86_400 * 10**9  # of anything that is under way
LEVERAGE_MAX: Final = 10_000
PPM_MAX: Final = 10**PPM_SCALE


class SettingsError(ValueError):
    """A configuration that cannot be run. The text is one sentence and the way out."""


@dataclass(frozen=True)
class Key:
    """One setting: its default, whose type it has, and what it is for."""

    name: str
    default: Any  # Decimal: any exact number; a text, a whole number, a truth value, a list of texts
    about: str
    least: int | None = None
    among: tuple[str, ...] = ()
    most: int = NUMBER_MAX

    def accept(self, value: Any, where: str) -> Any:
        """The value in the setting's type. Raises SettingsError."""
        wanted: Any = type(self.default)
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
            raise SettingsError(f"{self.name} wants {_TYPES[wanted]}, and {where} says {_shown(value)}.")
        if wanted is int or wanted is Decimal:
            self._check_range(value, where)
        elif wanted is tuple:
            for each in value:
                self._check_range(each, where)
        if self.among and value not in self.among:
            raise SettingsError(
                f"{self.name} is {value} in {where}{_nearest(str(value), self.among)}; there are {', '.join(filter(None, self.among))}."
            )
        return value

    def _check_range(self, value: Any, where: str) -> None:
        if isinstance(value, Decimal) and not value.is_finite():
            raise SettingsError(
                f"{self.name} wants a number that ends, and {where} says {value}; write one with digits."
            )
        if abs(value) > self.most:
            raise SettingsError(f"{self.name} must be at most {self.most}, and {where} says more; write less.")
        if self.least is not None and value < self.least:
            raise SettingsError(f"{self.name} must be at least {self.least}, and {where} says {value}.")


_TYPES: Final = {
    tuple: "a list of whole numbers from 0 on",
    Decimal: "a number", str: "a text", int: "a whole number", bool: "true or false", list: "a text or a list of texts",
}  # fmt: skip
_NO: Final = Decimal(0)
KEYS: Final = (
    Key("data.path", [SAMPLE], "journals of recordings, or files that can be imported"),
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
    Key("instrument.tick", _NO, "price step; 0: as the data say"),
    Key("instrument.lot", _NO, "quantity step; 0: as the data say"),
    Key("instrument.multiplier", _NO, "what one unit of quantity is; 0: as the data say"),
    Key("instrument.base", "", "asset; empty: as the symbol says"),
    Key("instrument.quote", "", "asset; empty: as the symbol says"),
    Key("instrument.min_qty", _NO, "least quantity of an order; 0: as the data say"),
    Key("instrument.max_qty", _NO, "greatest quantity of an order; 0: as the data say"),
    Key("instrument.min_notional", _NO, "least worth of an order; 0: as the data say"),
    Key("account.name", "main", "what the account is called"),
    Key("account.leverage", 20, "of every contract", 1, most=LEVERAGE_MAX),
    Key("account.reporting", "", "the asset that everything is told in; empty: what the first instrument gains and loses in"),
    Key("account.lots", "average", "cost of a position", among=("average", "fifo")),
    Key("strategy.name", SHORT, "a strategy that comes with the program, or FILE.py:Class"),
    Key("strategy.form", "compiled", "which of its forms is run", among=tuple(FORMS)),
    Key("latency.entry_ns", 10_000_000, "from the desk to the venue", 0, most=DAY_NS),
    Key("latency.response_ns", 10_000_000, "from the venue to the desk", 0, most=DAY_NS),
    Key("latency.model", "constant", "how long messages are under way", among=LATENCIES),
    Key("latency.spread", Decimal("0.5"), "log_normal: the deviation of the logarithm; entry_ns and response_ns are medians"),
    Key("latency.feed_share", Decimal(1), "feed: so much of the newest row's lag, beside entry_ns and response_ns"),
    Key("latency.entry_quantiles", (), "empirical: delays at even steps of probability from 0 to 1, ns"),
    Key("latency.response_quantiles", (), "the same, back"),
    Key("latency.feed_base_ns", 0, "least lag of the data where their own is below 0", 0, most=DAY_NS),
    Key("queue.model", "risk_averse", "how the place in the queue is estimated", among=QUEUES),
    Key("queue.power", Decimal(3), "exponent of the power models"),
    Key("match.model", "queue", "how orders are filled", among=MODELS),
    Key("match.partial", True, "whether orders are filled in parts"),
    Key("match.compat", "none", "whose peculiarities are wanted", among=COMPATS),
    Key("match.roi_lb", _NO, "least price of the book; 0: four fifths of the median"),
    Key("match.roi_ub", _NO, "greatest price of the book; 0: six fifths of the median"),
    Key("match.slippage_ppm", 0, "what executions that take are worse by", 0, most=PPM_MAX),
    Key("match.impact_ppm", 0, "what own executions move the book by", 0, most=PPM_MAX),
    Key("fees.maker", Decimal("0.0002"), "share of the value; below 0: a rebate"),
    Key("fees.taker", Decimal("0.0005"), "share of the value"),
    Key("fees.tiers", [], "rates by traded volume, each \"VOLUME MAKER TAKER\", the first from 0; empty: fees.maker and fees.taker"),
    Key("account.margin", False, "whether the venue keeps books of the account and liquidates what they do not bear"),
    Key("account.brackets", [], "maintenance margin of contracts, each \"FLOOR RATE\" or \"FLOOR RATE CUM\", ascending; empty: none"),
    Key("gate.enabled", True, "the risk gate; off only for comparisons"),
    Key("limits.file", "", "limits as in configs/limits.yaml; empty: none"),
    Key("seed", 0, "of everything that is drawn by chance", 0),
    Key("report.dir", "", "where reports go; empty: beside the result"),
    Key("report.html", True, "write the HTML report"),
    Key("report.equity_ns", 0, "time between two points of the equity curve; 0: as the run's length asks for", 0),
)  # fmt: skip
BY_NAME: Final = {key.name: key for key in KEYS}
_FREE: Final = ("strategy.", "account.balances.")  # parameters and assets have names of their own


@dataclass(frozen=True)
class Runs:
    """One strategy of a run."""

    name: str
    code: str  # quoter | FILE.py:Class
    form: str  # python | kernel
    instruments: tuple[str, ...]  # empty: all that the run trades
    params: dict[str, str]


@dataclass(frozen=True)
class Settings:
    """All settings of a run."""

    values: dict[str, Any]
    strategies: tuple[Runs, ...]
    balances: dict[str, Decimal]
    folder: Path  # where relative paths begin

    def __getitem__(self, name: str) -> Any:
        """The value of a setting. Raises KeyError."""
        return self.values[name]

    def canonical(self) -> str:
        """Everything that can change a run, as one line of JSON: the same settings give the same text."""
        told = {
            name: _plain(value) for name, value in self.values.items() if not name.startswith(("report.", "data.path"))
        }
        told["account.balances"] = {name: _plain(value) for name, value in sorted(self.balances.items())}
        told["strategies"] = [
            {
                "name": each.name,
                "code": each.code,
                "form": each.form,
                "instruments": list(each.instruments),
                "params": each.params,
            }
            for each in self.strategies
        ]
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @property
    def digest(self) -> str:
        """Hash of that text: blake2b, 32 bytes, lower-case hex."""
        return hashlib.blake2b(self.canonical().encode(), digest_size=32).hexdigest()

    def ppm(self, name: str) -> int:
        """A share in millionths. Raises SettingsError where it is finer."""
        exact = self.values[name].scaleb(PPM_SCALE)
        if exact != exact.to_integral_value() or abs(exact) > 10**PPM_SCALE:
            raise SettingsError(
                f"{name} is {text_of(self.values[name])}: write a share of at most 1, in whole millionths."
            )
        return int(exact)


def text_of(number: Decimal) -> str:
    """A number without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(value: Any) -> Any:
    return text_of(value) if isinstance(value, Decimal) else value


def _shown(value: Any) -> str:
    return text_of(value) if isinstance(value, Decimal) else repr(value)


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    return f"; did you mean {near[0]}?".rstrip("?") if near else ""


def read_file(path: Path, overrides: Sequence[str] = ()) -> Settings:
    """The settings of a file.

    Args:
        path: TOML.
        overrides: `key=value` words; the value is TOML if it parses, else text.

    Raises:
        SettingsError: A key is not known, or a value does not fit.
        OSError: The file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is no text; give a TOML file.") from None
    return read_settings(text, overrides, path)


def read_settings(text: str, overrides: Sequence[str] = (), path: Path = Path("settings")) -> Settings:
    """The same of a text that `path` is said to hold."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; mend that line.") from None
    listed = table.pop("strategies", [])
    table.pop("optimize", None)  # what a sweep is told; a run has no use for it
    given = {name: (value, str(path)) for name, value in _flatten(table).items()}
    for word in overrides:
        name, equals, said = word.partition("=")
        if not equals:
            raise SettingsError(f"--set {word} has no value; write --set KEY=VALUE.")
        given[name.strip()] = (_parse(said), f"--set {word}")
    return _settings(given, listed, path)


def _settings(given: Mapping[str, tuple[Any, str]], listed: Any, path: Path) -> Settings:
    values = {key.name: key.default for key in KEYS}
    params: dict[str, str] = {}
    balances: dict[str, Decimal] = {}
    for name, (value, where) in given.items():
        if name in BY_NAME:
            values[name] = BY_NAME[name].accept(value, where)
        elif name.startswith(_FREE[0]):
            params[name.removeprefix(_FREE[0])] = _param(name, value, where)
        elif name.startswith(_FREE[1]):
            balances[name.removeprefix(_FREE[1])] = Key(name, _NO, "", 0).accept(value, where)
        else:
            raise SettingsError(f"{where} sets {name}, which is no setting{_way_out(name)}.")
    strategies = _listed(listed, params, path) or (
        Runs(_label(values["strategy.name"]), values["strategy.name"], FORMS[values["strategy.form"]], (), params),
    )
    settings = Settings(values, strategies, balances, path.parent)
    _check(settings)
    return settings


def _way_out(name: str) -> str:
    near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.4)
    return f"; the nearest is {near[0]}" if near else "; they are listed in docs/reference/backtest.md"


def _label(code: str) -> str:
    return code.partition(":")[2].lower() or code


def _param(name: str, value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | Decimal):
        return text_of(Decimal(value))
    if isinstance(value, str):
        return value
    raise SettingsError(f"{name} is a parameter of a strategy and wants a number, and {where} says {value!r}.")


def _listed(listed: Any, params: Mapping[str, str], path: Path) -> tuple[Runs, ...]:
    """The tables [[strategies]]."""
    if not isinstance(listed, list):
        raise SettingsError(f"{path} has one strategies; write [[strategies]], once for each.")
    if listed and params:
        raise SettingsError(
            f"strategy.{min(params)} is for the one strategy of [strategy]; beside [[strategies]], write it in its params."
        )
    found: list[Runs] = []
    known = ("name", "code", "form", "instruments", "params")
    for place, each in enumerate(listed, 1):
        where = f"[[strategies]] number {place} of {path}"
        if not isinstance(each, dict) or not isinstance(each.get("params", {}), dict):
            raise SettingsError(
                f"{where} is no table, or its params are none; write [[strategies]] and [strategies.params]."
            )
        for name in each:
            if name not in known:
                raise SettingsError(f"{where} sets {name}{_nearest(name, known)}; there are {', '.join(known)}.")
        code = Key("code", SHORT, "").accept(each.get("code", SHORT), where)
        form = Key("form", "compiled", "", among=tuple(FORMS)).accept(each.get("form", "compiled"), where)
        label = Key("name", "", "").accept(each.get("name", _label(code)), where)
        markets = Key("instruments", [], "").accept(each.get("instruments", []), where)
        told = {name: _param(name, value, where) for name, value in each.get("params", {}).items()}
        if label in [one.name for one in found]:
            raise SettingsError(f"{where} is called {label}, as another one is; give it a name of its own.")
        found.append(Runs(label, code, FORMS[form], tuple(markets), told))
    return tuple(found)


def _check(settings: Settings) -> None:
    """What no single value shows."""
    low, high = settings["match.roi_lb"], settings["match.roi_ub"]
    if low < 0 or high < 0 or (high and low >= high):
        raise SettingsError(
            f"match.roi_lb {text_of(low)} is not below match.roi_ub {text_of(high)}; give a range of prices, or leave both out."
        )
    for name in (
        "instrument.tick",
        "instrument.lot",
        "instrument.multiplier",
        "instrument.min_qty",
        "instrument.max_qty",
    ):
        if settings[name] < 0:
            raise SettingsError(f"{name} is {text_of(settings[name])}; it is above 0, or left out.")
    if settings["fees.taker"] < 0:
        raise SettingsError("fees.taker is below 0, and nobody is paid for taking; write a share from 0 on.")
    for name in ("fees.maker", "fees.taker"):
        settings.ppm(name)
    quantiles = settings["latency.entry_quantiles"], settings["latency.response_quantiles"]
    if settings["latency.model"] == "empirical" and not all(quantiles):
        raise SettingsError("latency.model is empirical; give latency.entry_quantiles and latency.response_quantiles.")
    if any(list(each) != sorted(each) for each in quantiles):
        raise SettingsError("Quantiles of a latency fall; write them in rising order.")
    if settings["latency.spread"] < 0 or settings["latency.feed_share"] < 0:
        raise SettingsError("latency.spread and latency.feed_share are from 0 on; write such a number.")
    if settings["queue.power"] <= 0:
        raise SettingsError(f"queue.power is {text_of(settings['queue.power'])}; it is above 0.")


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        flat.update(_flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return flat


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}", parse_float=Decimal)["x"]
    except tomllib.TOMLDecodeError:
        return text.strip()
