"""The configuration of a backtest: a TOML file and overrides → typed settings, or one sentence that says what is wrong and the way out.

Decimals stay the text they were written as, so that no binary fraction comes between a file and a quantum.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from veloz.backtest.keys import (
    ACCOUNT_KEYS,
    BY_NAME,
    FORMS,
    INSTRUMENT_KEYS,
    KEYS,
    LATENCIES_OF_ACCOUNT,
    SHORT,
    STRATEGY_KEYS,
    Key,
    SettingsError,
    check_funding,
    check_range,
    check_rates,
    ppm_of,
    text_of,
)
from veloz.backtest.schedules import read_brackets, read_tiers
from veloz.backtest.tables import LISTED, is_listed, label_of, read_tables, set_in
from veloz.contracts.spelling import closest, flatten

_NO: Final = Decimal(0)
# Parameters and assets have names of their own behind these.
FREE: Final = {
    "strategy.": "a parameter of the strategy, as its code declares it",
    "account.balances.": "what the account holds of this asset when the run begins",
    "account.rates.": "what one of this asset is worth in account.reporting",
}
_PARAMS, _BALANCES, _RATES = FREE


@dataclass(frozen=True)
class Runs:
    """One strategy of a run."""

    name: str
    code: str  # quoter | FILE.py:Class
    form: str  # python | kernel
    instruments: tuple[str, ...]  # empty: all that the run trades
    params: dict[str, str]

    @property
    def full_code(self) -> str:
        """Its code as a library names it: what comes with the program by its short name, too."""
        return self.code if ":" in self.code else f"{self.code}:{self.code.capitalize()}"


@dataclass(frozen=True)
class Settings:
    """All settings of a run."""

    values: dict[str, Any]
    strategies: tuple[Runs, ...]
    balances: dict[str, Decimal]
    folder: Path  # where relative paths begin
    rates: dict[str, Decimal] = field(default_factory=dict)  # what a unit of an asset is worth, in account.reporting
    instruments: tuple[Mapping[str, Any], ...] = ()  # tables [[instruments]]: what each says
    accounts: tuple[Mapping[str, Any], ...] = ()  # tables [[accounts]], the balances of each among what it says

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
        if self.rates:
            told["account.rates"] = _plain(self.rates)
        for name, tables in (("instruments", self.instruments), ("accounts", self.accounts)):
            if tables:
                told[name] = [_plain(each) for each in tables]
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @property
    def digest(self) -> str:
        """Hash of that text: blake2b, 32 bytes, lower-case hex."""
        return hashlib.blake2b(self.canonical().encode(), digest_size=32).hexdigest()

    @property
    def has_own_latencies(self) -> bool:
        """Whether any venue is as far away as its own account says."""
        return any(not each.keys().isdisjoint(LATENCIES_OF_ACCOUNT) for each in self.accounts)

    def ppm(self, name: str) -> int:
        """A share in millionths. Raises SettingsError where it is finer."""
        return ppm_of(name, self.values[name])


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in sorted(value.items())}
    return text_of(value) if isinstance(value, Decimal) else value


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


def read_settings(
    text: str, overrides: Sequence[str] = (), path: Path = Path("settings"), searched: Sequence[str] = ()
) -> Settings:
    """The same of a text that `path` is said to hold, and of `searched`: words that a sweep found in its space."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}; mend that line.") from None
    listed = {name: table.pop(name, []) for name in LISTED}
    table.pop("optimize", None)  # what a sweep is told; a run has no use for it
    given = {name: (value, str(path)) for name, value in flatten(table).items()}
    told = [(f"--set {word}", word) for word in overrides]
    told += [(f"optimize.space with {word}", word) for word in searched]
    for where, word in told:
        name, equals, said = word.partition("=")
        if not equals:
            raise SettingsError(f"{where} has no value; write --set KEY=VALUE.")
        name, value = name.strip(), _parse(said)
        if is_listed(name):
            set_in(listed, name, value, where)
            continue
        if isinstance(value, dict):  # a table says all that it holds
            given = {key: each for key, each in given.items() if not key.startswith(f"{name}.")}
        given |= {key: (each, where) for key, each in flatten({name: value}).items()}
    return _settings(given, listed, path)


