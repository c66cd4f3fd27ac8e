"""What the text of a strategy may say, read before anything of it runs: each fault in one sentence with its line.

What is forbidden here would make a strategy differ from its own replay, or reach beyond the SDK. The check keeps honest authors honest;
it is no prison for hostile code, which a process of its own would be.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from veloz.strategies.world import ALLOWED, BUILTINS, PLAIN, SDK_MODULE, public_names

_OWN: Final = "self"
_KEPT_DUNDERS: Final = (
    "__init__",
    "__name__",
    "__post_init__",
    "__len__",
    "__getitem__",
    "__iter__",
    "__eq__",
    "__repr__",
)
_DEFINED_DUNDERS: Final = (
    *_KEPT_DUNDERS, "__str__", "__bool__", "__contains__", "__lt__", "__le__", "__gt__", "__ge__", "__ne__", "__add__", "__sub__",
    "__mul__", "__neg__", "__abs__", "__radd__", "__rsub__", "__rmul__", "__truediv__", "__floordiv__", "__mod__", "__call__",
    "__setitem__", "__next__",
)  # fmt: skip
_ASSIGNED_DUNDERS: Final = ("__slots__", "__all__")
_FORBIDDEN_NAMES: Final = (
    "open", "print", "input", "exec", "eval", "compile", "id", "hash", "set", "frozenset", "globals", "locals", "vars", "getattr",
    "setattr", "delattr", "hasattr", "breakpoint", "memoryview", "exit", "quit", "help", "dir", "type", "object", "BaseException",
    "KeyboardInterrupt", "SystemExit", "GeneratorExit", "BaseExceptionGroup", "aiter", "anext",
)  # fmt: skip
_FORBIDDEN_ATTRIBUTES: Final = (
    # not the same twice, or of the world
    "random", "now", "today", "utcnow", "environ", "getcontext", "setcontext",
    # texts that tell where something lies in memory
    "format", "format_map",
    # what other modules have lying about, and ways to code by text
    "sys", "os", "bltns", "builtins", "modules", "inspect", "types", "operator", "guest", "msgspec", "get_type_hints", "ForwardRef", "mro",
    "make_dataclass", "py_func",
)  # fmt: skip
_FRAME_PARTS: Final = ("f_", "gi_", "cr_", "ag_", "tb_", "co_", "func_")
_SETS: Final = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)
_LEAVING: Final = (ast.Return, ast.Break, ast.Continue)


def faults_of(source: str, name: str) -> list[str]:
    """Everything in a text that a strategy must not do, each in one sentence with its line; nothing of it is run."""
    try:
        tree = ast.parse(source, filename=name)
        faults = sorted(dict.fromkeys(_faults(tree)))
    except (SyntaxError, ValueError, RecursionError) as error:
        return [f"{name} is not Python: {error}"]
    return [f"{name}:{line} {what}" for line, what in faults]


def _faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    modules = dict(_modules(tree))
    for node in ast.walk(tree):
        found: Iterator[str] = iter(())
        if isinstance(node, ast.Import | ast.ImportFrom):
            found = _import_faults(node)
        elif isinstance(node, ast.Name):
            found = _name_faults(node)
        elif isinstance(node, ast.Attribute):
            found = _attribute_faults(node, modules)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.arg | ast.MatchClass):
            found = _definition_faults(node)
        elif isinstance(node, ast.expr | ast.stmt | ast.ExceptHandler):
            found = _other_faults(node)
        yield from ((getattr(node, "lineno", 0), what) for what in found)


def _modules(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(name in the text, module) of everything imported whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module == "veloz.strategies":
            yield from ((alias.asname or alias.name, f"veloz.strategies.{alias.name}") for alias in node.names)


def _name_faults(node: ast.Name) -> Iterator[str]:
    name = node.id
    if name in _FORBIDDEN_NAMES:
        yield f"uses {name}: a strategy has no world, no names by text, and no order that a hash gives"
    elif _is_dunder(name) and not (isinstance(node.ctx, ast.Store) and name in _ASSIGNED_DUNDERS):
        yield f"uses {name}: what Python keeps under such names is no part of the SDK"
    elif name == _OWN and not isinstance(node.ctx, ast.Load):
        yield "gives the name self to something else: it is the strategy's own"


def _attribute_faults(node: ast.Attribute, modules: Mapping[str, str]) -> Iterator[str]:
    value = node.value
    module = modules.get(value.id) if isinstance(value, ast.Name) else None
    if _is_forbidden(node) or (module in ALLOWED and node.attr not in public_names(module)):
        yield f"reaches for .{node.attr}: that is no part of the SDK, or not the same twice"
    elif not isinstance(node.ctx, ast.Load) and not _is_own(value):
        yield f"changes .{node.attr} of what is not its own: memory is kept in self"


def _is_forbidden(node: ast.Attribute) -> bool:
    """Names of the world, and private ones of anybody but the strategy itself."""
    name = node.attr
    if _is_dunder(name):
        return name not in _KEPT_DUNDERS
    own = isinstance(node.value, ast.Name) and node.value.id in (_OWN, "cls")
    return not own and (name in _FORBIDDEN_ATTRIBUTES or name.startswith(("_", *_FRAME_PARTS)))


def _definition_faults(node: ast.FunctionDef | ast.ClassDef | ast.arg | ast.MatchClass) -> Iterator[str]:
    if isinstance(node, ast.MatchClass):
        yield from (
            f"reaches for .{name}: that is no part of the SDK, or not the same twice"
            for name in node.kwd_attrs
            if name.startswith("_") or name in _FORBIDDEN_ATTRIBUTES
        )
        return
    name = node.arg if isinstance(node, ast.arg) else node.name
    kept = _DEFINED_DUNDERS if isinstance(node, ast.FunctionDef) else ()
    if _is_dunder(name) and name not in kept:
        yield f"defines {name}: a strategy has no say in how Python works"
    if isinstance(node, ast.ClassDef) and node.keywords:
        yield "gives a class keywords: a strategy has no say in how Python works"


def _other_faults(node: ast.expr | ast.stmt | ast.ExceptHandler) -> Iterator[str]:
    if isinstance(node, ast.Set | ast.SetComp):
        yield "keeps a set, whose order is a hash's: use a dict or a list"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, _SETS) and (_is_keys(node.left) or _is_keys(node.right)):
        yield "makes a set of keys, whose order is a hash's: use a dict or a list"
    elif isinstance(node, ast.Global | ast.Nonlocal):
        yield "keeps memory outside of self, which no snapshot carries"
    elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
        yield "waits: a strategy answers at once"
    elif isinstance(node, ast.ExceptHandler) and node.type is None:
        yield "catches everything, even the end of the program: name the error, or Exception"
    elif isinstance(node, ast.Try | ast.TryStar) and any(
        isinstance(each, _LEAVING) for each in _inside(node.finalbody)
    ):
        yield "leaves from finally, which swallows even the end of the program"


def _inside(body: list[ast.stmt]) -> Iterator[ast.AST]:
    return (each for statement in body for each in ast.walk(statement))


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_own(node: ast.expr) -> bool:
    """Whether an expression is self or a part of it."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name) and node.id == _OWN


