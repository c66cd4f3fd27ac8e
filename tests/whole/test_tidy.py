"""The house law that a reader would otherwise have to remember: sizes, names, purity, docstrings, nothing left lying about.

In a pure room (`PURE_ROOMS`) an exception carries `# pure: reason` on the same line, on the line that opens its block, or on a line
of its own above it.
"""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("journal", "veloz")
PURE_ROOMS = ("contracts", "instruments", "reducers", "strategies", "execution", "risk", "engine")
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_MEDIAN = 15
FILE_LINES_MAX = 600
FORBIDDEN_NAMES = {"util", "utils", "common", "helper", "helpers", "base", "manager", "managers", "misc", "core"}
FORBIDDEN_IMPORTS = {
    "asyncio", "trio", "socket", "ssl", "select", "selectors", "threading", "multiprocessing", "concurrent", "subprocess",
    "random", "secrets", "uuid", "time", "datetime", "whenever", "os", "sys", "pathlib", "tempfile", "shutil", "lmdb", "journal",
}  # fmt: skip
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "id", "hash", "set", "frozenset", "__import__"}
FORBIDDEN_ATTRIBUTES = {
    "environ", "getenv", "now", "utcnow", "today", "default_rng", "urandom",
    "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir",
}  # fmt: skip
OUTSIDE_THE_FOLD = {
    "veloz/contracts/kernel.py": "chooses where machine code is kept, which changes no result",
    "veloz/contracts/specs.py": "writes specs/ when a person asks for it",
}
FLOAT_TOPICS = {"signal", "indicator", "ml"}


def tracked() -> list[Path]:
    """Files git keeps; everything that is there when this is no checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode == 0:
        return [path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]
    kept = [path for path in ROOT.rglob("*") if path.is_file()]
    return [path for path in kept if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def here(path: Path, node: ast.AST | None = None) -> str:
    return f"{path.relative_to(ROOT)}{f':{node.lineno}' if node is not None and hasattr(node, 'lineno') else ''}"


def functions(path: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_are_short() -> None:
    sized = [(lines, node.name, path) for path in sources(*PACKAGES, "tests") for node, lines in functions(path)]
    long = [f"{here(path)} {name}: {lines} lines" for lines, name, path in sized if lines > FUNCTION_LINES_MAX]
    assert not long, long
    ours = [lines for lines, _, path in sized if path.relative_to(ROOT).parts[0] in PACKAGES]
    assert statistics.median(ours) < FUNCTION_LINES_MEDIAN


def test_files_are_short() -> None:
    sized = [(len(path.read_text().splitlines()), path) for path in sources(*PACKAGES, "tests", "requirements")]
    assert not [f"{here(path)}: {lines} lines" for lines, path in sized if lines > FILE_LINES_MAX]


def test_names_say_what_is_inside() -> None:
    paths = [path.relative_to(ROOT) for path in sources(*PACKAGES, "tests")]
    assert not [str(path) for path in paths if FORBIDDEN_NAMES & {*path.with_suffix("").parts}]


def excused_lines(path: Path) -> set[int]:
    """Lines under a `# pure: reason`: the statement it stands on, or the statement below a line of its own."""
    marks = set()
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        if re.search(r"# pure: \S", line):
            marks.add(number + 1 if line.lstrip().startswith("#") else number)
    excused = set(marks)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.stmt) and node.lineno in marks:
            excused.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return excused


def impurities(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """What a pure room must not do: imports, calls and containers whose order is a hash's."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            yield from ((node, f"imports {name}") for name in sorted(names & FORBIDDEN_IMPORTS))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_IMPORTS:
            yield node, f"imports {node.module}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield node, f"calls {node.func.id}()"
        elif isinstance(node, ast.Attribute) and node.attr in FORBIDDEN_ATTRIBUTES:
            yield node, f"reaches for .{node.attr}"
        elif isinstance(node, ast.Attribute) and node.attr == "random" and ast.unparse(node.value) in {"np", "numpy"}:
            yield node, "draws random numbers"
        elif isinstance(node, ast.Set | ast.SetComp) or (
            isinstance(node, ast.AnnAssign) and "set[" in ast.unparse(node.annotation)
        ):
            yield node, "keeps a set"


