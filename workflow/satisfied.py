"""Exit with 0 if this Python is 3.11 and has every pinned package, with 1 if not.

Usage: ``python satisfied.py PIN_OR_FILE...``, each a ``name==version`` or a file of them. Needs
nothing but the standard library, since it runs before anything is installed.
"""

import sys
from importlib import metadata
from pathlib import Path


def pins(arguments):
    """List the (name, version) pairs that the arguments ask for."""
    lines = []
    for argument in arguments:
        lines += [argument] if "==" in argument else Path(argument).read_text().splitlines()
    wanted = (line.split("#")[0].strip() for line in lines)
    return [tuple(line.split("==")) for line in wanted if line]


def missing(wanted):
    """List the pins that this environment does not satisfy; 2.13.0+cpu counts as 2.13.0."""
    unmet = []
    for name, version in wanted:
        try:
            found = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            found = None
        if found != version:
            unmet.append(f"{name}=={version} (found {found})")
    return unmet


if __name__ == "__main__":
    sys.exit(sys.version_info[:2] != (3, 11) or bool(missing(pins(sys.argv[1:]))))
