"""Lines of a scenario as words, and what a word may say: decimals, shares, spans of time, moments.

Layout is free: blanks, tabs, letter case of keywords, `-` or `_` in them. Meaning is not: a number that is no plain decimal, a share
without its unit or a word that nobody knows is refused in one sentence that names the line.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from veloz.contracts.spelling import nearest
from veloz.instruments.units import read_decimal

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
TIME_MAX_NS: Final = 2**62 - 1
LINE_MAX: Final = 4_000  # characters
LINES_MAX: Final = 200_000
_WORD: Final = re.compile(r'"[^"]*"|[{}&@]|[^\s{}&@"]+')
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)", re.IGNORECASE)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_UNITS: Final = {
    "ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND_NS, "m": 60 * SECOND_NS, "h": 3_600 * SECOND_NS, "d": DAY_NS,
}  # fmt: skip


class ScenarioError(Exception):
    """A scenario cannot be read or run: the line, and one sentence."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line, self.why = line, why


def moment_text(at_ns: int) -> str:
    """A moment as a scenario writes it: UTC, no more decimals of a second than there are."""
    seconds, rest = divmod(at_ns, SECOND_NS)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}{f'.{rest:09}'.rstrip('0') if rest else ''}Z"


def near(word: str, known: Iterable[str]) -> str:
    """A closing remark: the known word nearest to an unknown one, or what is known."""
    options = list(known)
    if found := nearest(word, options):
        return f"{found}?"
    return f"; known are {', '.join(options)}." if options else "."


def plain(word: str) -> str:
    """A keyword in its one spelling: small letters, dashes."""
    return word.lower().replace("_", "-")


def strip_comment(text: str) -> str:
    """A line without what stands behind a `#` that begins it or follows a blank, outside quotes."""
    quoted = False
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == "#" and not quoted and (at == 0 or text[at - 1].isspace()):
            return text[:at]
    return text


def split_words(line: int, text: str) -> list[str]:
    """The words of a line without its comment. A quoted text is one word and keeps its opening quote."""
    bare = strip_comment(text)
    if len(bare) > LINE_MAX:
        raise ScenarioError(line, f"it is longer than {LINE_MAX} characters; continue it with a backslash at its end.")
    if bare.count('"') % 2:
        raise ScenarioError(line, "a quotation mark is missing.")
    if odd := next((letter for letter in bare if not letter.isprintable() and not letter.isspace()), ""):
        raise ScenarioError(line, f"it holds a character that nobody can see, number {ord(odd)}.")
    return [word.removesuffix('"') if word.startswith('"') else word for word in _WORD.findall(bare)]


