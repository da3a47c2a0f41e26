"""Small trees as the templates of the frameworks and real repositories lay them out; names are invented."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Skeleton(NamedTuple):
    """A tree, and what `init` should find in it: keys of `[app]`, and what else is named."""

    files: dict[str, str]
    app: dict[str, Any]
    framework: str
    public: tuple[str, ...] = ()
    database: bool = False
    checks: tuple[str, ...] = ()  # the keys that a person should look at


def package(
    *asked: str, name: str = "shop", build: str | None = None, version: str = "1.0.0", **more: Any
) -> str:
    """A `package.json` that asks for these packages."""
    scripts = {"scripts": {"build": build}} if build else {}
    return json.dumps({"name": name, "dependencies": dict.fromkeys(asked, version), **scripts, **more})


NPM = {"install": ["npm", "ci"], "lockfile": "package-lock.json", "build": ["npm", "run", "build"]}
PNPM = {
    "install": ["pnpm", "install", "--frozen-lockfile"],
    "lockfile": "pnpm-lock.yaml",
    "build": ["pnpm", "run", "build"],
}
BUN = {"install": ["bun", "install", "--frozen-lockfile"], "build": ["bun", "run", "build"]}
MIGRATION = {"supabase/migrations/20250101000000_init.sql": "", "supabase/config.toml": ""}

SKELETONS: dict[str, Skeleton] = {
    "vite": Skeleton(
        {
            "package.json": package("vite", "react", build="tsc && vite build"),
            "package-lock.json": "",
            "index.html": "",
            "src/a.tsx": "import.meta.env.VITE_SUPABASE_URL + import.meta.env['VITE_TURNSTILE_SITE_KEY'];"
            "import.meta.env.VITE_SUPABASE_KEY;"
            "const { VITE_FIREBASE_API_KEY, MODE } = import.meta.env; import.meta.env.VITE_OPENAI_API_KEY",
            **MIGRATION,
        },
        {
            **NPM,
            "functions": "",
            "folder": "",
            "output": "dist",
            "static": "",
            "migrations": "supabase/migrations",
        },
        "Vite",
        ("VITE_FIREBASE_API_KEY", "VITE_SUPABASE_KEY", "VITE_SUPABASE_URL", "VITE_TURNSTILE_SITE_KEY"),
        database=True,
    ),
    "vite with a server, as Replit's template": Skeleton(
        {
            "package.json": package("vite", "express", build="vite build && esbuild server/index.ts"),
            "package-lock.json": "",
            "client/index.html": "",
            "vite.config.ts": """
                // outDir: "wrong"
                export default defineConfig({ root: path.resolve(import.meta.dirname, "client"),
                  build: { outDir: path.resolve(import.meta.dirname, "dist/public"), emptyOutDir: true } });
            """,
        },
        {**NPM, "output": "dist/public"},
        "Vite",
    ),
    "vite with a root, and an output beside it": Skeleton(
        {
            "package.json": package("vite", build="vite build"),
            "yarn.lock": "# yarn lockfile v1",
            "web/index.html": "",
            "vite.config.js": "export default { root: 'web', build: { outDir: '../www' } }",
        },
        {"output": "www", "install": ["yarn", "install", "--frozen-lockfile"], "lockfile": "yarn.lock"},
        "Vite",
    ),
    "vite whose output is computed": Skeleton(
        {
            "package.json": package("vite", build="vite build"),
            "package-lock.json": "",
            "index.html": "",
            "vite.config.ts": "export default { build: { outDir: 'x' + mode } }",
        },
        {"output": "dist"},
        "Vite",
        checks=("output",),
    ),
    "two lock files": Skeleton(
        {
            "package.json": package("vite", build="vite build"),
            "package-lock.json": "",
            "bun.lockb": "",
            "index.html": "",
        },
        {**NPM},
        "Vite",
        checks=("install",),
    ),
    "two lock files and a word for one": Skeleton(
        {
            "package.json": package("vite", build="vite build", packageManager="bun@1.2.0"),
            "package-lock.json": "",
            "bun.lock": "",
            "index.html": "",
        },
        {**BUN, "lockfile": "bun.lock"},
        "Vite",
    ),
    "nested, with its own lock file": Skeleton(
        {
            "frontend/package.json": package("vite", build="vite build"),
            "frontend/package-lock.json": "",
            "frontend/index.html": "",
            "backend/package.json": package("express", name="api"),
            "supabase/migrations/20250101000000_init.sql": "",
        },
        {**NPM, "folder": "frontend", "output": "dist", "migrations": "supabase/migrations"},
        "Vite",
        database=True,
    ),
    "netlify names the folder and the output": Skeleton(
        {
            "netlify.toml": '[build]\nbase = "frontend"\npublish = "frontend/web"',
            "frontend/package.json": package("vite", build="vite build"),
            "frontend/package-lock.json": "",
            "frontend/index.html": "",
            "admin/package.json": package("vite", name="admin", build="vite build"),
            "admin/index.html": "",
        },
        {**NPM, "folder": "frontend", "output": "web"},
        "Vite",
    ),
    "a workflow names the folder": Skeleton(
        {
            ".github/workflows/ci.yml": "jobs:\n  a:\n    defaults:\n      run:\n"
            "        working-directory: ./app\n"
            "    steps:\n      - run: pnpm install --frozen-lockfile\n",
            "app/package.json": package("vite", build="vite build"),
            "app/pnpm-lock.yaml": "",
            "app/package-lock.json": "",
            "app/index.html": "",
            "site/package.json": package("astro", name="site", build="astro build"),
        },
        {**PNPM, "folder": "app"},
        "Vite",
    ),
    "next with a server": Skeleton(
        {
            "package.json": package("next", build="next build"),
            "pnpm-lock.yaml": "",
            "next.config.mjs": "export default { reactStrictMode: true }",
            "app/a.ts": "process.env.NEXT_PUBLIC_SUPABASE_URL; process.env.NEXT_PUBLIC_VERCEL_URL",
            ".env.example": "SUPABASE_SERVICE_ROLE_KEY=\nNEXT_PUBLIC_SUPABASE_ANON_KEY=\n",
        },
        {**PNPM, "output": ".next", "static": "public", "version_path": "/version.json"},
        "Next",
        ("NEXT_PUBLIC_SUPABASE_ANON_KEY", "NEXT_PUBLIC_SUPABASE_URL"),
    ),
    "next, exported, below a path": Skeleton(
        {
            "package.json": package("next", build="next build"),
            "package-lock.json": "",
            "next.config.js": "module.exports = { output: 'export', basePath: '/app' }",
        },
        {**NPM, "output": "out", "static": "", "version_path": "/app/version.json"},
        "Next",
    ),
    "turborepo with pnpm": Skeleton(
        {
            "package.json": package(
                "turbo", name="root", build="turbo run build", packageManager="pnpm@9.0.0"
            ),
            "pnpm-workspace.yaml": "packages:\n  - 'apps/*'\n  - \"packages/*\"\n",
            "pnpm-lock.yaml": "",
            "turbo.json": "{}",
            "apps/web/package.json": package("next", name="web", build="next build"),
            "apps/docs/package.json": package("next", name="docs", build="next build"),
            "packages/ui/package.json": package("react", name="@repo/ui"),
            "apps/web/supabase/migrations/20250101000000_x.sql": "",
            "apps/web/supabase/config.toml": "",
            "apps/web/supabase/functions/_shared/cors.ts": "",
            "apps/web/supabase/functions/hello/index.ts": "",
        },
        {
            "folder": "apps/web",
            "install": ["pnpm", "install", "--frozen-lockfile"],
            "lockfile": "../../pnpm-lock.yaml",
            "build": ["pnpm", "exec", "turbo", "run", "build", "--filter=web"],
            "output": ".next",
            "migrations": "apps/web/supabase/migrations",
            "functions": "apps/web/supabase/functions",
        },
        "Next",
        database=True,
    ),
    "npm workspaces": Skeleton(
        {
            "package.json": package(name="root", workspaces=["apps/*"]),
            "package-lock.json": "",
            "apps/web/package.json": package("vite", name="web", build="vite build"),
            "apps/web/index.html": "",
        },
        {"folder": "apps/web", "lockfile": "../../package-lock.json", "build": ["npm", "run", "build"]},
        "Vite",
    ),
    "nx": Skeleton(
        {
            "package.json": package("nx", "vite", "react", name="org"),
            "package-lock.json": "",
            "nx.json": "{}",
            "apps/shop/project.json": '{"name": "shop"}',
            "apps/shop/index.html": "",
            "apps/shop/vite.config.ts": "export default { build: { outDir: '../../dist/apps/shop' } }",
            "libs/ui/project.json": '{"name": "ui"}',
            "libs/ui/vite.config.ts": "export default { build: { lib: { entry: 'a.ts' } } }",
        },
        {
            "folder": "",
            "lockfile": "package-lock.json",
            "build": ["npx", "--no-install", "nx", "build", "shop"],
            "output": "dist/apps/shop",
        },
        "Vite",
    ),
    "remix with vite": Skeleton(
        {
            "package.json": package("@remix-run/react", "@remix-run/dev", "vite", build="remix vite:build"),
            "package-lock.json": "",
            "vite.config.ts": "import { vitePlugin as remix } from '@remix-run/dev'",
        },
        {**NPM, "output": "build/client"},
        "Remix",
    ),
    "remix with its own compiler": Skeleton(
        {
            "package.json": package("@remix-run/react", "@remix-run/dev", build="remix build"),
            "package-lock.json": "",
            "remix.config.js": "module.exports = {}",
        },
        {"output": "public/build", "version_path": "/build/version.json"},
        "Remix",
    ),
    "react router": Skeleton(
        {
            "package.json": package(
                "react-router", "@react-router/dev", "vite", build="react-router build"
            ),
            "bun.lockb": "",
            "react-router.config.ts": "export default { ssr: true, buildDirectory: 'out' }",
        },
        {**BUN, "lockfile": "bun.lockb", "output": "out/client"},
        "React Router",
    ),
    "sveltekit, static": Skeleton(
        {
            "package.json": package("@sveltejs/kit", "vite", build="vite build"),
            "yarn.lock": "__metadata:\n  version: 8\n",
            "svelte.config.js": "import a from '@sveltejs/adapter-static'; a({ pages: 'site' })",
            "src/a.ts": "import { PUBLIC_SUPABASE_URL } from '$env/static/public'; const PUBLIC_ROUTES = 1",
        },
        {"install": ["yarn", "install", "--immutable"], "output": "site"},
        "SvelteKit",
        ("PUBLIC_SUPABASE_URL",),
    ),
    "sveltekit, automatic": Skeleton(
        {
            "package.json": package("@sveltejs/kit", "vite", build="vite build"),
            "package-lock.json": "",
            "svelte.config.js": "import adapter from '@sveltejs/adapter-auto'",
        },
        {"output": "build/client"},
        "SvelteKit",
        checks=("output",),
    ),
    "astro, static": Skeleton(
        {"package.json": package("astro", build="astro build"), "package-lock.json": ""},
        {**NPM, "output": "dist"},
        "Astro",
    ),
    "astro with a server": Skeleton(
        {
            "package.json": package("astro", "@astrojs/node", build="astro build"),
            "package-lock.json": "",
            "astro.config.mjs": "import node from '@astrojs/node'; ({ output: 'server', adapter: node() })",
        },
        {"output": "dist/client"},
        "Astro",
    ),
    "nuxt": Skeleton(
        {
            "package.json": package("nuxt", "@nuxtjs/supabase", build="nuxt build", version="^3.10.0"),
            "pnpm-lock.yaml": "",
            "nuxt.config.ts": "export default { runtimeConfig: { public: { apiBase: '', siteUrl: '' } } }",
        },
        {**PNPM, "output": ".output/public", "static": "public"},
        "Nuxt",
        ("NUXT_PUBLIC_API_BASE", "NUXT_PUBLIC_SITE_URL", "SUPABASE_KEY", "SUPABASE_URL"),
    ),
    "nuxt, generated": Skeleton(
        {"package.json": package("nuxt", build="nuxt generate"), "package-lock.json": ""},
        {"output": ".output/public", "static": ""},
        "Nuxt",
    ),
    "expo for the web": Skeleton(
        {
            "package.json": package("expo", "react-native-web"),
            "package-lock.json": "",
            "app.json": '{"expo": {"web": {"output": "single"}}}',
            "a.ts": "process.env.EXPO_PUBLIC_SUPABASE_URL",
        },
        {
            "build": ["npx", "--no-install", "expo", "export", "--platform", "web"],
            "output": "dist",
        },
        "Expo",
        ("EXPO_PUBLIC_SUPABASE_URL",),
        checks=("build",),
    ),
    "expo for phones beside a web app": Skeleton(
        {
            "mobile/package.json": package("expo", name="mobile"),
            "web/package.json": package("vite", name="web", build="vite build"),
            "web/package-lock.json": "",
            "web/index.html": "",
        },
        {**NPM, "folder": "web"},
        "Vite",
    ),
    "create react app": Skeleton(
        {
            "package.json": package("react-scripts", build="react-scripts build"),
            "package-lock.json": "",
            "src/a.js": "process.env.REACT_APP_API_URL",
        },
        {**NPM, "output": "build"},
        "Create React App",
        ("REACT_APP_API_URL",),
    ),
    "supabase in a folder of its name": Skeleton(
        {
            "package.json": package("vite", "@supabase/supabase-js", build="vite build"),
            "package-lock.json": "",
            "index.html": "",
            "supabase/supabase/migrations/20250101000000_x.sql": "",
        },
        {"migrations": "supabase/supabase/migrations"},
        "Vite",
        database=True,
    ),
    "a database without migrations": Skeleton(
        {
            "package.json": package(
                "vite", "@supabase/supabase-js", build="prisma migrate deploy && vite build"
            ),
            "index.html": "",
        },
        {"install": ["npm", "install"], "lockfile": "package.json", "migrations": "supabase/migrations"},
        "Vite",
        database=True,
        checks=("install", "build", "migrations"),
    ),
    "no package at all": Skeleton(
        {"app.py": "", "index.html": "", "requirements.txt": ""},
        {"install": [], "build": [], "output": "dist"},
        "",
        checks=("folder", "install", "build", "output", "build_variables"),
    ),
    "a framework that nobody knows": Skeleton(
        {"package.json": package("ember-source", build="ember build"), "package-lock.json": ""},
        {**NPM, "output": "dist"},
        "",
        checks=("folder", "output", "build_variables"),
    ),
}
