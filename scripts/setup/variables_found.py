# pure
"""The variables that an app's files name, and which of them its build gives to every browser."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from scripts.secrets.classify import is_secret, is_secret_name
from scripts.setup.frameworks import dependencies
from scripts.setup.tree import Tree, join

SOURCES = (
    ".ts",
    ".tsx",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".mts",
    ".vue",
    ".svelte",
    ".astro",
    ".html",
    ".mdx",
)
READ = r"(?:import\.meta\.env|process\.env|\benv)\??(?:\.|\[\s*[\"'`])"
SPREAD = re.compile(
    r"\{([^{}]*)\}\s*=\s*(?:import\.meta|process)\.env\b"
    r"|import\s*\{([^}]*)\}\s*from\s*[\"'](?:\$env/(?:static|dynamic)/public|astro:env/client)[\"']"
)
LINE = re.compile(r"(?m)^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=[ \t]*[\"']?([^\s\"'#]*)")
EXAMPLE = re.compile(r"\.(example|sample|template|dist)$")
SITE = re.compile(r"(^|_)(SITE|APP|BASE|WEB|FRONTEND|PUBLIC)_URL$|^SITE$|^PUBLIC_URL$")
ADDRESS = re.compile(r"https://[\w.-]+\.[a-z]{2,}(/[\w./-]*)?")
# names of the public key, and of switches, that sound like a secret
NO_SECRET = re.compile(r"_SUPABASE_(API_)?KEY$|_PASSWORD_REQUIRE|_AUTH_PASSWORD$")
NUXT_SUPABASE = ("SUPABASE_URL", "SUPABASE_KEY")  # what `@nuxtjs/supabase` takes from the build
HOSTS = re.compile(r"(VERCEL|NETLIFY|CF_PAGES|RENDER|RAILWAY)(_|$)")  # set by another host alone
PLACEHOLDER = re.compile(r"\byour[-_]|//example\.|\bexample\.com\b")
NUXT_PUBLIC = re.compile(r"runtimeConfig\s*:\s*\{.*?\bpublic\s*:\s*\{([^{}]*)\}", re.DOTALL)


class Variables(NamedTuple):
    """What the files name.

    Args:
        public: what the build gets.
        leaking: secrets under a public prefix -> that prefix.
        foreign: set by another host, so not to be had on Replit.
        server: everything else.
    """

    public: tuple[str, ...]
    leaking: Mapping[str, str]
    foreign: tuple[str, ...]
    server: tuple[str, ...]


def variables(tree: Tree, folder: str, others: Iterable[str], prefixes: tuple[str, ...]) -> Variables:
    """The variables of an app.

    Args:
        others: the folders of the other apps, whose variables are theirs.
    """
    foreign_folders = tuple(f"{other}/" for other in others if other and not folder.startswith(other))
    own = [path for path in tree.below("") if not foreign_folders or not path.startswith(foreign_folders)]
    named = dict(_in_env_files(tree, own))
    names = {*named, *_in_sources(tree, own, prefixes)}
    if "NUXT_PUBLIC_" in prefixes:
        names |= set(_nuxt_names(tree, folder))
    public, leaking, foreign, server = set(), {}, set(), set()
    if "@nuxtjs/supabase" in dependencies(tree.json(join(folder, "package.json"))):
        public |= set(NUXT_SUPABASE)
        names -= public
    for name in names:
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
        if prefix is None:
            server.add(name)
        elif HOSTS.match(name.removeprefix(prefix)):
            foreign.add(name)
        elif _is_secret(name, named.get(name, ""), prefix):
            leaking[name] = prefix
        else:
            public.add(name)
    return Variables(tuple(sorted(public)), leaking, tuple(sorted(foreign)), tuple(sorted(server)))


def _is_secret(name: str, value: str, prefix: str) -> bool:
    """Whether browsers must not have it: by its value where one is known, else by its name.

    `env.check` refuses the value of a secret under any public name.
    """
    if value:
        return is_secret(name, value, prefix)
    return is_secret_name(name, prefix) and not NO_SECRET.search(name)


def env_files(paths: Iterable[str]) -> Iterator[str]:
    """The `.env` files among some paths, examples too; not those that a test or Docker has of its own."""
    for path in paths:
        name = posixpath.basename(path)
        if (name == ".env" or name.startswith(".env.")) and not name.endswith(
            (".sops", ".test", ".keys", ".vault")
        ):
            yield path


def example_values(tree: Tree, folder: str) -> dict[str, str]:
    """What the `.env` files of an app give to a variable, their examples last; no placeholders."""
    paths = sorted(env_files(tree.below(folder)), key=lambda path: bool(EXAMPLE.search(path)))
    found: dict[str, str] = {}
    for path in paths:
        for name, value in LINE.findall(tree.read(path)):
            if value and not PLACEHOLDER.search(value):
                found.setdefault(name, value)
    return found


def _in_env_files(tree: Tree, own: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names in `.env` files, each with a value that somebody gave it, or ""."""
    values: dict[str, str] = {}
    for path in env_files(own):
        if "supabase/" in path:  # those of the Edge Functions
            continue
        for name, value in LINE.findall(tree.read(path)):
            values[name] = values.get(name) or ("" if EXAMPLE.search(path) else value)
    return iter(values.items())


def _in_sources(tree: Tree, own: Iterable[str], prefixes: tuple[str, ...]) -> Iterator[str]:
    start = "|".join(map(re.escape, prefixes))
    read = re.compile(rf"{READ}((?:{start})[A-Z0-9_]+)|%((?:{start})[A-Z0-9_]+)%")
    word = re.compile(rf"\b(?:{start})[A-Z0-9_]+\b")
    for path in own:
        if path.endswith(SOURCES) and not re.search(r"\.(test|spec|d)\.[a-z]+$", path):
            text = tree.read(path)
            yield from (a or b for a, b in read.findall(text))
            for a, b in SPREAD.findall(text):
                yield from word.findall(a or b)


def _nuxt_names(tree: Tree, folder: str) -> Iterator[str]:
    """`runtimeConfig.public.apiBase` is set by `NUXT_PUBLIC_API_BASE`."""
    for block in NUXT_PUBLIC.findall(tree.code(tree.config(folder, "nuxt.config"))):
        for key in re.findall(r"(?:^|[,\n])\s*([A-Za-z]\w*)\s*:", block):
            yield "NUXT_PUBLIC_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).upper()


def sites(tree: Tree, folder: str, environment: str) -> tuple[str, str] | None:
    """The public URL that a `.env` file of an environment names, and that file."""
    names = (f".env.{environment}", f".env.{environment}.example")
    for path in (join(place, name) for name in names for place in dict.fromkeys((folder, "", "env"))):
        for name, value in LINE.findall(tree.read(path) if path in tree.files else ""):
            plain = re.sub(r"^(VITE|NEXT_PUBLIC|PUBLIC|REACT_APP|NUXT_PUBLIC|EXPO_PUBLIC)_", "", name)
            if SITE.search(plain) and ADDRESS.fullmatch(value) and not PLACEHOLDER.search(value):
                return value.rstrip("/"), path
    return None