def test_pure_rooms_are_pure() -> None:
    found = []
    for path in sources(*(f"veloz/{room}" for room in PURE_ROOMS)):
        if str(path.relative_to(ROOT)) in OUTSIDE_THE_FOLD:
            continue
        excused = excused_lines(path)
        found += [f"{here(path, node)} {what}" for node, what in impurities(path) if node.lineno not in excused]  # type: ignore[attr-defined]
    assert not found, found


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "from os import environ",
        "x = open('f')",
        "x = datetime.now()",
        "x = np.random.default_rng()",
        "for x in {1, 2}: pass",
        "x = set(y)",
        "x = hash('a')",
    ],
)
def test_purity_would_be_noticed(tmp_path: Path, line: str) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text(f"{line}\n")
    assert list(impurities(planted))
    excused = tmp_path / "excused.py"
    excused.write_text(f"{line}  # pure: a reason\n")
    assert {node.lineno for node, _ in impurities(excused)} <= excused_lines(excused)  # type: ignore[attr-defined]


def test_no_row_holds_a_float() -> None:
    from veloz.contracts.registry import KINDS

    views: dict[str, np.dtype[np.void]] = {kind.name: kind.view for kind in KINDS if kind.topic not in FLOAT_TOPICS}
    kinds_of = {f"{name}.{field}": view[field].kind for name, view in views.items() for field in view.names or ()}
    assert not [field for field, kind in kinds_of.items() if kind not in "iu"]


def public_definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions, classes and their public methods; what is nested in a function is nobody's promise."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    inner
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_")
                )


def test_what_is_public_is_documented() -> None:
    bare = []
    for path in sources("journal", *(f"veloz/{room}" for room in PURE_ROOMS)):
        tree = tree_of(path)
        if tree.body and not ast.get_docstring(tree):
            bare.append(here(path))
        bare += [f"{here(path, node)} {node.name}" for node in public_definitions(tree) if not ast.get_docstring(node)]
    assert not bare, bare


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def mentions(path: Path) -> Iterator[str]:
    """Every module a file imports; for a file that imports by name, also its neighbours named in a text."""
    by_name = "import_module(" in path.read_text()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif by_name and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield f"{module_name(path).rpartition('.')[0]}.{node.value}"


def test_every_module_is_imported_by_somebody() -> None:
    files = {module_name(path): path for path in sources(*PACKAGES) if path.name not in {"__init__.py", "__main__.py"}}
    wanted = {name for path in sources(*PACKAGES) for name in mentions(path) if name != module_name(path)}
    commands = (ROOT / "pyproject.toml").read_text() + (ROOT / "Justfile").read_text()
    lonely = [name for name in files if name not in wanted and not re.search(rf"{re.escape(name)}\b", commands)]
    assert not lonely, lonely


def test_no_address_of_a_registry_and_no_path_of_a_machine() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs", "deb." + "debian.org", "crates" + ".io"]
    forbidden = re.compile(
        "|".join([*map(re.escape, hosts), r"(?<![\w.])/(?:" + "work" + "|" + "home" + "|" + "root" + r")/"])
    )
    found = []
    for path in tracked():
        text = path.read_bytes().decode(errors="ignore") if path.suffix != ".gz" else ""
        found += [f"{here(path)}: {hit.group()}" for hit in forbidden.finditer(text)]
    assert not found, found


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + r"X|HA" + r"CK)\b")
    texts = [path for path in tracked() if path.suffix in {".py", ".md", ".toml", ".yml", ".txt", ""}]
    assert not [here(path) for path in texts if later.search(path.read_bytes().decode(errors="ignore"))]
