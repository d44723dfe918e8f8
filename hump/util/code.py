"""Which code a result depends on, derived from imports and hashed by content.

What a function, class or constant of the package depends on is followed name by name: to what it
uses of its own module, to the names that it imports, to the data files that it mentions, and to the
installed libraries. ``from hump import plots`` with ``plots.counts``, ``import hump`` with
``hump.features.mfcc.extract``, and names that a package's ``__init__`` imports or gives to
``lazy_loader.attach`` lead to the module that defines them. A module counts as a whole where it is
used as a whole; statements that define nothing count with whatever is used of their module.
Comments, docstrings, annotations of functions, layout and dates of files do not count.

Not seen are a module whose name is computed, unless by an f-string that begins with its package,
and a data file that is neither beside the module that mentions it nor in a folder below.
"""

import ast
import functools
import hashlib
import importlib.metadata
import inspect
import sys
from pathlib import Path
from typing import NamedTuple

from hump.util.files import sha256

PACKAGE = Path(__file__).resolve().parents[1]
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# Endings of files that are no data.
_CODE = (".py", ".pyc")
# The arguments of lazy_loader.attach.
_ATTACH = ("package_name", "submodules", "submod_attrs")
# What stands for all of a module, and for its statements that define nothing.
_ALL, _REST = "*", ""


def version(*names: str, source: str = "", functions=(), package: Path = PACKAGE) -> str:
    """Hash of the code, data files and libraries that something depends on.

    Parameters
    ----------
    *names : str
        Dotted names of modules, or of what they define, such as ``hump.features.mfcc.extract``.
    source : str
        Python code, such as that of a notebook's cells, whose imports count as well.
    functions : sequence of callable
        Functions at the top level of a module, of the package or not.
    package : Path
        Folder of the package; another one only in tests.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    nodes, libraries, files = _follow(names, source, functions, package)
    data = tuple(str(path) for path in sorted(package.rglob("*.*")) if path.suffix not in _CODE)
    digest = hashlib.sha256()
    for module, name in sorted(nodes):
        near = _near(data, files[module].path.parent, package)
        for part in _parts(files[module], name):
            digest.update(f"{module} {name} {part.digest}\n".encode())
            for path in _named(near, part.texts):
                digest.update(f"{Path(path).relative_to(package)} {sha256(path)}\n".encode())
    for library in sorted(libraries):
        digest.update(f"{library} {_release(library)}\n".encode())
    return digest.hexdigest()


def closure(*names: str, source: str = "", functions=(), package: Path = PACKAGE):
    """Modules and libraries that something depends on.

    Parameters
    ----------
    *names, source, functions, package
        As `version`.

    Returns
    -------
    set of str
        Dotted names of modules of the package.
    set of str
        Top-level names of imported libraries outside the standard library.
    """
    nodes, libraries, _ = _follow(names, source, functions, package)
    return {module for module, _ in nodes}, libraries


def _follow(names, source, functions, package):
    """Pairs (module, name) that something depends on, libraries, and the files of modules."""
    files = {}
    for file in package.rglob("*.py"):
        parts = file.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if file.name == "__init__.py" else parts)
        files[name] = _Module(file, file.read_text("utf-8"))
    todo = [*names]
    for name in names:
        module, _, rest = name.rpartition(".")
        defined = files[module].code().definitions if module in files else ()
        if name not in files and rest not in defined:
            raise FileNotFoundError(f"{name}: the package has no such module, or name in a module")
    for function in functions:
        if function.__module__ not in files:
            path = Path(inspect.getsourcefile(function))
            files[function.__module__] = _Module(path, path.read_text("utf-8"))
        todo.append(f"{function.__module__}.{function.__name__}")
    for part in _parse(source, False).everything():
        todo += part.imported
    nodes, libraries = set(), set()
    while todo:
        dotted = todo.pop()
        known = _longest(dotted, files)
        if not known:
            libraries.add(dotted.split(".")[0])
            continue
        for module, name in _places(known, dotted[len(known) + 1 :].split("."), files):
            for node in ((module, name), (module, _REST)):
                if node not in nodes:
                    nodes.add(node)
                    for part in _parts(files[module], node[1]):
                        todo += part.imported
                        todo += [f"{module}.{used}" for used in part.used]
    return nodes, libraries - sys.stdlib_module_names, files


def _longest(dotted, files):
    """The longest beginning of a dotted name that is a module, or nothing."""
    parts = dotted.split(".")
    beginnings = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in beginnings if name in files), "")


def _places(module, rest, files):
    """Where ``module.rest`` is defined: pairs (module, name)."""
    name, code = rest[0], files[module].code()
    if name == _ALL:  # from package import *
        below = [other for other in files if other.rpartition(".")[0] == module]
        return [(other, _ALL) for other in (module, *below)]
    target = module + code.lazy[name] if name in code.lazy else code.bound.get(name, "")
    if name and name not in code.definitions and (known := _longest(target, files)):
        return _places(known, [*target[len(known) + 1 :].split("."), *rest[1:]], files)
    return [(module, name if name in code.definitions else _ALL)]


class _Part(NamedTuple):
    """What is read off a statement."""

    digest: str  # of the code alone
    imported: frozenset  # dotted names, as far as the code says them
    used: frozenset  # names that the module defines itself
    texts: frozenset


class _Code(NamedTuple):
    """What is read off a module's source."""

    definitions: dict  # name -> the statements that define it
    rest: list
    bound: dict  # name that an import binds -> the dotted name that it stands for
    lazy: dict  # the same of lazy_loader.attach -> the dotted name below the package's own

    def everything(self):
        """All statements."""
        return [*self.rest, *(part for parts in self.definitions.values() for part in parts)]


