"""SIGKILL, a cut connection, a restart of the server, a full disk, a bucket that is away: at any moment.

`DESK_BACKUP_ROUNDS=40 DESK_CHAOS_SEED=7 pytest -s tests/chaos/test_backup.py` goes on longer.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pyrage
import pytest
from moto.server import ThreadedMotoServer

from scripts.config.desk import Desk
from scripts.database.backups import commands, encryption, manifest, scratch_server, storage
from scripts.database.backups.manifest import MANIFEST
from scripts.database.backups.request import BackupRequest, ListBackupsRequest, VerifyBackupRequest
from scripts.database.backups.unproven import VARIABLE
from scripts.database.postgres.local_server import SUPERUSER, LocalServer
from scripts.system import ports, temporary
from tests.support import backups, databases, disks, processes

ROUNDS = int(os.environ.get("DESK_BACKUP_ROUNDS", "2"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
ROWS = 20_000
DISK = 700  # megabytes
OURS = """select pid, application_name from pg_stat_activity
where application_name like 'release-desk%' and pid <> pg_backend_pid()"""
KEYS = {"BACKUP_S3_KEY_ID": "desk", "BACKUP_S3_SECRET_KEY": "desk-secret"}
# what a backup says when a part of it begins, and about how long that part takes (seconds)
PARTS = {"begun": 0.5, "dumping": 1.5, "storing it": 0.4, "restoring": 3.0}
HOWS = ("kill", "kill", "kill all", "kill all", "cut", "restart", "bucket away", "full disk", "full disk")
pytestmark = pytest.mark.timeout(60 * 60 * 4)


@dataclass
class Service:
    """An S3-compatible service that can be away for a time; what it holds stays."""

    port: int = field(default_factory=lambda: ports.find_free(1)[0])
    running: ThreadedMotoServer | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.running = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.running.start()

    def stop(self) -> None:
        if self.running:
            self.running.stop()
        self.running = None


@dataclass
class Site:
    """A server, a service, and the folder of the desk that backs up from one to the other."""

    server: LocalServer
    service: Service
    disk: disks.Disk
    url: str
    key: pyrage.x25519.Identity
    known: set[str] = field(default_factory=set)

    @property
    def folder(self) -> Path:
        """The desk's, with the backups on this machine."""
        return self.disk.folder / "desk"

    def tools(self, *, named: bool, rate: int = 0) -> Desk:
        """`named`: the scratch databases are made on a server that the team names."""
        scratch = (
            f"postgresql://{SUPERUSER}:{self.server.admin_password}@127.0.0.1:{self.server.port}/postgres"
        )
        values = {**KEYS, "BACKUP_IDENTITY": str(self.key)}
        values |= {VARIABLE: scratch} if named else {}
        recipients = [str(self.key.to_public())]
        return backups.prepared(
            self.folder, self.url, values,
            bucket="kept", endpoint=self.service.endpoint, recipients=recipients, rate=rate,
        )  # fmt: skip


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """All that the desk writes is on one small disk, temporary files too: what is left can be seen."""
    service = Service()
    with (
        disks.small(tmp_path / "disk", DISK) as disk,
        temporary_files(disk.folder / "tmp", monkeypatch),
        databases.serving(tmp_path / "server") as server,
    ):
        service.start()
        url = databases.filled(server, "app", ROWS)
        client = boto3.client(
            "s3", endpoint_url=service.endpoint, region_name="us-east-1",
            aws_access_key_id="desk", aws_secret_access_key="desk-secret",
        )  # fmt: skip
        client.create_bucket(Bucket="kept")
        client.close()
        made = Site(server, service, disk, url, pyrage.x25519.Identity.generate())
        made.folder.mkdir()
        try:
            yield made
        finally:
            service.stop()
            with scratch_server.scratch_folder():  # a round that failed may have left a server
                pass


@contextlib.contextmanager
def temporary_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """They lie there, for this process and its children."""
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield


