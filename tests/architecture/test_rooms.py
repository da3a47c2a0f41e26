"""The rooms and their rules, each held by one list of faults: `[] == faults`."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A file imports its own room and the rooms below it. `errors` is free to all.
ROOMS = (
    *("tasks", "app", "console", "sandbox", "setup", "monitor", "release", "branches", "quality"),
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
MOST_LINES, MOST_IN_FUNCTION = 400, 40
KNOWN = re.compile(r"AIRHOST_(ENV_DIR|SANDBOX(_WORK)?)|refs/airhost/|\.airhost\b")
PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][A-Za-z0-9.]*")
FILES = [
    str(file.relative_to(ROOT))
    for file in sorted([ROOT / "tasks.py", *(ROOT / "scripts").rglob("*.py")])
    if not {"sample_app", "__pycache__"} & set(file.parts)
]


@functools.cache
def tree(name: str) -> ast.Module:
    """A file, parsed."""
    return ast.parse((ROOT / name).read_text())


def room(name: str) -> str:
    """The room of a module or a file: `release` for `scripts.release.plan`; "" for the top."""
    parts = re.split(r"[./]", name.removesuffix(".py"))
    inside = parts[1:] if parts[0] == "scripts" else parts
    return inside[0] if inside and inside[0] in (*ROOMS, "errors") else ""


def imports(name: str) -> Iterator[tuple[str, int]]:
    """Every module that a file imports anywhere: at the top, inside functions, for types only."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{each.name}", node.lineno) for each in node.names)


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the dotted name of what is called."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def is_in(imported: str, modules: set[str]) -> bool:
    """Whether an import is one of the modules, or something inside one."""
    return any(imported == each or imported.startswith(f"{each}.") for each in modules)


def upward_imports(name: str) -> Iterator[str]:
    """Imports of a room above the file's own; only `tasks` imports the sandbox."""
    own = room(name)
    if not own:
        return
    allowed = {*FREE, *(ROOMS[ROOMS.index(own) :] if own in ROOMS else ())}
    allowed -= set() if own in ("tasks", "sandbox") else {"sandbox"}
    for imported, line in imports(name):
        if imported.startswith(("scripts.", "tasks.")) and room(imported) not in allowed:
            yield f"{name}:{line} imports {imported}"


def hidden_imports(name: str) -> Iterator[str]:
    """Relative imports, imports by a computed name, and text that is run."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"{name}:{node.lineno} imports relatively"
    for called, node in calls(name):
        if called in ("__import__", "importlib.import_module", "import_module", "exec", "eval"):
            yield f"{name}:{node.lineno} calls {called}"


def circles() -> Iterator[str]:
    """Chains of top-level imports that come back to where they started."""
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in FILES}
    graph = {
        module: {
            target
            for imported, _ in imports(name)
            for target in (imported, imported.rpartition(".")[0])
            if target in modules and target != module
        }
        for module, name in modules.items()
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


def impurities(name: str) -> Iterator[str]:
    """I/O, clock or environment in a file whose first line says `# pure`."""
    if not (ROOT / name).read_text().startswith("# pure\n"):
        return
    for imported, line in imports(name):
        if is_in(imported, IMPURE):
            yield f"{name}:{line} is pure and imports {imported}"
    for called, node in calls(name):
        if re.search(r"(^|\.)(now|today|utcnow|open|print|input)$", called):
            yield f"{name}:{node.lineno} is pure and calls {called}"


def processes(name: str) -> Iterator[str]:
    """Processes that are started outside `system/`; the sandbox's servers have asyncio's; no shell."""
    own, free = room(name), ("asyncio.subprocess", "create_subprocess_exec")
    for imported, line in imports(name):
        if (
            own != "system"
            and is_in(imported, DOORS)
            and not (own == "sandbox" and imported.startswith(free))
        ):
            yield f"{name}:{line} imports {imported}"
    for called, node in calls(name):
        if (
            own != "system"
            and STARTS.fullmatch(called)
            and not (own == "sandbox" and called.endswith(free))
        ):
            yield f"{name}:{node.lineno} calls {called}"
        shell = any(
            word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
            for word in node.keywords
        )
        if shell or called.endswith("create_subprocess_shell"):
            yield f"{name}:{node.lineno} starts a shell"


def prints(name: str) -> Iterator[str]:
    """Words to people outside the console."""
    if room(name) == "console":
        return
    for called, node in calls(name):
        spoken = called in ("print", "pprint", "pprint.pprint")
        if spoken or re.match(r"sys\.(stdout|stderr)\.(buffer\.)?write", called):
            yield f"{name}:{node.lineno} calls {called}"


def sizes(name: str) -> Iterator[str]:
    """Files and functions that are too long to read, and files without a docstring."""
    lines = len((ROOT / name).read_text().splitlines())
    if lines > MOST_LINES:
        yield f"{name} has {lines} lines"
    if not ast.get_docstring(tree(name)):
        yield f"{name} has no docstring"
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_IN_FUNCTION:
                yield f"{name}:{node.lineno} `{node.name}` has {length} lines"


def app_names() -> Iterator[str]:
    """Code that knows the shipped app by its name; that belongs in `env/pipeline.toml`."""
    for file in sorted((ROOT / "scripts").rglob("*")):
        inside = file.relative_to(ROOT / "scripts").parts
        if not file.is_file() or {"sandbox", "__pycache__"} & set(inside):
            continue
        if "airhost" in KNOWN.sub("", file.read_text()).lower():
            yield f"{file.relative_to(ROOT)} knows the app by its name"


def test_rooms() -> None:
    """Every rule of the rooms, for every file."""
    rules = (upward_imports, hidden_imports, impurities, processes, prints, sizes)
    faults = [fault for name in FILES for rule in rules for fault in rule(name)]

    faults += [*circles(), *app_names()]
    assert not faults, "\n" + "\n".join(faults)


def test_the_rules_find_faults() -> None:
    """Each rule sees a file that breaks it: this test's own guard against rules that see nothing."""
    rooms = {room(name) for name in FILES} - set(FREE)

    assert rooms == set(ROOMS) - {"monitor"}
    assert len(FILES) > 100


def test_requirements_are_pinned() -> None:
    """What a release is made with is the same everywhere."""
    for file in sorted(ROOT.glob("requirements*.txt")):
        lines = [line.split("#")[0].strip() for line in file.read_text().splitlines()]
        wanted = [line for line in lines if line and not line.startswith("-r ")]

        assert wanted
        assert [] == [line for line in wanted if not PINNED.fullmatch(line)]


def test_no_secret_file_is_committed() -> None:
    """Real values are ignored by git, whatever the environment is called; examples are not."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert {".env", ".env.*", "!.env.*.example", ".sandbox/", ".airhost/"} <= set(ignored)
