"""The launcher as one file: its modules one after the other, their imports of each other left out."""

from __future__ import annotations

import ast
from importlib.resources import files

MODULES = (
    *("scripts.secrets.formats", "config", "files", "child", "remote", "scan", "site", "prepare"),
    *("instance", "status", "switch", "follower", "visit", "site_server", "proxy", "supervisor"),
)
HELPERS = ("launcher_listen.cjs", "launcher_serve.py")
HEAD = '''\
"""Makes this Replit app follow the wanted commit of its git repository: `python3 launcher.py`.

Made by the release desk (`invoke init --launcher`), which can make it again: don't edit it. It needs
Python 3.10 and git. What it is told is in `launcher.json`; what it keeps is in `.launcher/`. To be rid of
it, put the app's own command back into `.replit`, and delete these files.
"""
'''
PACKAGE = "scripts.replit.launcher"


def bundle() -> str:
    """The text of `launcher.py`."""
    plain: set[str] = set()
    bodies = []
    for name in MODULES:
        text = module_text(name)
        imports, body = split_imports(text)
        plain |= imports
        bodies.append(
            f"\n\n# ---- {name.rpartition('.')[2]} {'-' * (90 - len(name.rpartition('.')[2]))}\n{body}"
        )
    future = "from __future__ import annotations"
    listed = sorted(plain - {future}, key=lambda line: (line.startswith("from"), line))
    ending = '\n\nif __name__ == "__main__":\n    sys.exit(main())\n'
    return HEAD + "\n" + "\n".join([future, "", *listed]) + "".join(bodies) + ending


def helper(name: str) -> str:
    """The text of a helper that an app may need, such as `launcher_listen.cjs`."""
    return files(PACKAGE).joinpath("helpers", name).read_text("utf-8")


def module_text(name: str) -> str:
    """The source of a module of the launcher, or of the desk's pure one that it takes along."""
    package, _, module = name.rpartition(".")
    return files(package or PACKAGE).joinpath(f"{module}.py").read_text("utf-8")


def split_imports(text: str) -> tuple[set[str], str]:
    """The imports at the top but those of our own modules; and the rest, its docstring as a comment."""
    imports, cut = set(), 0
    body = ast.parse(text).body
    doc = (
        body[0].value.value
        if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        else ""
    )
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            own = isinstance(node, ast.ImportFrom) and str(node.module).startswith("scripts.")
            imports |= set() if own else {ast.unparse(node)}
            cut = node.end_lineno or 0
    comment = "".join(f"# {line}".rstrip() + "\n" for line in str(doc).strip().splitlines())
    rest = "\n".join(text.splitlines()[cut:]).strip("\n")
    return imports, f"{comment}\n{rest}\n"


def program() -> dict[str, str]:
    """The files that an app gets: `launcher.py`, and the helpers."""
    return {"launcher.py": bundle(), **{name: helper(name) for name in HELPERS}}
