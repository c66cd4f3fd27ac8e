"""Settings: typed, from several places, each able to say where it came from.

Lowest to highest: the defaults below · a profile, `NAME.toml` in `configs/` of the working directory or in the user's configuration
directory · variables `VELOZ_SECTION_KEY` · `--set section.key=value`. An unknown key is refused with the nearest known one.
"""

import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from veloz.contracts.spelling import closest, flatten


class ConfigError(Exception):
    """A setting is unknown or of the wrong type. The text is one sentence with the way out."""


@dataclass(frozen=True)
class Setting:
    """One setting: its default, and what it is for."""

    key: str
    default: Any
    about: str
    least: int | None = None  # smallest number allowed
    step: int = 1  # and a number must be a multiple of this

    def accept(self, value: Any, where: str) -> Any:
        """The value in the setting's type.

        Raises:
            ConfigError: It has another type.
        """
        wanted = type(self.default)
        if wanted is str and not isinstance(value, dict | list):
            return str(value)
        if type(value) is not wanted:
            shown = wanted.__name__
            raise ConfigError(f"{self.key} wants a value of type {shown}, and {where} says {value!r}; give a {shown}.")
        if self.least is not None and (value < self.least or value % self.step):
            steps = f" and a multiple of {self.step}" if self.step > 1 else ""
            raise ConfigError(
                f"{self.key} must be at least {self.least}{steps}, and {where} says {value}; give such a number."
            )
        return value


SETTINGS: Final = (
    Setting("data_dir", "~/.local/share/veloz", "where journals and reports are kept"),
    Setting("journal.dir", "${data_dir}/journal", "the journal that commands use when none is named"),
    Setting(
        "journal.map_size_bytes", 256 << 30, "address space reserved for a journal; its greatest size", 1 << 20, 4096
    ),
    Setting("journal.snapshots_kept", 3, "snapshots kept beside a journal; older ones are removed", 1),
    Setting("ingest.snapshot", True, "write a snapshot of the state at the end of an ingest"),
    Setting("book.depth", 20, "levels a side that `veloz book` shows", 1),
)
BY_KEY: Final = {setting.key: setting for setting in SETTINGS}
VARIABLE_NEAR: Final = 0.6  # all of them begin alike
_CONTROL_VARIABLES: Final = {"VELOZ_PROFILE", "VELOZ_CACHE_DIR", "VELOZ_SHARED"}


@dataclass(frozen=True)
class Claim:
    """One place's word on one setting."""

    where: str
    value: Any


@dataclass(frozen=True)
class Settings:
    """What every setting is, and every place that had a say, the winner last."""

    claims: dict[str, list[Claim]]
    warnings: tuple[str, ...] = ()  # variables that look like ours and are nobody's

    def value(self, key: str) -> Any:
        """The value that won.

        Raises:
            ConfigError: No setting is called so.
        """
        return self.claims[find_setting(key).key][-1].value

    def path(self, key: str) -> Path:
        """A setting that is a path, with `~` and `${other.key}` replaced."""
        text = str(self.value(key))
        for name in BY_KEY:
            if "${" + name + "}" in text:
                text = text.replace("${" + name + "}", str(self.value(name)))
        return Path(text).expanduser()


def find_setting(key: str) -> Setting:
    """The setting called `key`.

    Raises:
        ConfigError: There is none; names the nearest known one.
    """
    if key in BY_KEY:
        return BY_KEY[key]
    near = closest(key, BY_KEY)
    hint = f"did you mean {near}?" if near else f"the settings are {', '.join(BY_KEY)}."
    raise ConfigError(f"There is no setting {key}; {hint}")


def read_settings(overrides: Sequence[str] = (), environment: dict[str, str] | None = None) -> Settings:
    """All settings from all places.

    Args:
        overrides: `section.key=value` words of the command line; the value is TOML if it parses, else text.
        environment: Variables; None = the process's own.

    Raises:
        ConfigError: A key is unknown or a value has the wrong type.
    """
    variables = dict(os.environ) if environment is None else environment
    claims = {setting.key: [Claim("default", setting.default)] for setting in SETTINGS}
    named, strangers = _variables(variables)
    for where, pairs in (*_profile(variables), *named, *_overrides(overrides)):
        for key, value in pairs.items():
            setting = find_setting(key)
            claims[setting.key].append(Claim(where, setting.accept(value, where)))
    return Settings(claims, strangers)


def _profile(variables: dict[str, str]) -> list[tuple[str, dict[str, Any]]]:
    name = variables.get("VELOZ_PROFILE", "")
    if not name:
        return []
    user = Path(variables.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "veloz"
    for path in (Path("configs") / f"{name}.toml", user / f"{name}.toml"):
        if path.is_file():
            try:
                return [(str(path), flatten(tomllib.loads(path.read_text(encoding="utf-8"))))]
            except tomllib.TOMLDecodeError as error:
                raise ConfigError(f"{path} is not valid TOML: {error}; mend that line.") from error
    raise ConfigError(f"There is no profile {name}: neither configs/{name}.toml nor {user / name}.toml exists.")


def _variables(variables: dict[str, str]) -> tuple[list[tuple[str, dict[str, Any]]], tuple[str, ...]]:
    known = {"VELOZ_" + key.replace(".", "_").upper(): key for key in BY_KEY}
    ours = [name for name in sorted(variables) if name.startswith("VELOZ_") and name not in _CONTROL_VARIABLES]
    found = [(name, {known[name]: _parse(variables[name])}) for name in ours if name in known]
    return found, tuple(_stranger(name, list(known)) for name in ours if name not in known)


def _stranger(name: str, known: list[str]) -> str:
    near = closest(name, known, VARIABLE_NEAR)
    return f"{name} sets nothing" + (f"; did you mean {near}?" if near else ".")


def _overrides(overrides: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for word in overrides:
        key, equals, text = word.partition("=")
        if not equals:
            raise ConfigError(f"--set {word} has no value; write --set KEY=VALUE.")
        found.append((f"--set {word}", {key.strip(): _parse(text)}))
    return found


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