def _settings(given: Mapping[str, tuple[Any, str]], listed: Mapping[str, Any], path: Path) -> Settings:
    values = {key.name: key.default for key in KEYS}
    params: dict[str, str] = {}
    balances: dict[str, Decimal] = {}
    rates: dict[str, Decimal] = {}
    for name, (value, where) in given.items():
        if name in BY_NAME:
            values[name] = BY_NAME[name].accept(value, where)
        elif name.startswith(_PARAMS):
            params[name.removeprefix(_PARAMS)] = _param(name, value, where)
        elif name.startswith(_BALANCES):
            balances[_asset_of(name, _BALANCES, where)] = Key(name, _NO, "", 0).accept(value, where)
        elif name.startswith(_RATES):
            rates[_asset_of(name, _RATES, where)] = Key(name, _NO, "", above=True).accept(value, where)
        elif is_listed(name):
            raise SettingsError(f"{where} sets {name} outside of its table; write [[{name.partition('.')[0]}]] for it.")
        else:
            require_setting(name, where)
    strategies = _strategies(listed["strategies"], params, path) or (
        Runs(label_of(values["strategy.name"]), values["strategy.name"], FORMS[values["strategy.form"]], (), params),
    )
    instruments = _instruments(listed["instruments"], given, path, tiers=bool(values["fees.tiers"]))
    accounts = _accounts(listed["accounts"], path, tiers=bool(values["fees.tiers"]))
    settings = Settings(values, strategies, balances, path.parent, rates, instruments, accounts)
    _check(settings)
    return settings


def require_setting(name: str, where: str) -> None:
    """See that there is a setting of this name, or may be one. Raises SettingsError."""
    if name not in BY_NAME and not name.startswith(tuple(FREE)) and not is_listed(name):
        raise SettingsError(f"{where} sets {name}, which is no setting{_way_out(name)}.")


def _asset_of(name: str, prefix: str, where: str) -> str:
    asset = name.removeprefix(prefix)
    if not asset:
        raise SettingsError(f"{where} names no asset; write {prefix}USDT, or the like.")
    return asset


def _way_out(name: str) -> str:
    near = closest(name, BY_NAME)
    return f"; the nearest is {near}" if near else "; they are listed in docs/reference/backtest.md"


def _param(name: str, value: Any, where: str) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | Decimal):
        return text_of(Decimal(value))
    if isinstance(value, str):
        return value
    raise SettingsError(f"{name} is a parameter of a strategy and wants a number, and {where} says {value!r}.")


def _strategies(listed: Any, params: Mapping[str, str], path: Path) -> tuple[Runs, ...]:
    """The tables [[strategies]]."""
    if listed and params:
        raise SettingsError(
            f"strategy.{min(params)} is for the one strategy of [strategy]; beside [[strategies]], write it in its params."
        )
    told = [_params_of(each, place, path) for place, each in enumerate(listed if isinstance(listed, list) else (), 1)]
    plain = [_without(each, "params") for each in listed] if isinstance(listed, list) else listed
    found: list[Runs] = []
    for (where, said), own in zip(read_tables("strategies", plain, STRATEGY_KEYS, path), told, strict=True):
        code, form = said.get("code", SHORT), said.get("form", "compiled")
        label = said.get("name") or label_of(code)
        if label in [one.name for one in found]:
            raise SettingsError(f"{where} is called {label}, as another one is; give it a name of its own.")
        found.append(Runs(label, code, FORMS[form], tuple(said.get("instruments", ())), own))
    return tuple(found)


def _without(table: Any, name: str) -> Any:
    return {key: value for key, value in table.items() if key != name} if isinstance(table, dict) else table


def _params_of(table: Any, place: int, path: Path) -> dict[str, str]:
    """What a table [[strategies]] says of parameters."""
    where = f"[[strategies]] number {place} of {path}"
    said = table.get("params", {}) if isinstance(table, dict) else None
    if not isinstance(said, dict):
        raise SettingsError(
            f"{where} is no table, or its params are none; write [[strategies]] and [strategies.params]."
        )
    return {name: _param(name, value, where) for name, value in said.items()}


