"""The structure of the package: its parts, the levels of their imports, and lines of code.

    python benchmarks/structure.py [folder of the package]

A part is a module or folder directly in ``hump/``; `__init__` and `__main__` are none. Its level is
one above the highest part that it imports, at any place in its code. Lines of code are those with a
token that is neither a comment nor part of a docstring. `tests/test_structure.py` holds the limits.
"""

import ast
import io
import json
import sys
import tokenize
from pathlib import Path

_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
            tokenize.ENDMARKER)  # fmt: skip
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def measure(package: Path) -> dict:
    """Parts with what they import, levels, arrows, imports that do not go down, lines of code."""
    uses, lines = {}, {}
    for file in sorted(package.rglob("*.py")):
        inside = file.relative_to(package).parts
        part = inside[0].removesuffix(".py")
        lines[part] = lines.get(part, 0) + _lines(file)
        if part not in ("__init__", "__main__"):
            uses.setdefault(part, set()).update(_imported(file, package.name))
    uses = {part: sorted(used & set(uses) - {part}) for part, used in uses.items()}
    levels = {}
    while len(levels) < len(uses):
        free = [p for p, used in uses.items() if p not in levels and all(u in levels for u in used)]
        if not free:
            break  # what is left imports one another
        levels |= {p: 1 + max((levels[u] for u in uses[p]), default=0) for p in free}
    return {
        "parts": len(uses), "levels": max(levels.values(), default=0),
        "arrows": sum(map(len, uses.values())), "in circles": sorted(set(uses) - set(levels)),
        "lines of code": sum(lines.values()), "lines": lines, "imports": uses, "level": levels,
    }  # fmt: skip


def _imported(file, package):
    """First name below the package of each module that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == package:
            below = node.module.split(".")[1:]
            yield from below[:1] or (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            yield from (name[1] for name in names if name[0] == package and len(name) > 1)


def _lines(file):
    source = file.read_text(encoding="utf-8")
    documented = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node) is not None:
            documented.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - documented)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "hump")
    print(json.dumps(measure(folder), indent=1))