class _Module(NamedTuple):
    """A module's file and its text, read once a call: contents decide, not dates."""

    path: Path
    text: str

    def code(self):
        """What the text says."""
        return _parse(self.text, self.path.name == "__init__.py")


def _parts(module, name):
    code = module.code()
    if name == _ALL and module.path.name == "__init__.py":  # all that the package passes on, too
        passed_on = frozenset([*code.bound.values()])
        own = frozenset(name.removeprefix(".") for name in code.lazy.values())
        return [*code.everything(), _Part("", passed_on, own, frozenset())]
    return code.everything() if name == _ALL else code.definitions.get(name, code.rest)


@functools.cache
def _parse(source, is_package):
    scans = [_Scan(s) for s in ast.parse(source).body if not _is_text(s)]
    code = _Code({}, [], {}, {})
    for scan in scans:
        code.lazy.update(scan.lazy)
        code.bound.update({} if scan.names else scan.imports)
    defined = {name for scan in scans for name in scan.names}
    needed = {name for scan in scans for name in (*scan.uses, *scan.annotated)}
    for scan in scans:
        part = scan.part(code.bound, defined, None if is_package else needed)
        for name in scan.names:
            code.definitions.setdefault(name, []).append(part)
        code.rest.extend([] if scan.names else [part])
    return code


