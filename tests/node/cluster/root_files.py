"""A root file system with this machine's own Python, and nothing else that it does not need.

Each file keeps its path, so that nothing has to be relocated, and what the dynamic linker of this machine finds is
found in the container too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Parts of the standard library that a server without a terminal and a display does not import.
LEFT_OUT = (
    "__pycache__",
    "config-*",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtle*",
    "_tkinter*",
    "_test*",
    "_ctypes_test*",
    "xxlimited*",
    "pydoc_data",
)
# Symbolic links of a distribution whose directories below / are links themselves.
LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x[0-9a-f]+\)")


def add_python(root: Path) -> None:
    """Put the interpreter, its standard library, what both are linked with, and a shell below a directory."""
    executable = Path(sys.executable).resolve()
    libraries = {Path(sysconfig.get_path(name, vars=_BASE)) for name in ("stdlib", "platstdlib")}
    for library in libraries:
        shutil.copytree(
            library, below(root, library), ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True
        )
    for program in (executable, Path("/bin/sh")):
        _copy(program, root)
    _link(root / "usr/local/bin/python3", executable)
    (root / "tmp").mkdir()
    passwd = root / "etc/passwd"
    passwd.parent.mkdir()
    passwd.write_text("root:x:0:0:root:/root:/bin/sh\n")
    if (cache := Path("/etc/ld.so.cache")).exists():
        _copy(cache, root)


_BASE = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix, "installed_base": sys.base_prefix}


def add_shared_libraries(root: Path) -> None:
    """Put there what the programs and extension modules below a directory are linked with."""
    for library in sorted(_linked(path for path in root.rglob("*") if path.is_file() and _is_elf(path))):
        _copy(library, root)


def compile_modules(root: Path) -> None:
    """Compile every module, without a time stamp in what is written: it is valid wherever the source lies."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", str(root), "-p", "/", str(root)], check=True)


def below(root: Path, path: Path) -> Path:
    """The place of an absolute path below a directory."""
    return root / path.relative_to("/")


def _linked(files: Iterable[Path]) -> set[Path]:
    """Shared libraries that the dynamic linker finds for these files; those not found are optional modules'."""
    told = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    return {Path(match[1]) for match in LIBRARY.finditer(told.stdout)}


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _copy(path: Path, root: Path) -> None:
    """Copy a file to its own path, whatever of that is a symbolic link here."""
    target = below(root, path)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