def test_never_half_a_backup(site: Site) -> None:
    """Whatever happens: what is shown is whole, nothing stays behind, and the next one succeeds."""
    dice = random.Random(SEED)
    base = taken(site.tools(named=True))
    site.known.add(base)
    met: Counter[str] = Counter()
    for number in range(ROUNDS):
        how, part = dice.choice(HOWS), dice.choice(list(PARTS))
        named, rate, verify = dice.random() < 0.5, dice.choice((0, 0, 4)), dice.random() < 0.25
        wait = dice.uniform(0, PARTS[part])
        if verify:
            part = dice.choice(("begun", "restoring"))
        if how == "bucket away":
            part, verify = "storing it", False
        told = (
            f"seed {SEED}, round {number}: {how}, {wait:.3f} s after {part!r}, {named=} {rate=} {verify=}"
        )
        tools = site.tools(named=named, rate=rate)
        ended = disturbed(site, how, part, wait, base if verify else "")
        with explained(told):
            met["shown"] += shown_is_whole(site)
            site.known.add(taken(site.tools(named=named)))
            nothing_is_left(site, tools)
        met[how] += 1
        met[f"verify: {ended}" if verify else f"backup: {ended}"] += 1
        print(f"{told}: {ended}", flush=True)
    print(f"{ROUNDS} rounds with seed {SEED}: {dict(sorted(met.items()))}")


@contextlib.contextmanager
def explained(told: str) -> Iterator[None]:
    """Whatever fails here says in which round."""
    try:
        yield
    except BaseException as fault:
        fault.add_note(told)
        raise


def taken(tools: Desk) -> str:
    """A backup that nobody disturbs."""
    outcome = commands.backup(tools, BackupRequest(env="production", kind="manual", proof=True))
    assert outcome.data["proven"] is True
    return str(outcome.data["backup"])


def disturbed(site: Site, how: str, part: str, wait: float, identity: str) -> str:
    """Begin a backup in a process of its own, disturb it in that part; how it ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.backups", str(site.folder), identity],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout
        reached = any(line.startswith(part) for line in child.stdout)
        time.sleep(wait)
        disturb(site, how, child)
        _, errors = child.communicate(timeout=120)
        site.disk.free()
        if not site.service.running:
            site.service.start()
    assert (reached, "Traceback" in errors) == (True, False), f"{part}: {errors}"
    return "broken off" if child.returncode else "whole"


def disturb(site: Site, how: str, child: subprocess.Popen[str]) -> None:
    """What happens to it."""
    if how == "kill":
        child.kill()
    elif how == "kill all":
        for pid in (child.pid, *processes.descendants(child.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    elif how == "cut":
        with site.server.connect("postgres") as admin:
            admin.execute(OURS.replace("select pid", "select pg_terminate_backend(pid)").encode())
    elif how == "restart":
        site.server.stop()
        site.server.start()
    elif how == "full disk":
        site.disk.fill()
    else:
        site.service.stop()


def shown_is_whole(site: Site) -> int:
    """Each id that is shown verifies, and its copy in the bucket is whole; how many are new."""
    tools = site.tools(named=True)
    rows = commands.list_backups(tools, ListBackupsRequest(env="production", check=False)).data["backups"]
    new = {str(row["backup"]) for row in rows} - site.known
    far = storage.bucket_store(tools, tools.settings.environment("production"))
    assert far
    for each in new:
        assert (
            commands.verify_backup(tools, VerifyBackupRequest(backup=each, env="production")).data["proven"]
            is True
        )
    for each in new & set(far.ids()):
        for name, file in manifest.parse_manifest(far.manifest(each)).files.items():
            target = site.folder / "fetched"
            far.get(each, f"{name}.age", target)
            assert encryption.measure(target) == (file.encrypted_bytes, file.encrypted_sha256)
            target.unlink()
    site.known |= new
    return len(new)


def nothing_is_left(site: Site, tools: Desk) -> None:
    """No lock, no session, no scratch database, server or folder, no process, nothing in the bucket."""
    with site.server.connect("postgres") as admin:
        assert [] == admin.execute("select objid from pg_locks where locktype = 'advisory'").fetchall()
        assert processes.wait_until(lambda: not admin.execute(OURS.encode()).fetchall())
        query = "select datname from pg_database where datname like 'release%scratch%'"
        assert [] == admin.execute(query).fetchall()
    home = storage.folder_store(tools, tools.settings.environment("production")).folder
    assert [] == [each.name for each in home.iterdir() if not (each / MANIFEST).exists()]
    assert [] == list(Path(tempfile.gettempdir()).glob(f"{temporary.PREFIX}*"))
    assert processes.wait_until(lambda: not strays(site), 10), strays(site)
    far = storage.bucket_store(tools, tools.settings.environment("production"))
    assert far
    far.clear(lambda _at: True)
    pages = far.bucket.client().list_objects_v2(Bucket="kept")
    assert {each["Key"].split("/")[-2] for each in pages["Contents"]} == set(far.ids())


def strays(site: Site) -> list[str]:
    """Processes that work on this site's folders, and are none of its own server's."""
    marks = (f"{site.folder}/", tempfile.gettempdir())
    return [line for line in processes.command_lines().values() if any(mark in line for mark in marks)]
