"""Code of strategies as scenarios name it: built-in, in a file beside the scenario, or in the scenario itself."""

from pathlib import Path
from typing import Final

from veloz.scenario.naming import refuse
from veloz.strategies.loader import Code, Library, Refused, hash_of, number_of

SOURCE_BYTES_MAX: Final = 256 << 10
INLINE: Final = "inline.py"  # what a text is called that stands in the scenario


class Shelf:
    """The code of one scenario: everything its lines have named so far.

    Args:
        folder: Where the scenario lies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources: list[tuple[str, str]] = []
        self.library = Library()

    def find(self, line: int, kind: str, said: str, block: str) -> tuple[Code, str]:
        """The code that a line means, and its text ("" of what is built in).

        Args:
            line: Where it is named.
            kind: builtin | file | inline.
            said: `quoter` or `quoter:Quoter`, `FILE.py:Class`, or a class.
            block: The text of an inline strategy.

        Raises:
            ScenarioError: It is not at hand, or is no strategy.
        """
        if kind == "builtin":
            return self._built_in(line, said), ""
        source, name = (block, f"{INLINE}:{said}") if kind == "inline" else self._read_beside(line, said)
        if len(source.encode()) > SOURCE_BYTES_MAX:
            refuse(line, f"the source of a strategy has at most {SOURCE_BYTES_MAX} bytes.")
        file = name.rpartition(":")[0]
        if (file, source) not in self._sources:
            self._take(line, file, source)
        code = self.library.find(number_of(hash_of(source)), name)
        if code is None:
            refuse(line, f"{file} has no strategy class {name.rpartition(':')[2]}.")
        return code, source

    def _take(self, line: int, file: str, source: str) -> None:
        try:
            self.library = Library([*self._sources, (file, source)])
        except Refused as error:
            refuse(line, f"{error}.".replace("..", ".").replace("\n", " "))
        self._sources.append((file, source))

    def _built_in(self, line: int, said: str) -> Code:
        name = said if ":" in said else f"{said}:{said.capitalize()}"
        code = self.library.newest(name)
        if code is None or name.partition(":")[0].endswith(".py"):
            refuse(line, f"no built-in strategy is called {said}; there are quoter and trend.")
        return code

    def _read_beside(self, line: int, said: str) -> tuple[str, str]:
        """Source and name of `FILE.py:Class`."""
        file, colon, name = said.removeprefix('"').rpartition(":")
        if not colon or not name.isidentifier() or not file.endswith(".py"):
            refuse(line, f"{said} names no class; write FILE.py:Class.")
        return self.text(line, file), f"{Path(file).name}:{name}"

    def text(self, line: int, file: str) -> str:
        """The text of a file that lies beside the scenario, or below it.

        Raises:
            ScenarioError: It does not, or cannot be read.
        """
        path = (self._folder / file).resolve()
        if self._folder.resolve() not in path.parents:
            refuse(line, f"{file} does not lie beside the scenario.")
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            refuse(line, f"{file} cannot be read.")
