"""The servers of a world that this repository did not make: PostgreSQL 15, OpenSSH, static sites."""

from __future__ import annotations

import contextlib
import http.server
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scripts.sandbox.hang_ups import StandInServer
from tests.support import skips

POSTGRES = Path("/usr/lib/postgresql/15/bin")
SSHD = Path("/usr/sbin/sshd")
SUPERUSER_PASSWORD = "the keg's own"
NOBODY = 65534
CLI = "node_modules/@supabase/cli-*/bin/supabase"
DESK = Path(__file__).resolve().parents[2]
SILENT = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}


def missing() -> str | None:
    """Why this machine can't hold the world, as the reason of a skip; None when it can."""
    packages = {
        "openssh-server": SSHD.exists(),
        "postgresql-15": all((POSTGRES / name).exists() for name in ("initdb", "postgres", "psql")),
        "openssh-client": shutil.which("ssh") and shutil.which("ssh-keygen"),
        "openssl": shutil.which("openssl"),
        "git": shutil.which("git"),
    }
    lacking = [package for package, there in packages.items() if not there]
    return skips.reason(", ".join(lacking), f"apt-get install {' '.join(lacking)}") if lacking else None


def call(
    *argv: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
    said: str = "",
) -> str:
    """What a program printed that was told `said`; that it ended with 0 must be true."""
    texts = [str(each) for each in argv]
    done = subprocess.run(
        texts, cwd=cwd, env=env, input=said, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"{shlex.join(texts)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listened a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} took longer than {seconds:g} s"
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def passable_folder() -> Iterator[Path]:
    """A new folder that other users may walk through, as a server under another user must."""
    folder = Path(tempfile.mkdtemp(prefix="brewlog-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def server(argv: list[str], port: int, **options: Any) -> Iterator[None]:
    """A process that listens on `port` for as long as the block lasts."""
    with subprocess.Popen(argv, start_new_session=True, **options) as child:
        try:
            wait_for(lambda: listens(port) or child.poll() is not None, argv[0])
            said = child.stdout.read() if child.poll() is not None and child.stdout else b""
            assert child.poll() is None, f"{argv[0]} ended at once: {said!r}"
            yield
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
            if child.stdout:
                child.stdout.close()


def certificates(folder: Path) -> None:
    """A CA, a server certificate for `localhost` from it, and the CA of somebody else."""
    folder.mkdir()
    for name in ("ca", "other"):
        call("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN=Brewlog {name}",
             "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt")  # fmt: skip
    call("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=localhost", "-keyout", folder / "server.key",
         "-out", folder / "server.csr")  # fmt: skip
    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    call("openssl", "x509", "-req", "-days", "2", "-in", folder / "server.csr",
         "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial",
         "-extfile", folder / "san", "-out", folder / "server.crt")  # fmt: skip


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[int]:
    """A PostgreSQL that lets in nobody without TLS and password; yields its port."""
    home, port = folder / "postgres", free_port()
    certificates(folder / "tls")
    home.mkdir()
    (home / "password").write_text(SUPERUSER_PASSWORD)
    for name in ("server.key", "server.crt"):
        shutil.copy(folder / "tls" / name, home / name)
    (home / "server.key").chmod(0o600)
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
        for path in (home, *home.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    data = home / "data"
    call(*as_user, POSTGRES / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256",
         "-E", "UTF8", "--locale=C", "--no-sync", f"--pwfile={home / 'password'}", cwd=home)  # fmt: skip
    hba = home / "pg_hba.conf"
    hba.write_text("hostssl all all localhost scram-sha-256\n")
    hba.chmod(0o644)
    settings = {
        "listen_addresses": "localhost",
        "port": str(port),
        "unix_socket_directories": "",
        "hba_file": str(hba),
        "ssl": "on",
        "ssl_cert_file": str(home / "server.crt"),
        "ssl_key_file": str(home / "server.key"),
        "fsync": "off",
    }
    options = [f"--{key}={value}" for key, value in settings.items()]
    argv = [*as_user, str(POSTGRES / "postgres"), "-D", str(data), *options]
    with server(argv, port, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL):  # fmt: skip
        yield port


def psql(folder: Path, port: int, database: str, user: str, password: str, sql: str) -> str:  # noqa: PLR0917 - as on its command line
    """What the server's own client answers, over verified TLS; the SQL is in no argument list."""
    env = {
        "PGPASSWORD": password,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(folder / "tls" / "ca.crt"),
        "PGCLIENTENCODING": "UTF8",
    }
    where = ("-h", "localhost", "-p", port, "-U", user, "-d", database)
    return call(POSTGRES / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *where, env=env, said=sql)


@contextlib.contextmanager
def sshd(folder: Path, aliases: list[str]) -> Iterator[Path]:
    """OpenSSH's server, to which one key opens the door; yields a client configuration."""
    home, port = folder / "ssh", free_port()
    home.mkdir()
    for name in ("host", "brewer", "stranger"):
        call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", home / name)
    shutil.copy(home / "brewer.pub", home / "authorized")
    (home / "banner").write_text("Authorised brewers only.\n")
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    (home / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {home / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {home / 'authorized'}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"LogLevel ERROR\nPermitRootLogin prohibit-password\nBanner {home / 'banner'}\n"
        f"SetEnv PATH={path} GIT_CONFIG_GLOBAL=/dev/null\n"
    )
    if os.geteuid() == 0:  # where sshd's service was never started, its empty folder is not there
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    argv = [str(SSHD), "-D", "-e", "-f", str(home / "sshd_config")]
    public = (home / "host.pub").read_text()
    (home / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    blocks = [_host(home, alias, port, "brewer") for alias in aliases]
    blocks.append(_host(home, "brew-wrong-key", port, "stranger"))
    blocks.append(_host(home, "brew-impostor", port, "brewer", known="nobody_known"))
    blocks.append(_host(home, "brew-down", free_port(), "brewer"))
    (home / "config").write_text("\n".join(blocks))
    with server(argv, port, **SILENT):
        yield home / "config"


def _host(home: Path, alias: str, port: int, key: str, known: str = "known_hosts") -> str:
    import getpass

    return (
        f"Host {alias}\n  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {home / key}\n  IdentitiesOnly yes\n  IdentityAgent none\n"
        f"  UserKnownHostsFile {home / known}\n  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n  UpdateHostKeys no\n"
    )


class Site:
    """A static server over one folder, which can be switched off and on again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: StandInServer | None = None

    @property
    def is_up(self) -> bool:
        """Whether it serves now."""
        return self._server is not None

    def up(self) -> None:
        """Serve the folder, if it is not served yet."""
        if self.is_up:
            return
        handler = partial(_Quiet, directory=str(self.folder))
        self._server = StandInServer(("127.0.0.1", self.port), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self) -> None:
        """Answer nobody."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def supabase_cli(cache: Path) -> Path:
    """The real binary: `SUPABASE_CLI`, the one that `scripts/bootstrap test` got, or npm's into `cache`."""
    named = os.environ.get("SUPABASE_CLI")
    if named:
        return Path(named)
    for folder in (DESK / ".venv" / "supabase-cli", DESK / ".sandbox" / "clone", cache):
        for found in folder.glob(CLI):
            return found.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        call("npm", "install", "--prefix", cache, "--no-audit", "--no-fund", "supabase@3.1.0", timeout=100)
    except subprocess.TimeoutExpired:
        pytest.skip(
            skips.reason(
                "a Supabase CLI (npm took over 100 s)",
                "npm install --prefix .venv/supabase-cli supabase@3.1.0",
            )
        )
    return next(cache.glob(CLI)).resolve()
