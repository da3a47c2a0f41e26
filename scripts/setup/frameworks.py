# pure
"""The web frameworks that `init` knows: their packages, their prefixes, and where they build to.

Where a framework builds to and what its server serves follows its own documentation. A server of Next or
Nitro (Nuxt, TanStack Start) serves only the files that were there when it was built: for those the stamp is
written into the static folder before the build.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from scripts.setup.tree import Tree, join, table

# A path in a configuration: a text, or `path.resolve(__dirname, "a", "b")` and its relatives.
PATH = re.compile(
    r"(?:(?:path\.)?(?:resolve|join)\(\s*(?P<parts>[^()]*?)\s*,?\s*\)"
    r"|fileURLToPath\(\s*new URL\(\s*(?P<url>[\"'`][^\"'`]*[\"'`])[^()]*\)\s*\)"
    r"|(?P<text>[\"'`][^\"'`$]*[\"'`]))"
)
HERE = re.compile(r"__dirname|import\.meta\.dirname|process\.cwd\(?\)?")
OTHER_HOSTS = ("vercel", "netlify", "cloudflare", "amplify")


class Output(NamedTuple):
    """Where a build goes.

    Args:
        folder: relative to the app's; may lead out of it (`../../dist/web`).
        source: the file that says so; "" where it is the framework's default.
        static: the folder that needs the stamp before the build; "" for none.
        version_path: where the public URL serves the stamp.
        check: what a person should look at; "" for nothing.
    """

    folder: str
    source: str = ""
    static: str = ""
    version_path: str = "/version.json"
    check: str = ""


class Framework(NamedTuple):
    """A way to build a web app.

    Args:
        packages: one of them is in the app's `package.json`.
        prefixes: of the variables that every browser gets.
        command: what builds it where no script does.
        output: where the build goes, of the app in a folder.
    """

    title: str
    packages: tuple[str, ...]
    prefixes: tuple[str, ...]
    command: tuple[str, ...]
    output: Callable[[Tree, str], Output]


def option(code: str, key: str) -> tuple[str, bool] | None:
    """The path that a configuration gives to a key, and whether it begins at the configuration's folder.

    Raises:
        ValueError: there is such a key, and its value is more than a path.
    """
    found = re.search(rf"\b{key}\s*:\s*", code)
    if not found:
        return None
    value = PATH.match(code, found.end())
    if not value or re.match(r"\s*[+?|&.]", code[value.end() :]):
        raise ValueError(key)
    if value["text"] is not None:
        return value["text"][1:-1], False
    if value["url"] is not None:
        return value["url"][1:-1], True
    parts = [part.strip() for part in value["parts"].split(",") if part.strip()]
    texts = [part[1:-1] for part in parts if part[:1] in "\"'`"]
    if any(part[:1] not in "\"'`" and not HERE.fullmatch(part) for part in parts) or not texts:
        raise ValueError(key)
    return posixpath.join(*texts), True


def _plain(path: str) -> str:
    return posixpath.normpath(path.removeprefix("./").rstrip("/") or ".")


def _script(tree: Tree, folder: str) -> str:
    return str(table(tree.json(join(folder, "package.json")).get("scripts")).get("build", ""))


def dependencies(package: Mapping[str, object]) -> dict[str, str]:
    """The packages that a `package.json` asks for, with their versions."""
    kinds = (table(package.get(kind)) for kind in ("dependencies", "devDependencies"))
    return {name: str(version) for kind in kinds for name, version in kind.items()}


def _vite(tree: Tree, folder: str) -> Output:
    """`outDir` is relative to `root`; a resolved path begins at the configuration."""
    config = tree.config(folder, "vite.config")
    code = tree.code(config)
    flag = re.search(r"vite build\b[^&|;]*?--outDir[= ]([\w./-]+)", _script(tree, folder))
    base = re.search(r"\bbase\s*:\s*[\"'`](/[\w./-]*)[\"'`]", code)
    path = f"{base[1].rstrip('/')}/version.json" if base else "/version.json"
    try:
        root, out = option(code, "root"), option(code, "outDir")
    except ValueError as key:
        return Output("dist", config, "", path, f"`{key}` of `{config}` can't be read: is this the folder?")
    top = _plain(root[0]) if root else "."
    if flag:
        return Output(_plain(join(top, flag[1])), join(folder, "package.json"), "", path)
    if out is None:
        return Output(_plain(join(top, "dist")), config if root else "", "", path)
    inside = _plain(out[0]) if out[1] else _plain(posixpath.join(top, out[0]))
    return Output(inside, config, "", path)


def _next(tree: Tree, folder: str) -> Output:
    config = tree.config(folder, "next.config")
    code = tree.code(config)
    static = re.search(r"\boutput\s*:\s*[\"'`]export[\"'`]", code)
    named = re.search(r"\bdistDir\s*:\s*[\"'`]([^\"'`]+)[\"'`]", code)
    base = re.search(r"\bbasePath\s*:\s*[\"'`](/[\w/-]+)[\"'`]", code)
    path = f"{base[1].rstrip('/') if base else ''}/version.json"
    default = "out" if static else ".next"
    output = _plain(named[1]) if named else default
    return Output(output, config if named or static else "", "" if static else "public", path)


def _nuxt(tree: Tree, folder: str) -> Output:
    version = dependencies(tree.json(join(folder, "package.json"))).get("nuxt", "")
    if re.match(r"\D*2\.", version):
        return Output("dist", "", "static", check="Nuxt 2: `dist` is what `nuxt generate` makes")
    generates = "generate" in _script(tree, folder)
    return Output(".output/public", "", "" if generates else "public")


def _start(_tree: Tree, _folder: str) -> Output:
    return Output(".output/public", "", "public", check="is this where the server finds its static files?")


def _remix(tree: Tree, folder: str) -> Output:
    classic = tree.config(folder, "remix.config")
    if classic and not tree.config(folder, "vite.config"):
        return Output("public/build", classic, "", "/build/version.json")
    return _client_of(tree, folder, "vite.config")


def _react_router(tree: Tree, folder: str) -> Output:
    return _client_of(tree, folder, "react-router.config")


def _client_of(tree: Tree, folder: str, config_name: str) -> Output:
    config = tree.config(folder, config_name)
    named = re.search(r"\bbuildDirectory\s*:\s*[\"'`]([^\"'`]+)[\"'`]", tree.code(config))
    return Output(join(_plain(named[1]), "client") if named else "build/client", config if named else "")


def _sveltekit(tree: Tree, folder: str) -> Output:
    config = tree.config(folder, "svelte.config")
    code = tree.code(config)
    adapter = re.search(r"[\"'`]@sveltejs/adapter-([\w-]+)", code)
    kind = adapter[1] if adapter else "none"
    if kind == "static":
        named = re.search(r"\bpages\s*:\s*[\"'`]([^\"'`]+)[\"'`]", code)
        return Output(_plain(named[1]) if named else "build", config)
    named = re.search(r"\bout\s*:\s*[\"'`]([^\"'`]+)[\"'`]", code)
    output = join(_plain(named[1]) if named else "build", "client")
    check = f"the adapter `{kind}` makes no server for Replit: use `@sveltejs/adapter-node` or `-static`"
    return Output(output, config, check="" if kind == "node" else check)


def _astro(tree: Tree, folder: str) -> Output:
    config = tree.config(folder, "astro.config")
    code = tree.code(config)
    named = re.search(r"\boutDir\s*:\s*[\"'`]([^\"'`]+)[\"'`]", code)
    output = _plain(named[1]) if named else "dist"
    server = re.search(r"\boutput\s*:\s*[\"'`](?:server|hybrid)[\"'`]|\badapter\s*:", code)
    foreign = next((host for host in OTHER_HOSTS if f"@astrojs/{host}" in code), "")
    check = f"the adapter `{foreign}` makes no server for Replit: use `@astrojs/node`" if foreign else ""
    source = config if named or server else ""
    return Output(join(output, "client") if server else output, source, check=check)


def _expo(tree: Tree, folder: str) -> Output:
    config = join(folder, "app.json")
    web = table(table(tree.json(config).get("expo")).get("web"))
    flag = re.search(r"--output-dir[= ]([\w./-]+)", " ".join(_scripts(tree, folder)))
    if flag:
        return Output(_plain(flag[1]), join(folder, "package.json"))
    if web.get("bundler") == "webpack":
        return Output("web-build", config)
    return Output("dist/client" if web.get("output") == "server" else "dist", config if web else "")


def _scripts(tree: Tree, folder: str) -> list[str]:
    return [str(line) for line in table(tree.json(join(folder, "package.json")).get("scripts")).values()]


def _cra(tree: Tree, folder: str) -> Output:
    for path in (join(folder, "package.json"), join(folder, ".env"), join(folder, ".env.production")):
        named = re.search(r"\bBUILD_PATH=[\"']?(?:\./)?([\w./-]+)", tree.read(path))
        if named:
            return Output(_plain(named[1]), path)
    return Output("build")


def _gatsby(_tree: Tree, _folder: str) -> Output:
    return Output("public")


def _vue_cli(tree: Tree, folder: str) -> Output:
    config = tree.config(folder, "vue.config")
    named = re.search(r"\boutputDir\s*:\s*[\"'`]([^\"'`]+)[\"'`]", tree.code(config))
    return Output(_plain(named[1]) if named else "dist", config if named else "")


# The first that fits: a meta-framework comes before the bundler that it brings.
FRAMEWORKS = (
    Framework("Next", ("next",), ("NEXT_PUBLIC_",), ("next", "build"), _next),
    Framework("Nuxt", ("nuxt", "nuxt3"), ("NUXT_PUBLIC_",), ("nuxt", "build"), _nuxt),
    Framework("React Router", ("@react-router/dev",), ("VITE_",), ("react-router", "build"), _react_router),
    Framework("Remix", ("@remix-run/dev", "@remix-run/react"), ("VITE_",), ("remix", "vite:build"), _remix),
    Framework("SvelteKit", ("@sveltejs/kit",), ("PUBLIC_", "VITE_"), ("vite", "build"), _sveltekit),
    Framework("Astro", ("astro",), ("PUBLIC_",), ("astro", "build"), _astro),
    Framework(
        "TanStack Start",
        ("@tanstack/react-start", "@tanstack/solid-start", "@tanstack/start"),
        ("VITE_",),
        ("vite", "build"),
        _start,
    ),
    Framework("Expo", ("expo",), ("EXPO_PUBLIC_",), ("expo", "export", "--platform", "web"), _expo),
    Framework("Create React App", ("react-scripts",), ("REACT_APP_",), ("react-scripts", "build"), _cra),
    Framework("Gatsby", ("gatsby",), ("GATSBY_",), ("gatsby", "build"), _gatsby),
    Framework("Vue CLI", ("@vue/cli-service",), ("VUE_APP_",), ("vue-cli-service", "build"), _vue_cli),
    Framework("Vite", ("vite",), ("VITE_",), ("vite", "build"), _vite),
)


def framework_of(tree: Tree, folder: str, asked: Mapping[str, str]) -> Framework | None:
    """The framework of the app in a folder; None for what is no web app of its own.

    Args:
        asked: the packages that the app, or the repository for it, asks for.
    """
    script = _script(tree, folder)
    for framework in FRAMEWORKS:
        if set(framework.packages) & set(asked) or _builds_with(framework, script):
            fits = {"Vite": _is_vite_app, "Expo": _is_expo_web}.get(framework.title, _is_started)
            return framework if fits(tree, folder, framework, asked) else None
    return None


def _is_started(tree: Tree, folder: str, framework: Framework, _asked: Mapping[str, str]) -> bool:
    """A package of components asks for its framework too: an app has its configuration, or calls it."""
    program = framework.command[0]
    stems = (program, "svelte", "react-router", "nuxt", "gatsby-config", "app", "vue", "angular")
    configured = any(tree.config(folder, f"{stem}.config") for stem in stems)
    return configured or any(re.search(rf"\b{program}\b", line) for line in _scripts(tree, folder))


def _builds_with(framework: Framework, script: str) -> bool:
    """Whether the build script calls the framework, which may be a package of a folder above."""
    shared = framework.command == ("vite", "build") and framework.title != "Vite"
    return not shared and bool(re.search(rf"(^|[\s&;]){' '.join(framework.command[:2])}\b", script))


def _is_vite_app(tree: Tree, folder: str, _framework: Framework, _asked: Mapping[str, str]) -> bool:
    """Vite also builds libraries and runs tests: an app has a page."""
    code = tree.code(tree.config(folder, "vite.config"))
    if re.search(r"\blib\s*:\s*\{", code):
        return False
    try:
        root = option(code, "root")
    except ValueError:
        root = None
    pages = (
        join(folder, "index.html"),
        join(folder, join(root[0], "index.html") if root else "index.html"),
    )
    return any(page in tree.files for page in pages) or bool(
        re.search(r"\bvite build\b", _script(tree, folder))
    )


def _is_expo_web(tree: Tree, folder: str, _framework: Framework, asked: Mapping[str, str]) -> bool:
    """An Expo app reaches browsers with `react-native-web` alone."""
    return "react-native-web" in asked or "web" in table(tree.json(join(folder, "app.json")).get("expo"))
