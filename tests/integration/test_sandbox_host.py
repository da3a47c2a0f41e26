"""One host of the sandbox, for real: OpenSSH's client, the official MCP client, plain HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from scripts.sandbox.host_config import HostConfig
from scripts.system import daemon, ports

ROOT = Path(__file__).resolve().parents[2]
REPL_ID = "0c8f7a52-93f1-4f7e-8f0c-0d5b6f2a9e11"
TOKEN = "a-token-of-this-test"
APP = """
import http.server, os, pathlib, time
class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(1)
        body = pathlib.Path("content.txt").read_bytes()
        self.send_response(int(os.environ.get("ANSWER", "200")))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
Server((os.environ["HOST"], int(os.environ["PORT"])), App).serve_forever()
"""
REPLIT = """
[deployment]
build = "test ! -e broken || {{ echo build says no; exit 3; }}; touch built"
run = {{ args = ["python3", "{app}"], env = {{ ANSWER = "{answer}" }} }}
"""


class Host:
    """A running host daemon, and the ways in."""

    def __init__(self, folder: Path) -> None:
        port, ssh_port, mcp_port = ports.find_free(3)
        self.folder, self.port = folder, port
        self.config = HostConfig(
            folder=folder,
            name="airhost-dev",
            environment="development",
            repl_id=REPL_ID,
            ssh_port=ssh_port,
            mcp_port=mcp_port,
            port=port,
            workspace=folder / "workspace",
            published=folder / "published",
            host_key=folder / "host_key",
            authorized_keys=folder / "authorized_keys",
            npm_cache=folder / "npm",
            mcp_token=TOKEN,
            secrets={"DATABASE_URL": "postgresql://nobody:secret-of-the-test@127.0.0.1:1/x"},
            listen_limit=3.0,
        )
        for name in ("host_key", "client", "stranger"):
            key = asyncssh.generate_private_key("ssh-ed25519")
            (folder / name).write_bytes(key.export_private_key())
            (folder / name).chmod(0o600)
            (folder / f"{name}.pub").write_bytes(key.export_public_key())
        (folder / "authorized_keys").write_bytes((folder / "client.pub").read_bytes())
        public = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{ssh_port} {public}")
        self.config.save()

    def start(self) -> None:
        (self.folder / "ready").unlink(missing_ok=True)
        argv = [sys.executable, "-m", "scripts.sandbox.host", str(self.folder)]
        daemon.start(self.pid_file, argv, cwd=ROOT, env={}, log=self.folder / "host.log")
        wait((self.folder / "ready").exists, 20)

    def stop(self) -> None:
        daemon.stop(self.pid_file, grace=10)

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    def apps(self) -> list[int]:
        files = (self.folder / "running").glob("*.pid")
        return [pid for file in files if (pid := daemon.running(file))]

    def fault(self, **faults: str) -> None:
        (self.folder / "faults.json").write_text(json.dumps(faults))

    def write(self, content: str, *, app: str = "app.py", answer: int = 200) -> None:
        (self.config.workspace / "content.txt").write_text(content)
        (self.config.workspace / ".replit").write_text(REPLIT.format(app=app, answer=answer))

    def ssh_argv(self, command: str, key: str = "client") -> list[str]:
        options = {
            "IdentityFile": self.folder / key,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": self.folder / "known_hosts",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        argv = ["ssh", "-F", "/dev/null", "-p", str(self.config.ssh_port), "-l", REPL_ID]
        for name, value in options.items():
            argv += ["-o", f"{name}={value}"]
        return [*argv, "127.0.0.1", command]

    def ssh(self, command: str, stdin: str = "", key: str = "client") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.ssh_argv(command, key),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def tool(self, name: str, repl_id: str = REPL_ID) -> tuple[bool, str]:
        """Call a tool with the official client: whether it is an error, and the text."""
        return asyncio.run(self._tool(name, repl_id))

    async def _tool(self, name: str, repl_id: str) -> tuple[bool, str]:
        import httpx2
        from mcp.client import Client
        from mcp.client.streamable_http import streamable_http_client
        from mcp.types import TextContent

        url = f"http://127.0.0.1:{self.config.mcp_port}/server/mcp"
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with (
            httpx2.AsyncClient(headers=headers) as http_client,
            Client(streamable_http_client(url, http_client=http_client)) as client,
        ):
            result = await client.call_tool(name, {"replId": repl_id})
            (content,) = result.content
            assert isinstance(content, TextContent)
            return bool(result.is_error), content.text

    def publish(self) -> dict[str, str]:
        """Publish and wait for the end."""
        error, text = self.tool("publish_app")
        assert not error, text
        assert json.loads(text) == {"replId": REPL_ID, "status": "publishing"}
        wait(lambda: self.status()["status"] != "publishing", 20)
        return self.status()

    def status(self) -> dict[str, str]:
        status: dict[str, str] = json.loads(self.tool("get_publish_status")[1])
        return status

    def get(self, path: str = "/") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    host = Host(folder)
    host.config.workspace.mkdir()
    (host.config.workspace / "app.py").write_text(APP)
    host.write("never published")
    try:
        host.start()
        yield host
    finally:
        host.stop()


@pytest.fixture
def host(running: Host) -> Host:
    (running.folder / "faults.json").unlink(missing_ok=True)
    (running.config.workspace / "broken").unlink(missing_ok=True)
    return running


def test_before_the_first_publish_the_answer_is_502(host: Host) -> None:
    if not list(host.config.published.iterdir()):
        assert host.status()["status"] == "unpublished"
        assert host.get()[0] == 502


def test_ssh_runs_a_script_from_stdin_and_passes_the_exit_code(host: Host) -> None:
    done = host.ssh("bash -s -- one 'two words'", 'echo "$REPL_ID|$2|$PWD"; echo no >&2; exit 7\n')
    assert done.returncode == 7
    assert done.stdout == f"{REPL_ID}|two words|{host.folder}/home\n"
    assert done.stderr == "no\n"


def test_ssh_gives_the_tools_the_workspace_and_the_secrets(host: Host) -> None:
    command = "command -v git node npm >/dev/null && ls workspace/app.py && echo ${DATABASE_URL%%:*}"
    done = host.ssh(command)
    assert done.stdout == "workspace/app.py\npostgresql\n"


def test_ssh_carries_much_both_ways(host: Host) -> None:
    text = "0123456789abcde\n" * 200_000
    assert host.ssh("cat", text).stdout == text


def test_ssh_refuses_another_key(host: Host) -> None:
    done = host.ssh("true", key="stranger")
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_the_command_goes_on_when_its_client_is_killed(host: Host) -> None:
    client = subprocess.Popen(host.ssh_argv("touch ~/begun; sleep 1; touch ~/ended"))
    wait((host.folder / "home" / "begun").exists, 10)
    client.kill()
    client.wait()
    wait((host.folder / "home" / "ended").exists, 10)
    wait(lambda: not list((host.folder / "running").glob("ssh-*.pid")), 5)


def test_ssh_faults(host: Host) -> None:
    host.fault(ssh="down")
    assert host.ssh("true").returncode == 255
    host.fault(ssh="drops")
    assert host.ssh("sleep 2; touch ~/after-the-drop").returncode == 255
    wait((host.folder / "home" / "after-the-drop").exists, 10)


@pytest.mark.parametrize("token", [None, "Bearer wrong", TOKEN])
def test_mcp_demands_the_token(host: Host, token: str | None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", host.config.mcp_port, timeout=10)
    headers = {"content-type": "application/json"} | ({"authorization": token} if token else {})
    connection.request("POST", "/server/mcp", "{}", headers)
    answer = connection.getresponse()
    assert answer.status == 401
    assert "/.well-known/oauth-protected-resource/server/mcp" in answer.headers["www-authenticate"]
    connection.close()


def test_mcp_knows_only_its_own_app(host: Host) -> None:
    error, text = host.tool("publish_app", "somebody-elses")
    assert error
    assert "replId" in text


def test_publish_takes_a_snapshot_and_makes_it_live(host: Host) -> None:
    host.write("first")
    status = host.publish()
    assert (status["status"], status["stage"], status["url"]) == (
        "published",
        "Promote",
        host.config.url,
    )
    host.write("changed in the workspace, not published")
    assert host.get() == (200, "first")
    assert not (host.config.workspace / "built").exists()
    wait(lambda: len(host.apps()) == 1, 10)


@pytest.mark.parametrize("how", ["build", "never listens", "ends at once", "no .replit"])
def test_what_fails_leaves_the_old_one_live(host: Host, how: str) -> None:
    host.write("good")
    assert host.publish()["status"] == "published"
    apps = {"never listens": "sleeper.py", "ends at once": "missing.py"}
    (host.config.workspace / "sleeper.py").write_text("import time; time.sleep(60)")
    host.write("bad", app=apps.get(how, "app.py"))
    if how == "build":
        (host.config.workspace / "broken").touch()
    if how == "no .replit":
        (host.config.workspace / ".replit").unlink()
    status = host.publish()
    assert status["status"] == "failed"
    assert status["stage"] == {"build": "Build", "no .replit": "Provision"}.get(how, "Promote")
    assert how != "build" or "build says no" in status["message"]
    assert host.get() == (200, "good")
    wait(lambda: len(host.apps()) == 1, 10)


def test_an_app_that_answers_500_does_go_live(host: Host) -> None:
    host.write("sorry", answer=500)
    assert host.publish()["status"] == "published"
    assert host.get() == (500, "sorry")


def test_a_switch_refuses_nobody_and_cuts_nobody_off(host: Host) -> None:
    host.write("before")
    host.publish()
    answers: list[tuple[int, str]] = []
    faults: list[Exception] = []
    stop = threading.Event()

    def ask(path: str) -> None:
        while not stop.is_set():
            try:
                answers.append(host.get(path))
            except (OSError, http.client.HTTPException) as fault:
                faults.append(fault)

    threads = [threading.Thread(target=ask, args=(path,)) for path in ("/", "/", "/", "/slow")]
    for thread in threads:
        thread.start()
    host.write("after")
    host.publish()
    time.sleep(1.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert {code for code, _ in answers} == {200}
    assert {text for _, text in answers} == {"before", "after"}
    assert host.get() == (200, "after")


def test_three_snapshots_are_kept(host: Host) -> None:
    for number in range(4):
        host.write(str(number))
        host.publish()
    wait(lambda: len(list(host.config.published.iterdir())) == 3, 10)
    assert host.get() == (200, "3")


def test_publish_faults(host: Host) -> None:
    host.write("live")
    host.publish()
    host.write("wanted")
    host.fault(publish="lost")
    assert host.publish()["status"] == "published"
    assert host.get() == (200, "live")
    host.fault(publish="fails")
    assert host.publish()["status"] == "failed"
    host.fault(publish="error")
    assert host.tool("publish_app")[0]
    host.fault(publish="hangs")
    assert not host.tool("publish_app")[0]
    time.sleep(0.5)
    assert host.status()["status"] == "publishing"
    host.fault()
    assert host.publish()["status"] == "published"
    assert host.get() == (200, "wanted")


def test_public_faults(host: Host) -> None:
    host.write("fine")
    host.publish()
    host.fault(public="500")
    assert host.get()[0] == 500
    host.fault(public="down")
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        host.get()
    host.fault()
    assert host.get() == (200, "fine")


def test_a_restart_brings_the_published_app_back(host: Host) -> None:
    host.write("kept")
    host.publish()
    host.write("never published")
    host.stop()
    assert host.apps() == []
    host.start()
    assert host.get() == (200, "kept")


def test_a_killed_host_leaves_an_orphan_that_the_next_start_ends(host: Host) -> None:
    host.write("kept")
    host.publish()
    pid = daemon.running(host.pid_file)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait(lambda: daemon.running(host.pid_file) is None, 5)
    orphans = host.apps()
    assert orphans
    host.start()
    assert not set(orphans) & set(host.apps())
    assert host.get() == (200, "kept")


def test_no_secret_is_in_a_log_or_on_a_command_line(host: Host) -> None:
    for log in [*(host.folder / "log").iterdir(), host.folder / "host.log"]:
        assert "secret-of-the-test" not in log.read_text()
    pid = daemon.running(host.pid_file)
    assert TOKEN not in Path(f"/proc/{pid}/cmdline").read_text()
