"""What `.venv/bin/invoke` runs: Invoke's program, which answers for the desk also before it is read.

Invoke answers `--version`, `--help` and a mistake in its own options by itself, and looks at no `tasks.py`
for that. `scripts/bootstrap` has the `invoke` and `inv` of its `.venv` run this file. In a folder whose
`tasks.py` is another one it changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.main import program

TOP = '"""Here `invoke` runs the tasks of the release desk'  # the file that `init` writes begins so
FOUND = "from invoke.main import program\n"  # in the scripts that pip and uv write
HOOK = """import os, runpy
desk = os.path.abspath(__file__ + "/../../..")
program = runpy.run_path(desk + "/scripts/tasks/entry.py")["of_the_desk"](desk)
"""


def of_the_desk(folder: str) -> Any:
    """Invoke's program: the desk's, unless the nearest `tasks.py` belongs to something else.

    Args:
        folder: of the desk that `.venv` is in.
    """
    desk, here = Path(folder), Path.cwd()
    nearest = next((each for each in (here, *here.parents) if (each / "tasks.py").is_file()), None)
    if nearest is None or _is_ours(nearest, desk):
        sys.path.insert(0, folder)
        from scripts import VERSION

        program._name, program.version = "Release desk", VERSION  # noqa: SLF001 - there is no other way
        own = {"parse_core": _parsing(program.parse_core), "load_collection": _loading(desk)}
        vars(program).update(own, print_help=_print_help)
    return program


def _is_ours(folder: Path, desk: Path) -> bool:
    """Whether its `tasks.py` is the desk's, or the one that `init` writes at the top of an app."""
    if folder.resolve() == desk.resolve():
        return True
    begins = (folder / "tasks.py").read_text(encoding="utf-8", errors="replace").partition(",")[0]
    return folder.resolve() in desk.resolve().parents and begins == TOP


def _parsing(read: Any) -> Any:
    def parse_core(argv: list[str] | None) -> None:
        try:
            read(argv)
        except ValueError:  # of an option of Invoke's that takes a number
            _refuse("an option of Invoke's own takes a number, and got none")
        except ParseError as fault:
            _refuse(str(fault))
        given = program.args.config.value
        if given and not Path(given).is_file():
            _refuse(f"there is no file `{given}`: `-f` names a configuration of Invoke's")

    return parse_core


def _loading(desk: Path) -> Any:
    load = program.load_collection

    def load_collection() -> None:
        try:
            load()
        except Exit as fault:
            if program.args.collection.value or program.args["search-root"].value:
                _refuse(str(fault.message))
            _refuse(f"here is no `tasks.py`: the desk is in `{desk}`", f"`cd {desk}`")

    return load_collection


def _print_help() -> None:
    program.load_collection()
    program.list_root, program.list_format = None, "flat"
    program.list_tasks()


def _refuse(message: str, hint: str = "`invoke --list`") -> NoReturn:
    from scripts.tasks import interpreter

    interpreter.refuse(message, hint, code=2)
    raise SystemExit(2)


def install(folder: Path) -> None:
    """Have the `invoke` and `inv` of a `.venv/bin` run this file, where pip or uv has written them."""
    for script in (folder / "invoke", folder / "inv"):
        text = script.read_text() if script.is_file() else ""
        if FOUND in text:
            script.write_text(text.replace(FOUND, HOOK))


if __name__ == "__main__":
    install(Path(sys.argv[1]))