class _Scan:
    """Names, imports, texts and calls of a top-level statement."""

    def __init__(self, statement):
        self.statement, self.names = statement, _names(statement)
        self.imports, self.uses, self.annotated = [], {}, set()
        self.asked, self.lazy, self.texts = set(), {}, set()
        todo = [statement]
        while todo:
            todo += self._visit(todo.pop())

    def _visit(self, node):
        """Note what a node says; the nodes that are left to visit."""
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        for annotation in _take_annotations(node):
            self.annotated.update(n.id for n in ast.walk(annotation) if isinstance(n, ast.Name))
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imports += _imports(node, self.uses)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.texts.add(node.value)
        chain = ""
        while isinstance(node, ast.Attribute):
            chain, node = f".{node.attr}{chain}", node.value
        if isinstance(node, ast.Name):
            self.uses.setdefault(node.id, set()).add(chain)
            return []
        return [node] if chain else ast.iter_child_nodes(node)

    def _call(self, call):
        """Note what `importlib` and `lazy_loader` are asked for by literal names."""
        function = getattr(call.func, "attr", getattr(call.func, "id", None))
        if function in ("find_spec", "import_module", "__import__") and call.args:
            name = call.args[0]
            if isinstance(name, ast.Constant):
                self.asked.add(name.value)
            elif isinstance(name, ast.JoinedStr) and isinstance(name.values[0], ast.Constant):
                self.asked.add(name.values[0].value.rpartition(".")[0] + ".*")
        elif function == "attach":
            given = dict(zip(_ATTACH, call.args)) | {word.arg: word.value for word in call.keywords}
            given = {name: ast.literal_eval(given[name]) for name in _ATTACH[1:] if name in given}
            for module, names in (given.get("submod_attrs") or {}).items():
                self.lazy |= {name: f".{module}.{name}" for name in names}
            self.lazy |= {name: f".{name}" for name in given.get("submodules") or ()}

    def part(self, bound, defined, needed):
        """The statement as a part of its module.

        An import that nothing uses counts as a whole: it may be for its effect. The imports of a
        package's ``__init__`` are for others.
        """
        imported, used, own = set(self.asked), set(), {}
        for local, dotted in self.imports:
            if self.names:
                own.setdefault(local, []).append(dotted)
                if local not in self.uses and local not in self.annotated:
                    imported.add(dotted)
            elif needed is not None and local not in needed:
                imported.add(dotted)
        for local, chains in self.uses.items():
            origins = own.get(local) or [bound[local]] if local in own or local in bound else []
            imported.update(origin + chain for origin in origins for chain in chains)
            if not origins and local in defined:
                used.add(local)
        is_import = isinstance(self.statement, (ast.Import, ast.ImportFrom))
        text = "" if is_import else ast.dump(self.statement)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return _Part(digest, frozenset(imported), frozenset(used), frozenset(self.texts))


def _is_text(statement):
    """Whether a statement is a docstring or another text without effect."""
    value = getattr(statement, "value", None) if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant)


def _names(statement):
    """Names that a top-level statement defines."""
    if isinstance(statement, _DOCUMENTED):
        return [statement.name]
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        nodes = [node for target in targets for node in ast.walk(target)]
        if all(isinstance(node, (ast.Name, ast.Tuple, ast.Store)) for node in nodes):
            return [node.id for node in nodes if isinstance(node, ast.Name)]
    return []


def _take_annotations(node):
    """Remove and return the annotations of a function, which do not change what it computes."""
    if isinstance(node, ast.arg):
        taken, node.annotation = node.annotation, None
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        taken, node.returns = node.returns, None
    else:
        return []
    return [taken] if taken else []


def _imports(node, uses):
    """Local names that a statement binds, each with the dotted name that it stands for."""
    if isinstance(node, ast.ImportFrom):
        if node.level:
            raise ValueError(
                f"from {'.' * node.level}{node.module or ''} import: relative imports are not "
                "followed; write the whole name"
            )
        return [(alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names]
    bound = []
    for alias in node.names:
        top, dot, below = alias.name.partition(".")
        bound.append((alias.asname, alias.name) if alias.asname else (top, top))
        if dot and not alias.asname:  # `import a.b` binds a, and uses a.b
            uses.setdefault(top, set()).add(dot + below)
    return bound


@functools.lru_cache(maxsize=256)
def _near(data, folder, package):
    """Of data files those in a folder, or below it: path, folders below, name."""
    near = []
    for path in data:
        if path.startswith(f"{folder}/"):
            *below, name = path[len(str(folder)) + 1 :].split("/")
            if folder != package or not below:  # the package's own folder has all the others below
                near.append((path, below, name))
    return near


def _named(near, texts):
    """Data files that texts name, or say the folder or the ending of."""
    if near:
        endings = [text.rpartition("/")[2] for text in texts]
        endings = tuple(ending for ending in endings if "." in ending)
        for path, below, name in near:
            if name.endswith(endings) or not texts.isdisjoint(below):
                yield path


@functools.cache
def _release(library):
    """Version of the installed distribution that a library's top-level name belongs to."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        for distribution in importlib.metadata.distributions():
            if f"{library}/__init__.py," in (distribution.read_text("RECORD") or ""):
                return distribution.version
    return "not installed"
