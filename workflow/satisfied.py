"""Exit with 0 if this Python is supported and has every pinned package, with 1 if not.

Usage: ``python satisfied.py PIN_OR_FILE...``, each a ``name==version`` or a file of them. Needs
nothing but the standard library, since it runs before anything is installed.
"""

import re
import sys
from importlib import metadata
from pathlib import Path

MINOR = sys.version_info[1]


def pins(arguments, minor=MINOR):
    """List the (name, version) pairs that the arguments ask for in Python 3.`minor`."""
    lines = []
    for argument in arguments:
        lines += [argument] if "==" in argument else Path(argument).read_text().splitlines()
    wanted = (line.split("#")[0].partition(";") for line in lines)
    return [tuple(pin.strip().split("==")) for pin, _, marker in wanted
            if pin.strip() and applies(marker, minor)]  # fmt: skip


def applies(marker, minor):
    """Whether a marker, such as ``python_version >= "3.13"``, is true of Python 3.`minor`."""
    if not marker.strip():
        return True
    operator, number = re.fullmatch(r'\s*python_version (==|>=) "3\.(\d+)"\s*', marker).groups()
    return minor == int(number) if operator == "==" else minor >= int(number)


def missing(wanted):
    """List the pins that this environment does not satisfy; 2.13.0+cpu counts as 2.13.0."""
    unmet = []
    for name, version in wanted:
        try:
            installed = metadata.version(name).split("+")[0]
        except metadata.PackageNotFoundError:
            installed = None
        if installed != version:
            unmet.append(f"{name}=={version} (installed: {installed})")
    return unmet


if __name__ == "__main__":
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    sys.exit(not supported or bool(missing(pins(sys.argv[1:]))))
