"""The rooms and their rules: imports run one way, one door to the system, one mouth, small files."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ORDER = ["tasks", "app", "console", "workflows", "sandbox", "domain", "adapters", "shell"]
FREE = "errors"
PURE_NEVER = {
    "os",
    "subprocess",
    "time",
    "socket",
    "pathlib",
    "requests",
    "asyncio",
    "threading",
    "random",
    "secrets",
    "tempfile",
    "shutil",
    "sys",
    "io",
    "http",
    "urllib.request",
    "psycopg",
    "git",
    "logging",
    "signal",
}
FILES = sorted(
    [
        ROOT / "tasks.py",
        *(
            f
            for f in (ROOT / "scripts").rglob("*.py")
            if "sample_app" not in f.parts and "__pycache__" not in f.parts
        ),
    ]
)
NAMES = [str(file.relative_to(ROOT)) for file in FILES]
LOADERS = {"__import__", "importlib.import_module", "import_module"}
MOST_LINES, MOST_IN_FUNCTION, COUNTER = 250, 40, 150


def room(name: str) -> str:
    """The room of a module: `scripts.domain.release.plan` and its file are both in `domain`."""
    parts = [
        part
        for part in re.split(r"[./]", name.removesuffix(".py"))
        if part not in ("scripts", "__init__", "DESK")
    ]
    return parts[0] if parts else ""


@functools.cache
def tree(name: str) -> ast.Module:
    """A file, parsed."""
    return ast.parse((ROOT / name).read_text())


def imports(name: str) -> Iterator[tuple[str, int]]:
    """Every module that a file imports anywhere: at the top, inside functions, for types only, by name."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from ((each.name, node.lineno) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: a relative import hides its room"
            yield from ((f"{node.module}.{each.name}", node.lineno) for each in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in LOADERS and computed(node) is None:
            yield ast.literal_eval(node.args[0]), node.lineno


def computed(node: ast.Call) -> str | None:
    """The name that a loader is given, if it is not written there in full."""
    return None if isinstance(node.args[0], ast.Constant) else ast.unparse(node.args[0])


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the dotted name of what is called."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def in_module(imported: str, modules: set[str]) -> bool:
    """Whether an import is one of the modules, or something inside."""
    return any(imported == each or imported.startswith(f"{each}.") for each in modules)


def test_every_room_is_known() -> None:
    """A new room gets its place in the order before it gets its first file."""
    assert {*ORDER, FREE} >= {room(name) for name in NAMES if room(name)}
    assert 40 < len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_imports_run_one_way(name: str) -> None:
    """A file imports its own room and those below it; `errors` is free to all, and imports none."""
    own = room(name)
    if not own:
        return
    allowed = {FREE, "", *(ORDER[ORDER.index(own) :] if own != FREE else [])}
    upward = [
        f"{name}:{line} imports {imported}"
        for imported, line in imports(name)
        if imported.split(".")[0] in ("scripts", "tasks") and room(imported) not in allowed
    ]

    assert [] == upward


def test_no_import_is_hidden_from_this_test() -> None:
    """Only the wiring imports by a computed name, and only workflows."""
    hidden = [(name, computed(node)) for name in NAMES for called, node in calls(name) if called in LOADERS]
    run_text = [name for name in NAMES for called, _ in calls(name) if called in ("exec", "eval")]

    assert [("scripts/app.py", "f'scripts.workflows.{task}'")] == [each for each in hidden if each[1]]
    assert [] == run_text


DOMAIN = [name for name in NAMES if room(name) == "domain"]


@pytest.mark.parametrize("name", DOMAIN)
def test_the_domain_is_pure(name: str) -> None:
    """No adapter, no file, no clock, no process, no network: what is true depends on what is given."""
    impure = [
        f"{name}:{line} imports {imported}"
        for imported, line in imports(name)
        if in_module(imported, PURE_NEVER)
        or (room(imported) in ("adapters", "shell") and imported.startswith("scripts."))
    ]
    clock = [
        f"{name}:{node.lineno} {called}"
        for called, node in calls(name)
        if re.search(r"(^|\.)(now|today|utcnow|open|print|input)$", called)
    ]

    assert [] == impure + clock


@pytest.mark.parametrize("name", [name for name in NAMES if room(name) == "adapters"])
def test_adapters_speak_plain_values(name: str) -> None:
    """An adapter knows no word of the domain."""
    assert [] == [imported for imported, _ in imports(name) if imported.startswith("scripts.domain")]


@pytest.mark.parametrize("name", NAMES)
def test_only_the_shell_starts_processes(name: str) -> None:
    """`subprocess`, `os.system` and their like stand in one room; the sandbox's loop has asyncio's."""
    own = room(name)
    doors = {"subprocess", "pty", "multiprocessing", "asyncio.subprocess"}
    imported = [each for each, _ in imports(name) if in_module(each, doors)]
    called = [
        each
        for each, _ in calls(name)
        if re.fullmatch(
            r"os\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*|fork\w*)|(asyncio\.)?create_subprocess_\w+|c\.run|ctx\.run",
            each,
        )
    ]
    if own == "shell":
        return
    if own == "sandbox":
        imported = [each for each in imported if not each.startswith("asyncio.subprocess")]
        called = [each for each in called if "create_subprocess_exec" not in each]

    assert [] == imported + called


@pytest.mark.parametrize("name", NAMES)
def test_no_shell_ever(name: str) -> None:
    """No call says `shell=True`, and none starts asyncio's shell."""
    shells = [
        f"{name}:{node.lineno}"
        for called, node in calls(name)
        if called.endswith("create_subprocess_shell")
        or any(
            word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
            for word in node.keywords
        )
    ]

    assert [] == shells


@pytest.mark.parametrize("name", NAMES)
def test_only_the_console_speaks(name: str) -> None:
    """Nobody else prints, and nobody else writes to the standard streams."""
    mouths = [
        f"{name}:{node.lineno}"
        for called, node in calls(name)
        if called in ("print", "pprint", "pprint.pprint")
        or re.match(r"sys\.(stdout|stderr)\.(buffer\.)?write", called)
    ]

    assert [] == mouths or room(name) == "console"


@pytest.mark.parametrize("name", [name for name in NAMES if room(name) == "workflows"])
def test_workflows_never_print(name: str) -> None:
    """A workflow tells `Progress` and returns an outcome: it knows no stream and no console."""
    assert "print" not in {called for called, _ in calls(name)}
    assert [] == [
        each
        for each, _ in imports(name)
        if in_module(each, {"sys.stdout", "sys.stderr", "rich", "scripts.console"})
    ]


@pytest.mark.parametrize("name", NAMES)
def test_files_are_small(name: str) -> None:
    """A file that grows beyond the budget is two files; the counter has a budget of its own."""
    most = COUNTER if name == "tasks.py" else MOST_LINES

    assert len((ROOT / name).read_text().splitlines()) <= most


@pytest.mark.parametrize("name", NAMES)
def test_functions_are_small(name: str) -> None:
    """A function that grows beyond the budget is two functions."""
    long = [
        f"{name}:{node.lineno} {node.name}"
        for node in ast.walk(tree(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > MOST_IN_FUNCTION
    ]

    assert [] == long


@pytest.mark.parametrize("name", NAMES)
def test_every_module_says_what_it_is(name: str) -> None:
    """The first line of a file is its reason."""
    assert ast.get_docstring(tree(name))


TEXTS = sorted(
    file
    for file in (ROOT / "scripts").rglob("*")
    if file.is_file() and not {"sandbox", "__pycache__"} & set(file.relative_to(ROOT / "scripts").parts)
)
KNOWN = re.compile(r"AIRHOST_ENV_DIR|refs/airhost/|\.airhost\b")


@pytest.mark.parametrize("file", TEXTS, ids=[str(file.relative_to(ROOT)) for file in TEXTS])
def test_the_desk_serves_any_app(file: Path) -> None:
    """No code knows the app by its name: that stands in `env/pipeline.toml`."""
    assert "airhost" not in KNOWN.sub("", file.read_text()).lower()


@pytest.mark.parametrize("file", sorted(ROOT.glob("requirements*.txt")), ids=lambda file: file.name)
def test_requirements_are_pinned(file: Path) -> None:
    """What a release is made with is the same everywhere."""
    lines = [line.split("#")[0].strip() for line in file.read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith("-r ")]

    assert wanted
    assert [] == [
        line
        for line in wanted
        if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][A-Za-z0-9.]*", line)
    ]


def test_no_secret_file_is_committed() -> None:
    """Real values are ignored by git, whatever the environment is called; examples are not."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert {".env", ".env.*", "!.env.*.example", ".sandbox/", ".airhost/"} <= set(ignored)
