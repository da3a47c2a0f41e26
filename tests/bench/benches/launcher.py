"""Requests a second through the launcher, beside the app alone and beside nginx."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.benches.load_wrk import wrk
from tests.bench.clock import clean_env
from tests.bench.plan import Bench, Broken, Run
from tests.bench.turns import Row, take_turns
from tests.integration.foreign_servers import listens
from tests.integration.launcher.world import World, free_port, world

NEEDS = {"wrk": "wrk", "nginx": "nginx", "node": "nodejs"}
CONNECTIONS = 32
SITE = {"build.sh": "mkdir -p public && cp number public/index.html\n"}
KINDS: dict[str, dict[str, Any]] = {
    "takes its socket": {"config": {"socket": "inherit"}},
    "behind its proxy": {"config": {"socket": "proxy"}},
    "static site": {"config": {"run": None}, "files": SITE},
}
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; user root;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream app {{ server 127.0.0.1:{app}; keepalive 64; }}
  server {{ listen 127.0.0.1:{proxy}; location / {{
    proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
  server {{ listen 127.0.0.1:{site}; root {root}; }}
}}
"""


def lacks() -> str:
    """Programs, with Debian's packages."""
    missing = [package for name, package in NEEDS.items() if not shutil.which(name)]
    return f"{', '.join(missing)}: apt-get install {' '.join(missing)}" if missing else ""


def measure(run: Run) -> Iterator[Row]:
    """Each kind of app beside the same without the launcher."""
    with ExitStack() as stack:
        ports: dict[str, int] = {}
        for number, (kind, options) in enumerate(KINDS.items()):
            folder = run.folder / f"launcher{number}"
            folder.mkdir()
            made = stack.enter_context(world(folder, **options))
            made.want(made.commit())
            made.start()
            made.until(partial(_serves, made), kind)
            ports[kind] = made.port
            if kind == "takes its socket":
                ports["app alone"] = stack.enter_context(_app(made))
        ports |= stack.enter_context(_nginx(run.folder / "nginx", ports["app alone"]))
        ways = {
            name: partial(wrk, f"http://127.0.0.1:{port}/", run, CONNECTIONS)
            for name, port in ports.items()
        }
        taken = take_turns(ways, run.runs, warm=False)
    for kind, other in (
        ("takes its socket", "app alone"), ("behind its proxy", "app alone"),
        ("behind its proxy", "nginx before the app"), ("static site", "nginx"),
    ):  # fmt: skip
        yield Row.of(kind, taken[kind], taken[other], beside=other, unit="requests a second")


def _serves(made: World) -> bool:
    return bool(made.status().get("live") == made.commits[0])


@contextmanager
def _running(argv: list[str], port: int, cwd: Path, **env: str) -> Iterator[int]:
    """A program that listens; gives its port."""
    with (cwd / "said").open("wb") as said:
        child = subprocess.Popen(
            argv, cwd=cwd, env=clean_env(**env), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        deadline = time.monotonic() + 20
        while not listens(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise Broken(f"`{argv[0]}` does not listen:\n{(cwd / 'said').read_text()}")
            time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.wait(10)


@contextmanager
def _app(made: World) -> Iterator[int]:
    """The app of a world, without the launcher: a checkout that is built and stamped."""
    folder = made.work.parent / "alone"
    shutil.copytree(made.work, folder)
    subprocess.run(["sh", "build.sh"], cwd=folder, check=True)
    (folder / "public" / "version.json").write_text(f'{{"commit": "{made.commits[0]}"}}')
    port = free_port()
    with _running(["node", "server.cjs"], port, folder, PORT=str(port)):
        yield port


@contextmanager
def _nginx(folder: Path, app: int) -> Iterator[dict[str, int]]:
    """One nginx before the app, and with the files of a site."""
    folder.mkdir()
    root = folder / "site"
    root.mkdir()
    (root / "index.html").write_text("000")
    proxy, site = free_port(), free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, app=app, proxy=proxy, site=site, root=root))
    with _running(["nginx", "-p", str(folder), "-c", str(configuration)], proxy, folder):
        yield {"nginx before the app": proxy, "nginx": site}


BENCH = Bench(
    "launcher",
    "requests a second that wrk gets through the launcher: an app that takes its socket, one behind its"
    " proxy, a static site; beside the app alone and nginx",
    "none",
    measure,
    lacks,
)
