"""The rooms and their rules. Each rule yields faults; `test_rooms` holds that there are none in the desk.

A rule reads a `Source`, a file of the desk or a text that a test makes up, so every rule is also shown
to find a planted fault.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A file imports its own room and the rooms below it. `errors` is free to all.
ROOMS = (
    *(
        "tasks",
        "app",
        "console",
        "sandbox",
        "setup",
        "monitor",
        "release",
        "branches",
        "quality",
        "preview",
    ),
    *("database", "replit", "secrets", "github", "notify", "state", "config", "git", "http", "system"),
)
FREE = ("errors", "")
IMPURE = {
    *("os", "subprocess", "time", "socket", "pathlib", "requests", "asyncio", "threading", "random"),
    *("secrets", "tempfile", "shutil", "sys", "io", "http", "urllib.request", "psycopg", "git", "logging"),
    "signal",
}
DOORS = {"subprocess", "pty", "multiprocessing", "asyncio.subprocess"}
STARTS = re.compile(
    r"os\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*|fork\w*)|(asyncio\.)?create_subprocess_\w+|c\.run"
)
# a program for another machine, without the desk: what it may import is a rule of its own
LAUNCHER = "scripts/replit/launcher/"
TAKEN_ALONG = "scripts.secrets.formats"
BY_NAME = ("__import__", "importlib.import_module", "import_module", "exec", "eval")
MOST_LINES, MOST_IN_FUNCTION = 400, 40
APP_NAME_ALLOWED = re.compile(r"AIRHOST_(ENV_DIR|LANG|SANDBOX(_WORK)?)|refs/airhost/|\.airhost\b")
PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][A-Za-z0-9.]*")
HASHED = re.compile(PINNED.pattern + r"( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")


class Source(NamedTuple):
    """One Python file: its path below the desk's folder, and its text."""

    name: str
    text: str


@functools.cache
def desk() -> tuple[Source, ...]:
    """Every file of the desk, without the sample app."""
    files = [ROOT / "tasks.py", *(ROOT / "scripts").rglob("*.py")]
    return tuple(
        Source(str(file.relative_to(ROOT)), file.read_text())
        for file in sorted(files)
        if not {"sample_app", "__pycache__"} & set(file.parts)
    )


@functools.cache
def tree(source: Source) -> ast.Module:
    """The file, parsed."""
    return ast.parse(source.text)


@functools.cache
def nodes(source: Source) -> tuple[ast.AST, ...]:
    """Every node of the file; the rules look through them many times."""
    return tuple(ast.walk(tree(source)))


def room(name: str) -> str:
    """The room of a module or a file: `release` for `scripts.release.plan`; "" for the top."""
    parts = re.split(r"[./]", name.removesuffix(".py"))
    inside = parts[1:] if parts[0] == "scripts" else parts
    return inside[0] if inside and inside[0] in (*ROOMS, "errors") else ""


def imports(source: Source) -> Iterator[tuple[str, int]]:
    """Every module that a file imports anywhere, with the line: at the top, in functions, for types."""
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@functools.cache
def calls(source: Source) -> tuple[tuple[str, ast.Call], ...]:
    """Every call, with the dotted name of what is called."""
    return tuple((ast.unparse(node.func), node) for node in nodes(source) if isinstance(node, ast.Call))


def is_in(imported: str, modules: set[str]) -> bool:
    """Whether an import is one of the modules, or something inside one."""
    return any(imported == module or imported.startswith(f"{module}.") for module in modules)


def upward_imports(source: Source) -> Iterator[str]:
    """Imports of a room above the file's own; only `tasks` imports the sandbox."""
    own = room(source.name)
    if not own:
        return
    allowed = {*FREE, *(ROOMS[ROOMS.index(own) :] if own in ROOMS else ())}
    allowed -= set() if own in ("tasks", "sandbox") else {"sandbox"}
    for imported, line in imports(source):
        if imported.startswith(("scripts.", "tasks.")) and room(imported) not in allowed:
            yield f"{source.name}:{line} imports {imported}"


