"""What `.venv/bin/invoke` runs: Invoke's program, which answers for the desk also before it is read.

Invoke answers `--version`, `--help` and a mistake in its own options by itself, and looks at no `tasks.py`
for that. `scripts/bootstrap` has the `invoke` and `inv` of its `.venv` run this file. In a folder whose
`tasks.py` is another one it changes nothing.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn


def _mocks() -> ModuleType:
    import unittest.mock

    return unittest.mock


def _yaml() -> ModuleType:
    import invoke.vendor.yaml

    return invoke.vendor.yaml


UNUSED = {"unittest.mock": _mocks, "invoke.vendor.yaml": _yaml}  # a third of Invoke's start


class Late(ModuleType):
    """A module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        """What the module has; the import system's own question, whether it is a package, loads nothing."""
        if name == "__path__":
            raise AttributeError(name)
        if name == "Mock":  # Invoke takes this name at once, and makes one for tests of tasks alone
            return lambda *values, **named: self._module().Mock(*values, **named)
        return getattr(self._module(), name)

    def _module(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return UNUSED[self.__name__]()


if __name__ == "<run_path>":  # by `HOOK`: it is the whole program
    gc.disable()  # little of what is imported is garbage
sys.modules.update({name: Late(name) for name in UNUSED if name not in sys.modules})
from invoke.exceptions import Exit, ParseError  # noqa: E402
from invoke.main import program  # noqa: E402

for name in UNUSED:
    if isinstance(sys.modules.get(name), Late):
        del sys.modules[name]  # whoever else imports it gets the module itself

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
    else:
        gc.enable()
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