class Words:
    """The words of one statement, taken from the left."""

    def __init__(self, line: int, words: list[str]) -> None:
        self.line = line
        self._words = words
        self._at = 0

    def __bool__(self) -> bool:
        """Whether words are left."""
        return self._at < len(self._words)

    def fail(self, why: str) -> ScenarioError:
        """The error that names this line."""
        return ScenarioError(self.line, why)

    def peek(self) -> str:
        """The next word; "" at the end."""
        return self._words[self._at] if self else ""

    def take(self, what: str) -> str:
        """The next word.

        Args:
            what: What should stand there, for the sentence when nothing does.
        """
        if not self:
            raise self.fail(f"it ends where {what} should stand.")
        self._at += 1
        return self._words[self._at - 1]

    def take_if(self, *keywords: str) -> bool:
        """Take the next word when it is one of these."""
        if self and plain(self.peek()) in keywords:
            self._at += 1
            return True
        return False

    def rest(self) -> list[str]:
        """All words that are left."""
        left, self._at = self._words[self._at :], len(self._words)
        return left

    def name(self, what: str) -> str:
        """A name: letters, digits and `_ - . : # /`."""
        word = self.take(what)
        if not re.fullmatch(r"[A-Za-z0-9_][\w.:#/-]*", word, re.ASCII):
            raise self.fail(f"{word!r} is no name of {what}.")
        return word

    def choice(self, what: str, options: Iterable[str]) -> str:
        """One of some keywords, in its one spelling."""
        known = [plain(each) for each in options]
        word = plain(self.take(what))
        if word not in known:
            raise self.fail(f"{word!r} is no {what}{near(word, known)}")
        return word

    def decimal(self, what: str, *, signed: bool = False) -> str:
        """A decimal as venues write it, as text."""
        word = self.take(what)
        bare = word.removeprefix("+") if signed else word
        found = read_decimal(bare)
        if found is None or (found.negative and not signed):
            kind = "decimal" if signed else "decimal of zero or more"
            raise self.fail(f"{word!r} is no {kind} for {what}; write it like 0.25, without exponent or separators.")
        return bare

    def whole(self, what: str, *, signed: bool = False) -> int:
        """A whole number."""
        word = self.take(what)
        if not re.fullmatch(r"[-+]?\d{1,19}" if signed else r"\d{1,19}", word, re.ASCII) or abs(int(word)) >= 2**63:
            raise self.fail(f"{word!r} is no whole number for {what}.")
        return int(word)

    def share(self, what: str, digits: int = 6, *, signed: bool = False) -> int:
        """A share with its unit, `5%` or `500ppm`, as a count of 10**-digits."""
        word = self.take(what)
        lower = word.lower()
        places = 2 if lower.endswith("%") else 6 if lower.endswith("ppm") else 0
        number = read_decimal(lower.removesuffix("%").removesuffix("ppm").removeprefix("+"))
        if not places or number is None or (number.negative and not signed):
            raise self.fail(f"{word!r} is no share for {what}; write it like 5% or 500ppm.")
        scaled, rest = divmod(number.digits * int(10**digits), int(10 ** (number.decimals + places)))
        if rest or abs(scaled) >= 2**62:
            raise self.fail(f"{word!r} does not fit {what}, which counts in 10^-{digits}.")
        return scaled

    def span(self, what: str) -> int:
        """A span of time, `100ms` or `1.5s`, in ns."""
        return read_span(self.line, self.take(what), what)

    def moment(self, what: str, now_ns: int) -> int:
        """A moment, as `read_moment` reads it."""
        return read_moment(self.line, self.take(what), what, now_ns)


def read_span(line: int, word: str, what: str) -> int:
    """A span of time as typed, in ns, exactly."""
    match = _SPAN.fullmatch(word)
    if match is None:
        raise ScenarioError(line, f"{word!r} is no span of time for {what}; write it like 100ms, 1.5s, 5m or 1d.")
    whole, _, part = match[1].partition(".")
    scaled, rest = divmod(int(whole + part) * _UNITS[match[2].lower()], int(10 ** len(part)))
    if rest or scaled > TIME_MAX_NS:
        raise ScenarioError(line, f"{word!r} is no whole number of nanoseconds, or more than there is time.")
    return scaled


def read_moment(line: int, word: str, what: str, now_ns: int) -> int:
    """A moment as ns since the epoch.

    Args:
        line: Where it stands.
        word: `+5s` or `-5s` from now, `12:00:00.5` of the day it is, ISO 8601, or nanoseconds.
        what: What it is for.
        now_ns: The scenario's time.
    """
    if word.startswith(("+", "-")):
        span = read_span(line, word[1:], what)
        moment = now_ns + span if word[0] == "+" else now_ns - span
    elif match := _CLOCK.fullmatch(word):
        hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
        if hours > 23 or minutes > 59 or seconds > 59:
            raise ScenarioError(line, f"{word!r} is no time of day for {what}.")
        of_day = (hours * 3_600 + minutes * 60 + seconds) * SECOND_NS + int((match[4] or "").ljust(9, "0"))
        moment = now_ns - now_ns % DAY_NS + of_day
    elif word.isascii() and word.isdigit() and len(word) == 19:
        moment = int(word)
    else:
        moment = _read_date(line, word, what)
    if not 0 < moment <= TIME_MAX_NS:
        raise ScenarioError(line, f"{word!r} lies outside the time that can be told.")
    return moment


def _read_date(line: int, word: str, what: str) -> int:
    head, dot, tail = word.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))] if dot else ""
    try:
        date = datetime.fromisoformat(head + tail[len(digits) :])
    except ValueError:
        raise ScenarioError(
            line, f"{word!r} is no moment for {what}; write 12:00:00.5, 2026-01-01T12:00:00Z or +100ms."
        ) from None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    since: int = (date - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return since * SECOND_NS + int((digits + "0" * 9)[:9])
