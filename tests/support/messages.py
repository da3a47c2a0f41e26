"""What the desk says to people, read from its code: each text as a template, with its places.

An f-string becomes a template with a named field for each expression; a condition between two texts becomes
two templates. What programs read (SQL, patterns, keys, pages) is left out.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from scripts.monitor.checks import Level
from scripts.phrase_templates import FIELD, NUMBER, SPAN
from scripts.quality import html_tests
from scripts.quality.load import page
from scripts.quality.load.report import STAGE_HEAD
from scripts.state.preview_lease import STATES
from scripts.state.steps import STEPS
from scripts.tasks.command_line import GROUPS, MORE
from scripts.tasks.help_text import KINDS, TITLES
from tests.support.desks import ROOT

MOST = 12  # templates that one text with conditions becomes; with more, a condition stays a field
# programs for another machine, pages with words of their own, texts in other people's files
LEFT_OUT = re.compile(
    r"scripts/(sandbox/(?!request|commands|demo|own_app|door|world\.)|replit/(launcher/|launcher_bundle)|locale/"
    r"|monitor/(page_|plots|metric|ship_forms|series)|setup/(workflows/|proposal)|system/(guardian|view|confine)"
    r"|quality/(html(_style)?\.|load/report)|release/pull_body|github/(release_notes|markdown)"
    r"|secrets/(chunks|escapes|packed|formats)|database/(sql/|refresh/(masking_sql|personal|known_values))"
    r"|database/postgres/(catalogue_|restorable|definitions|content))"
)
JOURNEYS = ("loadtests/journeys.py", "loadtests/coordinator.py")  # what they say is in reports
SHOWN = "scripts/tasks/help_text.py"  # where names that stand in tables of the code are shown
WORDS = (  # that stand in documents and in the ledger, too
    *("same", "different", "public", "only here", "only there", "free", *STATES),
    *("deploy", "promote", "rollback", "proof", "approval", "freeze", "unfreeze", "backup", "refresh"),
)
REPORTS = "scripts/quality/load/page.py"
HEADS = (*html_tests.HEADS, *page.ENDPOINTS, *page.COMPARED, *page.LIMITS, *page.FAILURES, *STAGE_HEAD)
DRAWN = (
    "Latency",
    "Users",
    "made",
    "planned",
    "users",
    "limit",
    "requests/s",
    "Requests",
    "machine",
    "baseline",
)
ENDINGS = (
    "passed",
    "failed",
    "error",
    "skipped",
    "void",
    "inconclusive",
    "infrastructure",
    *page.HOLDS.values(),
)
CODES = {"hurt", "shade", "tall", "lost", "stopped", "threshold"}  # of their style, and of the generator
WHOLE = (
    "scripts/tables.py",
    "scripts/proof_tables.py",
    "scripts/quality/load/rows.py",
    "scripts/state/steps.py",
)  # all that they say is shown, single words too
ASKS = {  # calls whose texts programs read
    *("get", "startswith", "endswith", "split", "rsplit", "partition", "rpartition", "removeprefix"),
    *("removesuffix", "replace", "strip", "lstrip", "rstrip", "encode", "decode", "find", "index", "count"),
    *(
        "compile",
        "match",
        "search",
        "fullmatch",
        "sub",
        "findall",
        "finditer",
        "getattr",
        "setattr",
        "hasattr",
    ),
    *("execute", "executemany", "query", "fetch", "Path", "open", "glob", "rglob", "joinpath", "cast"),
    *("TypeVar", "NewType", "getenv", "strftime", "strptime", "namedtuple", "text_of", "isinstance"),
    *(
        "Literal",
        "sql",
        "rows",
        "scalar",
        "ValueError",
        "TypeError",
        "RuntimeError",
        "AssertionError",
        "KeyError",
    ),
}
TAKES_APART = {"split", "splitlines", "encode", "join", "get"}
KEYWORDS = {
    "encoding",
    "errors",
    "mode",
    "newline",
    "sep",
    "end",
    "key",
    "prefix",
    "suffix",
    "name",
    "rule",
}
SAYS = {
    "translate",
    "Column",
    "numbers",
    "Fact",
    "counted",
    "begin",
    "end",
    "section",
}  # calls whose single words are shown
PROGRAMS = (  # patterns, commands, SQL and pages
    r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|GRANT|REVOKE|BEGIN|FROM|WHERE|AND)\b [a-zA-Z(*{]",
    r"^(select|insert into|update|delete from)\b.*\b(from|into|set|where|as)\b|^with \w+ as \(",
    r"^(set|reset) \w+ ?(=|to\b|;)|^set (jit|role)\b|^from \{?\w+\}? |^(select|create database)\b",
    r"^(create (extension|role)|alter (database|role|table))\b|\bjoin pg_|\bpg_\w+ [a-z]\b",
    r"'\^|\{\}|^# |^[a-z]+_[a-z]+: |^-[A-Z]|HTTP/1|^Bearer|^refs/|^import |^from [\w.]+ import|^\"|^--|::",
    r"<[a-z/!][^>]*>|\(\?[:P=!<]|\[\^|\\[bdsw]|=>|\(\);|&&|\|\||\$\(|;\n|#!/|function ?\(|\{\n",
    r"^[-\w.]+=\S*$|^(npm (ci|install|-)|pip install|apt-get install \S+$|test -|export \S+=)",
    r"^(alter schema|comment on|create temp|create trigger|grant (all|usage|\{)|revoke all|insert into)\b",
    r"^(drop \{|not exists|reset all|set constraints|\{insert\} on conflict)",
    r"^(supabase (functions|db|secrets|branches|migration)|if \{|\w+ = )|^(pnpm|yarn|bun|exec|invoke) \S",
    r"^(git (mv|remote) |os\.|application/|Basic \{|AUTHORIZATION)|^(deploy|promote|test-\w+|load-test) --",
    r"^(100644|\$ |-c )|^(set local|create schema|drop table \{|reset role|alter function)\b|any\(%s\)",
)
CODE = re.compile("|".join(PROGRAMS))
PLAIN = re.compile(r"[A-Z]?[a-z]{2,}[*!?]?|[A-Z]{2,}[?!]?")  # a single word
PERCENTILE = re.compile(r"p\d+")
LETTERS = re.compile(r"[A-Za-z]{2,}")


@dataclass
class Entry:
    """One text: where it stands, and what its fields hold."""

    files: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)


def messages(root: Path = ROOT) -> dict[str, Entry]:
    """Every text that people may read, by its English template."""
    found: dict[str, Entry] = {}
    alone = [root / name for name in ("tasks.py", *JOURNEYS)]
    for file in sorted([*alone, *(root / "scripts").rglob("*.py")]):
        name = file.relative_to(root).as_posix()
        if LEFT_OUT.match(name) or "sample_app" in name:
            continue
        for text, note in said_in(file.read_text(), name):
            entry = found.setdefault(text, Entry())
            entry.files.add(name)
            entry.notes |= {note} if note else set()
    for text in (*GROUPS, MORE, *TITLES, *KINDS.values(), *STEPS, *get_args(Level), *WORDS):
        found.setdefault(text, Entry()).files.add(SHOWN)
    for text in (*HEADS, *DRAWN, *ENDINGS):
        if not PERCENTILE.fullmatch(text):
            found.setdefault(text, Entry()).files.add(REPORTS)
    return found


def said_in(source: str, name: str) -> Iterator[tuple[str, str]]:
    """The templates of a file, each with what its fields hold."""
    tree = ast.parse(source)
    yield from _Reader(tree, everything=name in WHOLE).read()
    if name.startswith("scripts/tasks/"):
        yield from _helps(tree)


def _helps(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The docstrings of tasks, as `--help` and `--list` show them: without the example."""
    for node in ast.walk(tree):
        about = (
            ast.get_docstring(node) if isinstance(node, ast.FunctionDef) and node.decorator_list else None
        )
        if about and any("command" in ast.unparse(each) for each in node.decorator_list):  # type: ignore[attr-defined]
            whole = " ".join(about.split()).partition(": `")[0].rstrip(".")
            first = about.partition("\n")[0].partition(": `")[0].rstrip(".")
            yield from ((text, "") for text in dict.fromkeys((whole, first)))