def hidden_imports(source: Source) -> Iterator[str]:
    """Relative imports, imports by a computed name, and text that is run."""
    for node in nodes(source):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"{source.name}:{node.lineno} imports relatively"
    for called, node in calls(source):
        if called in BY_NAME:
            yield f"{source.name}:{node.lineno} calls {called}"


def circles(sources: Iterable[Source]) -> Iterator[str]:
    """Chains of imports, wherever they stand in a file, that come back to where they started."""
    modules = {
        source.name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): source
        for source in sources
    }
    graph = {
        module: {
            target
            for imported, _ in imports(source)
            for target in (imported, imported.rpartition(".")[0])
            if target in modules and target != module
        }
        for module, source in modules.items()
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> Iterator[str]:
        if module in path:
            yield " -> ".join((*path[path.index(module) :], module))
        elif module not in done:
            for target in sorted(graph[module]):
                yield from visit(target, (*path, module))
            done.add(module)

    for module in sorted(graph):
        yield from visit(module, ())


def impurities(source: Source) -> Iterator[str]:
    """I/O, clock or environment in a file whose first line says `# pure`."""
    if not source.text.startswith("# pure\n"):
        return
    for imported, line in imports(source):
        if is_in(imported, IMPURE):
            yield f"{source.name}:{line} is pure and imports {imported}"
    for called, node in calls(source):
        if re.search(r"(^|\.)(now|today|utcnow|open|print|input)$", called):
            yield f"{source.name}:{node.lineno} is pure and calls {called}"


def launcher_imports(source: Source) -> Iterator[str]:
    """What the launcher imports of the desk besides itself: it is shipped without it."""
    if not source.name.startswith(LAUNCHER):
        return
    allowed = {LAUNCHER.replace("/", ".").rstrip("."), TAKEN_ALONG, *sys.stdlib_module_names}
    for imported, line in imports(source):
        if not is_in(imported, allowed):
            yield f"{source.name}:{line} imports {imported}"


def processes(source: Source) -> Iterator[str]:
    """Processes that are started outside `system/`, except the sandbox's by asyncio; and every shell."""
    own, asynchronous = room(source.name), ("asyncio.subprocess", "create_subprocess_exec")
    if own != "system" and not source.name.startswith(LAUNCHER):
        for imported, line in imports(source):
            if is_in(imported, DOORS) and not (own == "sandbox" and imported.startswith(asynchronous)):
                yield f"{source.name}:{line} imports {imported}"
        for called, node in calls(source):
            if STARTS.fullmatch(called) and not (own == "sandbox" and called.endswith(asynchronous)):
                yield f"{source.name}:{node.lineno} calls {called}"
    for called, node in calls(source):
        shell = any(
            word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
            for word in node.keywords
        )
        if shell or called.endswith("create_subprocess_shell"):
            yield f"{source.name}:{node.lineno} starts a shell"


def prints(source: Source) -> Iterator[str]:
    """Output to people outside the console, and beside the list of tasks, which must not wait for it."""
    if room(source.name) == "console" or source.name.startswith(
        ("scripts/tasks/command_line.py", "scripts/tasks/interpreter.py", LAUNCHER)
    ):
        return
    for called, node in calls(source):
        printing = called in ("print", "pprint", "pprint.pprint")
        if printing or re.match(r"sys\.(stdout|stderr)\.(buffer\.)?write", called):
            yield f"{source.name}:{node.lineno} calls {called}"


def sizes(source: Source) -> Iterator[str]:
    """Files and functions that are too long to read, and files without a docstring."""
    lines = len(source.text.splitlines())
    if lines > MOST_LINES:
        yield f"{source.name} has {lines} lines"
    if not ast.get_docstring(tree(source)):
        yield f"{source.name} has no docstring"
    for node in nodes(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_IN_FUNCTION:
                yield f"{source.name}:{node.lineno} `{node.name}` has {length} lines"


def app_names(root: Path) -> Iterator[str]:
    """Files outside the sandbox that name the shipped app; its name belongs in `env/pipeline.toml`."""
    for file in sorted((root / "scripts").rglob("*")):
        inside = file.relative_to(root / "scripts").parts
        if not file.is_file() or {"sandbox", "__pycache__"} & set(inside) or file.suffix == ".mo":
            continue
        if "airhost" in APP_NAME_ALLOWED.sub("", file.read_text()).lower():
            yield f"{file.relative_to(root)} names the app"


def unpinned(text: str) -> list[str]:
    """The requirements of a file without an exact version."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("-r ") and not PINNED.fullmatch(line)]


def unhashed(text: str) -> list[str]:
    """The requirements of a file that is installed from, without an exact version or a hash of it."""
    whole = re.sub(r"\\\n", " ", text)
    lines = [line.split("#")[0].strip() for line in whole.splitlines()]
    return [line for line in lines if line and not HASHED.fullmatch(line)]


RULES = (upward_imports, hidden_imports, launcher_imports, impurities, processes, prints, sizes)


def test_rooms() -> None:
    """Every rule of the rooms, for every file."""
    faults = [fault for source in desk() for rule in RULES for fault in rule(source)]
    faults += [*circles(desk()), *app_names(ROOT)]

    assert not faults, "\n" + "\n".join(faults)


def test_every_room_is_read() -> None:
    """The rules see the files of each room."""
    assert {room(source.name) for source in desk()} - set(FREE) == set(ROOMS)


IN_RELEASE, IN_SYSTEM, IN_SANDBOX = "scripts/release/x.py", "scripts/system/x.py", "scripts/sandbox/x.py"


@pytest.mark.parametrize(
    ("rule", "name", "text", "faults"),
    [
        (upward_imports, "scripts/state/x.py", "import scripts.release.plan", 1),
        (upward_imports, "scripts/state/x.py", "def f():\n    from scripts import app", 1),
        (upward_imports, IN_RELEASE, "from scripts.sandbox.world import World", 1),
        (upward_imports, "scripts/errors.py", "from scripts.system import text", 1),
        (upward_imports, "scripts/release/deep/x.py", "from scripts.tasks.options import command", 1),
        (
            upward_imports,
            IN_RELEASE,
            "from scripts.state.lock import Lock\nfrom scripts.errors import X",
            0,
        ),
        (upward_imports, "scripts/tasks/x.py", "from scripts.sandbox.demo import demo", 0),
        (hidden_imports, IN_RELEASE, "from . import plan", 1),
        (hidden_imports, IN_RELEASE, "import importlib\nimportlib.import_module(name)", 1),
        (hidden_imports, IN_RELEASE, "eval('1')\nexec('1')\n__import__('os')", 3),
        (hidden_imports, IN_RELEASE, "re.compile('x')", 0),
        (launcher_imports, f"{LAUNCHER}x.py", "import requests\nfrom scripts.errors import Refused", 2),
        (launcher_imports, f"{LAUNCHER}x.py", f"import os\nfrom {TAKEN_ALONG} import find_keys", 0),
        (impurities, IN_RELEASE, "# pure\nimport os", 1),
        (impurities, IN_RELEASE, "# pure\nfrom os.path import join", 1),
        (impurities, IN_RELEASE, "# pure\ndatetime.now()\nopen('f')", 2),
        (impurities, IN_RELEASE, "import os", 0),
        (impurities, IN_RELEASE, "# pure\nimport ossify, re", 0),
        (processes, IN_RELEASE, "import subprocess", 1),
        (processes, IN_RELEASE, "import os\nos.system('ls')\nos.execv('ls', [])", 2),
        (processes, IN_RELEASE, "asyncio.create_subprocess_exec('ls')", 1),
        (processes, IN_RELEASE, "c.run('ls')", 1),
        (processes, IN_SANDBOX, "asyncio.create_subprocess_exec('ls')", 0),
        (processes, IN_SANDBOX, "import subprocess", 1),
        (processes, IN_SYSTEM, "import subprocess\nsubprocess.run(['ls'], shell=False)", 0),
        (processes, IN_SYSTEM, "subprocess.run('ls', shell=True)\nrun('ls', shell=on)", 2),
        (processes, IN_SYSTEM, "asyncio.create_subprocess_shell('ls')", 1),
        (prints, IN_RELEASE, "print('x')\nsys.stderr.write('x')\nsys.stdout.buffer.write(b'')", 3),
        (prints, "scripts/console.py", "print('x')", 0),
        (sizes, IN_RELEASE, "x = 1", 1),
        (sizes, IN_RELEASE, '"""Doc."""\n' + "x = 1\n" * 400, 1),
        (sizes, IN_RELEASE, '"""Doc."""\nasync def f():\n' + "    x = 1\n" * 40, 1),
        (sizes, IN_RELEASE, '"""Doc."""\n' + "x = 1\n" * 399, 0),
    ],
)
def test_a_rule_finds_a_planted_fault(
    rule: Callable[[Source], Iterator[str]], name: str, text: str, faults: int
) -> None:
    """Each rule sees a file that breaks it, and passes one that does not."""
    found = list(rule(Source(name, text)))

    assert len(found) == faults
    assert all(fault.startswith(name) for fault in found)


def test_a_planted_circle_is_found() -> None:
    """Also one that goes through a function's import; a chain that does not come back is none."""
    chain = [
        Source("scripts/a/one.py", "from scripts.a.two import x"),
        Source("scripts/a/two.py", "def f():\n    from scripts.a import three"),
        Source("scripts/a/three.py", "import re"),
    ]
    closing = Source("scripts/a/three.py", "import scripts.a.one")

    assert list(circles(chain)) == []
    assert list(circles([*chain[:2], closing])) == [
        "scripts.a.one -> scripts.a.two -> scripts.a.three -> scripts.a.one"
    ]


def test_a_planted_name_of_the_app_is_found(tmp_path: Path) -> None:
    """In any file but the sandbox's; the desk's own variables and refs bear it."""
    for name, text in (
        ("release/x.py", 'x = "Airhost"'),
        ("replit/x.sh", "echo airhost"),
        ("sandbox/x.py", 'x = "airhost"'),
        ("state/x.py", 'x = "AIRHOST_ENV_DIR refs/airhost/seen/ .airhost"'),
    ):
        file = tmp_path / "scripts" / name
        file.parent.mkdir(parents=True)
        file.write_text(text)

    assert list(app_names(tmp_path)) == [
        "scripts/release/x.py names the app",
        "scripts/replit/x.sh names the app",
    ]


def test_requirements_are_pinned() -> None:
    """A release is made with the same versions everywhere."""
    sources = {file.stem: unpinned(file.read_text()) for file in ROOT.glob("requirements*.in")}
    files = {file.stem: unhashed(file.read_text()) for file in ROOT.glob("requirements*.txt")}

    assert {"requirements", "requirements-dev"} <= set(files)
    assert set(sources) == set(files)
    assert {name: lines for every in (sources, files) for name, lines in every.items() if lines} == {}


@pytest.mark.parametrize("name", sorted(file.stem for file in ROOT.glob("requirements*.in")))
def test_what_is_installed_is_what_people_wrote(name: str) -> None:
    """A version that was changed in the one file alone is never installed."""
    lines = [line.split("#")[0].strip() for line in (ROOT / f"{name}.in").read_text().splitlines()]
    wanted = {re.sub(r"\[.*\]", "", line).lower() for line in lines if line and not line.startswith("-r ")}
    text = (ROOT / f"{name}.txt").read_text()
    installed = {re.sub(r"\[.*\]", "", line.split(" ")[0]).lower() for line in text.splitlines()}

    assert wanted <= installed


def test_a_planted_loose_requirement_is_found() -> None:
    """A range, a bare name and an address are no exact versions."""
    text = "-r requirements.in\nrequests==2.34.2  # why\npsycopg[binary]==3.2.1\nrich>=13\nmcp\nx @ https://a/b\n"
    digest = f"--hash=sha256:{'0' * 64}"
    hashed = f"a==1 ; python_version > '3' \\\n    {digest}\n    # via b\nb==1\nc>=1 {digest}\n"

    assert unpinned(text) == ["rich>=13", "mcp", "x @ https://a/b"]
    assert unhashed(hashed) == ["b==1", f"c>=1 {digest}"]


def test_no_secret_file_is_committed() -> None:
    """Real values are ignored by git, whatever the environment is called; examples are not."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert {".env", ".env.*", "!.env.*.example", ".sandbox/", ".airhost/"} <= set(ignored)