def _instruments(listed: Any, given: Mapping[str, Any], path: Path, *, tiers: bool) -> tuple[Mapping[str, Any], ...]:
    """The tables [[instruments]]."""
    tables = read_tables("instruments", listed, INSTRUMENT_KEYS, path)
    said = [name for name in given if name.startswith("instrument.")]
    if tables and said:
        raise SettingsError(
            f"{min(said)} is for the instruments of [instrument]; beside [[instruments]], write it in the table of each."
        )
    for where, each in tables:
        if not each.get("symbol"):
            raise SettingsError(f'{where} names no instrument; write symbol = "SYMBOL" or "venue:SYMBOL".')
        _check_own_rates(each, where, tiers=tiers)
        read_brackets(f"{where}: brackets", each.get("brackets", []))
        check_range(each.get("roi_lb", _NO), each.get("roi_ub", _NO), f"{where}: ")
        check_funding(each.get("funding_rate", _NO), f"{where}: funding_rate")
    return tuple(each for _, each in tables)


def _check_own_rates(said: Mapping[str, Any], where: str, *, tiers: bool) -> None:
    if tiers and not said.keys().isdisjoint({"maker", "taker"}):
        raise SettingsError(f"{where} has fee rates of its own beside fees.tiers; leave one of them out.")
    check_rates(said.get("maker", _NO), said.get("taker", _NO), f"{where}: ")


def _accounts(listed: Any, path: Path, *, tiers: bool) -> tuple[Mapping[str, Any], ...]:
    """The tables [[accounts]], each with its balances."""
    plain = [_without(each, "balances") for each in listed] if isinstance(listed, list) else listed
    found: list[Mapping[str, Any]] = []
    for place, (where, said) in enumerate(read_tables("accounts", plain, ACCOUNT_KEYS, path)):
        venue = said.get("venue")
        if not venue or venue in [each["venue"] for each in found]:
            raise SettingsError(
                f"{where} names no venue, or one that has an account already; write one for each venue."
            )
        if said.get("name", venue) in [each.get("name", each["venue"]) for each in found]:
            raise SettingsError(f"{where} is called as another one is; give it a name of its own.")
        _check_own_rates(said, where, tiers=tiers)
        held = listed[place].get("balances")
        if held is not None:
            if not isinstance(held, dict):
                raise SettingsError(f"{where} has balances that are no table; write balances = {{ USDT = 1000 }}.")
            said["balances"] = {name: Key(name, _NO, "", 0).accept(value, where) for name, value in held.items()}
        found.append(said)
    return tuple(found)


def _check(settings: Settings) -> None:
    """What no single value shows."""
    check_range(settings["match.roi_lb"], settings["match.roi_ub"], "match.")
    check_rates(settings["fees.maker"], settings["fees.taker"], "fees.")
    check_funding(settings["funding.rate"], "funding.rate")
    read_brackets("account.brackets", settings["account.brackets"])
    read_tiers("fees.tiers", settings["fees.tiers"])
    quantiles = settings["latency.entry_quantiles"], settings["latency.response_quantiles"]
    if settings["latency.model"] == "empirical" and not all(quantiles):
        raise SettingsError("latency.model is empirical; give latency.entry_quantiles and latency.response_quantiles.")
    if any(list(each) != sorted(each) for each in quantiles):
        raise SettingsError("Quantiles of a latency fall; write them in rising order.")
    if settings["latency.model"] == "empirical" and settings.has_own_latencies:
        raise SettingsError(
            "A table [[accounts]] says entry_ns or response_ns, and latency.model is empirical, which goes by quantiles; leave one out."
        )
    if settings["account.margin"] and settings["match.compat"] != "none":
        raise SettingsError(
            "account.margin goes with match.compat none, as hftbacktest knows no margin; leave one out."
        )
    if settings["queue.power"] <= 0:
        raise SettingsError(f"queue.power is {text_of(settings['queue.power'])}; it is above 0.")


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}", parse_float=Decimal)["x"]
    except tomllib.TOMLDecodeError:
        return text.strip()