class _Reader:
    """One file."""

    def __init__(self, tree: ast.Module, *, everything: bool) -> None:
        self._tree = tree
        self._everything = everything
        self._above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self._taken: set[ast.AST] = set()
        self._shown = _shown_names(tree)

    def read(self) -> Iterator[tuple[str, str]]:
        for node in ast.walk(self._tree):  # from the outside in
            if not _is_text(node) or node in self._taken or self._is_part(node):
                continue
            alternatives = self._alternatives(node)
            if self._is_for_programs(node):
                continue
            for pieces in alternatives:
                text, note = _template(pieces)
                if self._is_said(text, node):
                    yield text, note
                    if self._called(node) == "counted":
                        yield f"{text}s", note

    def _is_part(self, node: ast.AST) -> bool:
        """Of an f-string or a sum, which is read as a whole."""
        above = self._above.get(node)
        if isinstance(above, ast.IfExp) and node is not above.test and _is_text(above):
            return True
        return isinstance(above, ast.JoinedStr) or (isinstance(above, ast.BinOp) and _is_text(above))

    def _is_for_programs(self, node: ast.AST) -> bool:
        child, above = node, self._above.get(node)
        while above is not None and not isinstance(above, ast.stmt):
            if self._asks(above, child):
                return True
            if isinstance(above, ast.FormattedValue) and child is above.format_spec:
                return True
            child, above = above, self._above.get(above)
        if isinstance(above, ast.AnnAssign) and child is above.annotation:
            return True
        return isinstance(above, ast.Expr) and child is node  # a docstring

    @staticmethod
    def _asks(above: ast.AST, child: ast.AST) -> bool:
        match above:
            case ast.Compare() | ast.MatchValue() | ast.arg():
                return True
            case ast.Subscript(slice=inside):
                return inside is child
            case ast.Dict(keys=keys):
                return child in keys and _prose(ast.unparse(child)) is False
            case ast.keyword(arg=arg):
                return arg in KEYWORDS
            case ast.Call(func=func):
                called = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
                receiver = isinstance(func, ast.Attribute) and func is child
                return called in TAKES_APART if receiver else called in ASKS
        return False

    def _is_said(self, text: str, node: ast.AST) -> bool:
        bare = FIELD.sub(" ", SPAN.sub(" ", text))
        if not LETTERS.search(bare) or CODE.search(SPAN.sub("", text)):
            return False
        return (
            _prose(text)
            or self._called(node) == "translate"
            or (
                bool(PLAIN.fullmatch(text))
                and text not in CODES
                and (self._everything or self._is_shown(node))
            )
        )

    def _is_shown(self, node: ast.AST) -> bool:
        """A single word that is shown: in an f-string, a cell, or a variable that is in an f-string."""
        child, above = node, self._above.get(node)
        while above is not None and not isinstance(above, ast.stmt):
            if isinstance(above, ast.FormattedValue):
                return True
            if isinstance(above, ast.Call):
                return getattr(above.func, "attr", getattr(above.func, "id", "")) in SAYS
            child, above = above, self._above.get(above)
        return isinstance(above, ast.Assign) and child is above.value and bool(_names(above) & self._shown)

    def _called(self, node: ast.AST) -> str:
        """What is called with this text, if anything."""
        above = self._above.get(node)
        func = above.func if isinstance(above, ast.Call) else None
        return getattr(func, "attr", getattr(func, "id", ""))

    def _alternatives(self, node: ast.AST) -> list[list[ast.expr | str]]:
        """The text as pieces, each a text or the expression of a field; several for conditions."""
        self._taken.add(node)
        if isinstance(node, ast.FormattedValue) and _is_text(node.value):
            return self._alternatives(node.value)
        if not _is_text(node):
            return [[node]]  # type: ignore[list-item]
        if isinstance(node, ast.Constant):
            return [[node.value]]  # type: ignore[list-item]
        if isinstance(node, ast.IfExp):
            return [*self._alternatives(node.body), *self._alternatives(node.orelse)]
        return self._product([node.left, node.right] if isinstance(node, ast.BinOp) else node.values)  # type: ignore[attr-defined]

    def _product(self, nodes: Sequence[ast.expr]) -> list[list[ast.expr | str]]:
        made: list[list[ast.expr | str]] = [[]]
        for node in nodes:
            before = set(self._taken)
            parts = self._alternatives(node)
            if len(parts) * len(made) > MOST:
                self._taken, parts = before, [[node]]
            made = [[*one, *other] for one, other in itertools.product(made, parts)]
        return made