def _import_faults(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        names = [f"{module}.{alias.name}" for alias in node.names] if module == "veloz.strategies" else [module]
    else:
        names = [alias.name for alias in node.names]
    for name in names:
        if name not in ALLOWED:
            yield f"imports {name}: a strategy imports {SDK_MODULE} and plain arithmetic of the standard library only"
    for alias in node.names:
        if isinstance(node, ast.ImportFrom) and node.module in ALLOWED:
            if alias.name not in public_names(node.module):
                yield f"imports {alias.name} from {node.module}: that is no part of the SDK, or not the same twice"
        if _is_dunder(alias.asname or "") or alias.asname in BUILTINS:
            yield f"calls an import {alias.asname}: that name is taken"


class _Checked(ast.NodeTransformer):
    """Has every value that becomes a text in an f-string or behind % looked at, but in what is compiled."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Kernels have no texts, and the compiler knows no such call."""
        return node if any(_is_kernel(each) for each in node.decorator_list) else self.generic_visit(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        """`{value}` in an f-string."""
        self.generic_visit(node)
        node.value = _look(node.value)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """`text % value`; which of the two it is, text or number, shows when it runs."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Mod) and not isinstance(node.right, ast.Constant):
            node.right = _look(node.right)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`text %= value`."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Mod):
            node.value = _look(node.value)
        return node


def _is_kernel(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "kernel") or (
        isinstance(node, ast.Name) and node.id == "kernel"
    )


def _look(value: ast.expr) -> ast.expr:
    call = ast.Call(ast.Name(PLAIN, ast.Load()), [value], [])
    return ast.fix_missing_locations(ast.copy_location(call, value))


def checked(source: str, name: str) -> ast.Module:
    """A text without faults, ready to be compiled: what becomes a text in it is looked at first."""
    tree: ast.Module = _Checked().visit(ast.parse(source, filename=name))
    return tree
