"""Mutation operators: small changes of a module's syntax tree, each of which a test should notice.

Not mutated: annotations, docstrings, decorators, imports, f-strings, raised errors, and functions
that return text, which are messages.
"""

import ast
import dataclasses
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
}
_PAIRS = (
    *(("min", "max"), ("minimum", "maximum"), ("any", "all"), ("sum", "mean"), ("exp", "expm1")),
    *(("log", "log1p"), ("floor", "ceil"), ("argmin", "argmax"), ("zeros_like", "ones_like")),
    *(("zeros", "ones"), ("square", "abs"), ("sigmoid", "tanh"), ("amin", "amax")),
)
FUNCTIONS = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
# Calls in these modules may be replaced by their first argument.
ARRAYS = {"math", "np", "ops"}
FIELDS_NOT_MUTATED = {"annotation", "bases", "decorator_list", "returns"}
NODES_NOT_MUTATED = (ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Raise)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes:
        path: The module's file, relative to the repository.
        node: Number of the changed node among those of `walk`.
        variant: Number of the change among the alternatives of this node.
        function: Qualified name of the function or class around it, or "".
        change: The code before and after.
    """

    path: str
    node: int
    variant: int
    function: str
    change: str

    @property
    def label(self) -> str:
        """Name of the mutant in lists, which does not depend on line numbers."""
        return f"{self.path}: {self.function or 'module'}: {self.change}"


def find_mutants(path: str, source: str, seed: int) -> list[Mutant]:
    """Return one mutant for each place of a module that can be mutated."""
    found = []
    times: Counter[tuple[str, str]] = Counter()
    for index, (node, function) in enumerate(walk(ast.parse(source))):
        if not (choices := list(alternatives(node))):
            continue
        variant = random.Random(f"{seed} {path} {index}").randrange(len(choices))
        change = f"`{_code(node)}` -> `{_code(choices[variant])}`"
        # Equal changes in one function are told apart by a number.
        times[function, change] += 1
        number = times[function, change]
        change += f" ({number})" if number > 1 else ""
        found.append(Mutant(path, index, variant, function, change))
    return found


def mutate(source: str, mutant: Mutant) -> ast.AST:
    """Return the tree of a module with one mutant in it."""
    tree = ast.parse(source)
    node, _ = list(walk(tree))[mutant.node]
    new = ast.copy_location(list(alternatives(node))[mutant.variant], node)
    return ast.fix_missing_locations(_Replacement(node, new).visit(tree))


def note_calls(source: str) -> ast.AST:
    """Return the tree of a module whose functions call `note_call(NAME)` first."""
    return ast.fix_missing_locations(_Notes().visit(ast.parse(source)))


class _Notes(ast.NodeTransformer):
    """A transformer that adds a call to each function."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:  # noqa: N802
        return self._inside(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:  # noqa: N802
        self._inside(node)
        name = ".".join([*self.names, node.name])
        note = ast.parse(f"note_call({name!r})").body[0]
        node.body.insert(1 if ast.get_docstring(node) else 0, note)
        return node

    def _inside(self, node: ast.ClassDef | ast.FunctionDef) -> ast.AST:
        self.names.append(node.name)
        self.generic_visit(node)
        self.names.pop()
        return node


class _Replacement(ast.NodeTransformer):
    """A transformer that puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def walk(node: ast.AST, function: str = "") -> Iterator[tuple[Any, str]]:
    """Yield the nodes that may be mutated, each with the qualified name of its function or class.

    Defaults of arguments belong to the function.
    """
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or field in FIELDS_NOT_MUTATED or _is_text(child):
                continue
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                yield from walk(child, f"{function}.{child.name}".lstrip("."))
            else:
                if hasattr(child, "lineno"):
                    yield child, function
                yield from walk(child, function)


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef):
        return isinstance(node.returns, ast.Name) and node.returns.id == "str"
    return isinstance(node, NODES_NOT_MUTATED)


def alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node, made of its parts, always in the same order."""
    match node:
        case ast.Compare(left, [operator], [right]) if type(operator) in COMPARISONS:
            yield from (ast.Compare(left, [new()], [right]) for new in COMPARISONS[type(operator)])
        case ast.BinOp(left, operator, right) if type(operator) in ARITHMETIC:
            if not (_is_word(left) or _is_word(right)):
                yield ast.BinOp(left, ARITHMETIC[type(operator)](), right)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
            if isinstance(value, float) and value:
                yield ast.Constant(2 * value)
        case ast.IfExp(test, body, orelse) if not _is_mutated_itself(test):
            yield ast.IfExp(_negated(test), body, orelse)
        case ast.If(test, body, orelse) if not _is_mutated_itself(test):
            yield ast.If(_negated(test), body, orelse)
        case (
            ast.Expr(ast.Call()) | ast.AugAssign() | ast.Assign([ast.Attribute() | ast.Subscript()])
        ):
            yield ast.Pass()
        case ast.Call():
            yield from _calls(node)


def _calls(call: ast.Call) -> Iterator[ast.AST]:
    """Yield a call of the opposite function, the first argument, and calls without one keyword."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr in FUNCTIONS:
        other = ast.Attribute(function.value, FUNCTIONS[function.attr], function.ctx)
        yield ast.Call(other, call.args, call.keywords)
    if isinstance(function, ast.Name) and function.id in ("min", "max", "any", "all"):
        yield ast.Call(ast.Name(FUNCTIONS[function.id], ast.Load()), call.args, call.keywords)
    if call.args and not isinstance(call.args[0], ast.Starred) and _module(function) in ARRAYS:
        yield call.args[0]
    for index, keyword in enumerate(call.keywords):
        if keyword.arg not in (None, "doc"):
            others = call.keywords[:index] + call.keywords[index + 1 :]
            yield ast.Call(function, call.args, others)


def _module(function: ast.expr) -> str:
    known = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    return function.value.id if known else ""  # type: ignore[attr-defined]


def _is_word(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def _is_mutated_itself(test: ast.expr) -> bool:
    """Return whether a condition has its own mutant that is its negation, or nearly."""
    return isinstance(test, ast.Compare | ast.UnaryOp)


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _code(node: ast.AST) -> str:
    first = ast.unparse(ast.fix_missing_locations(node)).split("\n")[0]
    return first if len(first) <= 70 else f"{first[:67]}..."
