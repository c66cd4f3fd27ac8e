"""Runs a scenario: read whole, tried out without a journal, then step by step into one."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from veloz.reducers.state import state_hash
from veloz.scenario.checks import look, require_known
from veloz.scenario.code import Shelf
from veloz.scenario.figures import (
    balance_figures,
    lines_of,
    order_figures,
    pnl_figures,
    position_figures,
    refusal_lines,
)
from veloz.scenario.grammar import Check, Opening, Script, Sending, Step, parse
from veloz.scenario.naming import Names
from veloz.scenario.rows import make_step
from veloz.scenario.session import Session
from veloz.scenario.text import ScenarioError
from veloz.scenario.transcript import Outcome, Unlike, compare

EXPECT: Final = "expect"  # the section of a difference that a line between the steps has found
FILE_BYTES_MAX: Final = 16 << 20


@dataclass(frozen=True)
class Result:
    """What a scenario came to: the keys of `veloz scenario --json`, and its lines."""

    records: int
    orders: dict[str, dict[str, Any]]
    refusals: list[dict[str, Any]]
    positions: dict[str, dict[str, Any]]
    balances: dict[str, dict[str, Any]]
    pnl: dict[str, dict[str, Any]]
    state_hash: str
    first_difference: Unlike | None
    outcome: Outcome
    script: Script

    @property
    def ok(self) -> bool:
        """Whether everything that was expected came out."""
        return self.first_difference is None

    def as_dict(self) -> dict[str, Any]:
        """The JSON object of the command."""
        return {
            "ok": self.ok, "records": self.records, "orders": self.orders, "refusals": self.refusals,
            "positions": self.positions, "balances": self.balances, "pnl": self.pnl, "state_hash": self.state_hash,
            "first_difference": self.first_difference.as_dict() if self.first_difference else None,
        }  # fmt: skip


def read_file(path: Path) -> str:
    """The text of a scenario.

    Raises:
        ScenarioError: It is no text, or too long.
        OSError: It cannot be read.
    """
    raw = path.read_bytes()
    if len(raw) > FILE_BYTES_MAX:
        raise ScenarioError(1, f"a scenario has at most {FILE_BYTES_MAX} bytes.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ScenarioError(line, "it is not UTF-8 text.") from None


def try_out(script: Script, shelf: Shelf) -> None:
    """Make every row once, without an engine and without a journal, so that what is wrong with a line is found before anything is written.

    Raises:
        ScenarioError: A line cannot be made into rows.
    """
    names = _names_of(shelf)
    names.dry = True
    seq = 2  # system.started is the first
    for item in script.items:
        if isinstance(item, Step):
            seq += len(make_step(item, names, seq)[0])
        elif isinstance(item, Check):
            require_known(item, names)


def _names_of(shelf: Shelf) -> Names:
    names = Names(shelf.find)
    names.text_of = shelf.text
    return names


def run(text: str, folder: Path, journal: Path | None = None) -> Result:
    """Run a scenario.

    Args:
        text: The file.
        folder: Where it lies: strategies' files are beside it.
        journal: The directory of the journal to be, new or empty; None = a temporary one that is removed.

    Raises:
        ScenarioError: A line cannot be read or run; no journal is left behind.
        journal.JournalError: The journal cannot be written.
    """
    script = parse(text)
    shelf = Shelf(folder)
    try_out(script, shelf)
    if journal is None:
        with tempfile.TemporaryDirectory(prefix="veloz-scenario-") as temporary:
            return _run_into(script, shelf, Path(temporary) / "journal")
    made = _missing_folders(journal)
    try:
        return _run_into(script, shelf, journal)
    except ScenarioError:
        _take_away(journal, made)
        raise


def _missing_folders(path: Path) -> list[Path]:
    """The directories that are not there yet, innermost first."""
    return [each for each in (path, *path.parents) if not each.exists()]


def _take_away(path: Path, made: list[Path]) -> None:
    """Leave nothing of a journal that a scenario began: the directory was new or empty before."""
    for left in path.iterdir() if path.is_dir() else ():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
    for each in made:
        each.rmdir()


def _run_into(script: Script, shelf: Shelf, journal: Path) -> Result:
    session = Session(journal, _names_of(shelf), shelf.library)
    unlike: Unlike | None = None
    try:
        session.start(script.start_ns)
        for item in script.items:
            if isinstance(item, Step):
                _take(session, item)
            elif isinstance(item, Sending):
                session.auto = item.auto
            elif isinstance(item, Opening):
                session.open_exchange(item.line, item.args)
            elif unlike is None:
                found = look(item, session)
                unlike = None if found is None else Unlike(item.line, EXPECT, *found)
    finally:
        session.close()
    return _result(script, session, unlike)


def _take(session: Session, step: Step) -> None:
    session.happened = type(session.happened)()
    session.pass_time(step.line, step.now_ns)
    if any(statement.verb == "restart" for statement in step.statements):
        if len(step.statements) != 1:
            raise ScenarioError(step.line, "`restart` is a step of its own.")
        session.reopen(step.line)
    rows, bodies = make_step(step, session.names, session.next_seq)
    session.take(step.line, rows, bodies)


def _result(script: Script, session: Session, unlike: Unlike | None) -> Result:
    orders, positions, balances = order_figures(session), position_figures(session), balance_figures(session)
    outcome = session.outcome
    outcome.lines["orders"] = lines_of(orders)
    outcome.lines["positions"] = lines_of(positions)
    outcome.lines["balances"] = lines_of(balances)
    outcome.lines["refusals"] = refusal_lines(session.refusals)
    return Result(
        records=session.records,
        orders=orders,
        refusals=session.refusals,
        positions=positions,
        balances=balances,
        pnl=pnl_figures(session),
        state_hash=state_hash(session.state),
        first_difference=unlike or compare(script.expected, outcome),
        outcome=outcome,
        script=script,
    )


def rewrite(path: Path) -> Result:
    """Run a scenario and write anew what stands below its dashes.

    Raises:
        ScenarioError: It cannot be read or run; the file is as it was.
    """
    result = run(read_file(path), path.parent)
    upper = result.script.upper.rstrip("\n")
    text = f"{upper}\n\n----\n{result.outcome.text()}"
    path.write_text(text, encoding="utf-8")
    return result