def _is_text(node: ast.AST) -> bool:
    """Whether it is certainly a text, written here."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _is_text(left) or _is_text(right)
        case ast.IfExp(body=body, orelse=orelse):
            return _is_text(body) and _is_text(orelse)
    return False


def _prose(text: str) -> bool:
    """Two words, or a word beside a field or a span."""
    bare = FIELD.sub("field", SPAN.sub("span", text))
    return bool(re.search(r"[A-Za-z][,;:.)']* +[(']?[A-Za-z]", bare)) and bool(
        LETTERS.search(FIELD.sub(" ", SPAN.sub(" ", text)))
    )


def _names(node: ast.Assign) -> set[str]:
    return {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}


def _shown_names(tree: ast.Module) -> set[str]:
    return {
        each.id
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue)
        for each in ast.walk(node.value)
        if isinstance(each, ast.Name)
    }


def _template(pieces: Sequence[ast.expr | str]) -> tuple[str, str]:
    """The text with its fields named, and what they hold."""
    text, notes, used, after_field = "", list[str](), set[str](), False
    for piece in pieces:
        if isinstance(piece, str):
            text, after_field = text + piece, after_field and not piece
            continue
        expression = piece.value if isinstance(piece, ast.FormattedValue) else piece
        if after_field:  # two in a row are one field: nothing tells where the first one ends
            notes[-1] += f" + {ast.unparse(expression)}"
            continue
        spec = piece.format_spec if isinstance(piece, ast.FormattedValue) else None
        numeric = bool(spec and re.search(r"[fg%]'$", ast.unparse(spec)))
        name = _unique(_name(expression) + (NUMBER if numeric else ""), used)
        text, after_field = f"{text}{{{name}}}", True
        notes.append(f"{name}: {ast.unparse(expression)}")
    return _balanced(text.strip()), "; ".join(notes)


def _balanced(text: str) -> str:
    """With the backtick that another piece of the text brings: "url` is missing" is said after "`app."."""
    if text.count("`") % 2 == 0:
        return text
    return f"`{text}" if re.match(r"[^`]*[^`\s]`(\s|$)", text) else f"{text}`"


def _unique(name: str, used: set[str]) -> str:
    stem, numeric = name.removesuffix(NUMBER), name.endswith(NUMBER)
    candidates = (f"{stem}{number or ''}{NUMBER if numeric else ''}" for number in (0, *range(2, 99)))
    chosen = next(each for each in candidates if each not in used)
    used.add(chosen)
    return chosen


def _name(node: ast.AST) -> str:
    """A readable word for an expression: `facts.environment.name` is `environment_name`."""
    match node:
        case ast.Attribute(value=value, attr="name" | "id" | "text" as attr):
            return f"{_name(value)}_{attr}".removeprefix("value_")
        case (
            ast.Attribute(attr=name)
            | ast.Name(id=name)
            | ast.Subscript(slice=ast.Constant(value=str(name)))
        ):
            return re.sub(r"[^a-z0-9_]", "", name.lower()).strip("_") or "value"
        case ast.Call(func=ast.Name(id="len"), args=[inside]):
            return f"count_{_name(inside)}"
    inner = _inside(node)
    return _name(inner) if inner else "value"


def _inside(node: ast.AST) -> ast.AST | None:
    """The part of an expression that says most of what it is."""
    match node:
        case ast.Subscript(value=inner) | ast.Starred(value=inner) | ast.UnaryOp(operand=inner):
            return inner
        case ast.Call(args=[inner, *_]) if not isinstance(inner, ast.Constant):
            return inner
        case ast.Call(func=inner) | ast.BinOp(left=inner) | ast.IfExp(body=inner):
            return inner
        case ast.GeneratorExp(generators=[first, *_]) | ast.ListComp(generators=[first, *_]):
            return first.iter
        case ast.BoolOp(values=[inner, *_]):
            return inner
    return None
