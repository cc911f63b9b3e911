"""What a function can import: modules of ours, and what these import of others. Read from the source alone.

What stands on a module's top level is imported with it. What a function or method imports counts once anything that is
reached names that function, as an identifier, a text or a word of a page's template: those of one name are not told
apart, so that too much is staged rather than too little. `dropforge.bootstrap` imports for everybody, so its functions
count only if a module that imports it names them, or a worker's keyword parameters do, which name its ports.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from staging.errors import StagingError

_PACKAGE = "dropforge"
_SOURCE = "shared"
_COMPOSITION = "dropforge.bootstrap"
_WORKERS = "dropforge.workers."
_CODE = frozenset({".py", ".pyc", ".typed"})
_WORD = re.compile(r"[^\W\d]\w*")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Import:
    """`import MODULE`, or `from MODULE import NAME`; the name is empty in the former."""

    module: str
    name: str = ""

    @property
    def dotted(self) -> str:
        """Module and name in one: a module or something in one."""
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass(slots=True)
class Reached:
    """What there is to stage.

    Attributes:
        root: The checkout.
        modules: Our modules by name, each with its file.
        foreign: What is imported of others by dotted name, each with a file that does so.
    """

    root: Path
    modules: dict[str, Path] = field(default_factory=dict)
    foreign: dict[str, Path] = field(default_factory=dict)

    def data(self) -> Iterator[Path]:
        """Files that are no code, of every package that is reached: rules, templates."""
        for file in self.modules.values():
            if file.name == "__init__.py":
                yield from _data_below(file.parent)


def reached(root: Path, main: Path, entry: str) -> Reached:
    """Everything that an entry point can import.

    Args:
        root: The checkout.
        main: The function's `main.py`.
        entry: The entry point's name.

    Raises:
        StagingError: A module of ours is imported that is not there, or one is no Python.
    """
    walk = _Walk(Reached(root))
    walk.read(main)
    walk.name("", entry)
    for node in ast.walk(_parsed(root, main)):
        for port in _ports_named(root, node):
            walk.name(_COMPOSITION, port)
    walk.go()
    return walk.found


class _Walk:
    """Takes in what is reached, and what that names: a function sleeps until it is named.

    A function goes by its name, one of the composition by the composition's and its own. What is decorated may be
    called by its decorator, and special methods by Python: they are awake from the start.
    """

    def __init__(self, found: Reached) -> None:
        self.found = found
        self._composition = _file_of(found.root, _COMPOSITION)
        self._composes: set[Path] = set()
        self._named: set[tuple[str, str]] = set()
        self._asleep: dict[tuple[str, str], list[tuple[_Function, Path]]] = defaultdict(list)
        self._awake: list[tuple[ast.AST, Path]] = []

    def go(self) -> None:
        """Take in whatever is reached, until nothing is left."""
        while self._awake:
            self._take(*self._awake.pop())

    def read(self, file: Path) -> None:
        """Reach a module: its top level now, its functions once they are named."""
        tree = _parsed(self.found.root, file)
        imported = {each.dotted for node in ast.walk(tree) for each in _imports(node, file)}
        if file == self._composition or any(f"{name}.".startswith(f"{_COMPOSITION}.") for name in imported):
            self._composes.add(file)
        self._awake.append((tree, file))

    def name(self, where: str, word: str) -> None:
        """Wake what goes by this name."""
        if (where, word) not in self._named:
            self._named.add((where, word))
            self._awake += self._asleep.pop((where, word), ())

    def _take(self, taken: ast.AST, file: Path) -> None:
        waiting: list[ast.AST] = [taken]
        while waiting:
            node = waiting.pop()
            if isinstance(node, _Function) and not isinstance(taken, _Function):
                waiting += [*node.decorator_list, node.args]
                self._meet(node, file)
                continue
            for each in _imports(node, file):
                self._follow(each, file)
            for word in _words(node):
                self.name("", word)
                if file in self._composes and (file != self._composition or _is_own(node)):
                    self.name(_COMPOSITION, word)
            if isinstance(node, ast.If) and _is_type_checking(node.test):
                waiting += node.orelse
            else:
                waiting += ast.iter_child_nodes(node)

    def _meet(self, function: _Function, file: Path) -> None:
        composes = file == self._composition
        key = (_COMPOSITION if composes else "", function.name)
        if key in self._named or function.name.startswith("__") or (function.decorator_list and not composes):
            self._awake.append((function, file))
        else:
            self._asleep[key].append((function, file))

    def _follow(self, each: Import, file: Path) -> None:
        first = each.module.partition(".")[0]
        if first == _PACKAGE:
            if _file_of(self.found.root, each.module) is None:
                raise StagingError(f"{_told(self.found.root, file)} imports {each.module}, and there is no such module")
            self._add(each.module)
            if _file_of(self.found.root, each.dotted):
                self._add(each.dotted)
        elif first not in sys.stdlib_module_names:
            self.found.foreign.setdefault(each.dotted, file)

    def _add(self, module: str) -> None:
        file = _file_of(self.found.root, module)
        if file is None or module in self.found.modules:
            return
        if package := module.rpartition(".")[0]:
            self._add(package)
        self.found.modules[module] = file
        self.read(file)
        for page in _data_below(file.parent) if file.name == "__init__.py" else ():
            if page.suffix == ".html":
                for word in _WORD.findall(page.read_text("utf-8")):
                    self.name("", word)


def _imports(node: ast.AST, file: Path) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level or not node.module:
            raise StagingError(
                f"{file.name}:{node.lineno} imports relatively: name the whole module, from dropforge on"
            )
        yield from (Import(node.module, alias.name) for alias in node.names)


def _words(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.name for alias in node.names if alias.asname)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        yield node.value


def _data_below(folder: Path) -> Iterator[Path]:
    """A package's files that are no code; what lies in another package is its own."""
    for found in sorted(folder.iterdir()):
        if found.is_file() and found.suffix not in _CODE:
            yield found
        elif found.is_dir() and found.name != "__pycache__" and not (found / "__init__.py").exists():
            yield from _data_below(found)


def _is_own(node: ast.AST) -> bool:
    """Whether a name is one of the module's own, or of the object's."""
    return not isinstance(node, ast.Attribute) or (isinstance(node.value, ast.Name) and node.value.id == "self")


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _ports_named(root: Path, node: ast.AST) -> Iterator[str]:
    """The keyword parameters of the workers that an entry point imports."""
    if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(_WORKERS):
        workers = {alias.name for alias in node.names}
        file = _file_of(root, node.module)
        for function in _parsed(root, file).body if file else ():
            if isinstance(function, _Function) and function.name in workers:
                yield from (parameter.arg for parameter in function.args.kwonlyargs)


def _file_of(root: Path, module: str) -> Path | None:
    place = root / _SOURCE / Path(*module.split("."))
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)


def _parsed(root: Path, file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), file.name)
    except (OSError, SyntaxError, ValueError) as error:
        raise StagingError(f"{_told(root, file)} cannot be read: {error}") from error


def _told(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
