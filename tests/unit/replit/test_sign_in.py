"""The sign-in at Replit's MCP server: the stand-in over real HTTP, and the test plays the browser."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from scripts.config import logins
from scripts.config.desk import Desk
from scripts.config.logins import Login
from scripts.errors import CommandFailed, CommandTimedOut, ConfigError, Declined, Refused, Unreachable
from scripts.replit import login_command, renewal, sign_in, workspace
from scripts.replit.live import Expected
from scripts.replit.mcp import McpDriver, NotLetIn
from scripts.replit.request import LoginRequest, LogoutRequest
from scripts.sandbox.host_config import HostConfig
from scripts.sandbox.host_mcp import PATH, McpHost
from scripts.secrets.required import needed
from tests.fakes.driver import PUBLISHED
from tests.fakes.world import Notes, World
from tests.support.servers import closed_port

ID = "11111111-2222-4333-8444-555555555555"


class Publisher:
    """Counts what is published."""

    published = 0

    def publish(self, _fault: str | None) -> dict[str, str]:
        """One Publish."""
        self.published += 1
        return self.status()

    def status(self) -> dict[str, str]:
        """How it stands."""
        return {"status": "published"}


class Browser(Notes):
    """A person with a browser: opens the address that a note names, and follows where it leads."""

    typed = ""
    at = ""
    follow = True

    def note(self, text: str) -> None:
        """Open the address; the listener answers while this thread waits, so in another one."""
        super().note(text)
        address = text.rpartition(" ")[2]
        if not address.startswith("http"):
            return
        back = requests.get(address, timeout=10, allow_redirects=False)
        self.at = back.headers["location"]
        if self.follow:
            threading.Thread(target=requests.get, args=(self.at,), kwargs={"timeout": 10}).start()

    def ask(self, question: str, default: str) -> str:
        """Paste the address that the browser ended at."""
        return self.typed or self.at


@dataclass
class Replit:
    """The stand-in, and a desk whose staging is published through it."""

    config: HostConfig
    publisher: Publisher
    desk: Desk

    @property
    def browser(self) -> Browser:
        """The person's."""
        return cast(Browser, self.desk.progress)

    @property
    def driver(self) -> McpDriver:
        """Of staging."""
        return McpDriver(self.desk, self.desk.settings.environments["staging"])

    @property
    def file(self) -> Path:
        """Where the sign-in lies."""
        return logins.file_of(self.desk.state_folder, self.driver._environment.mcp_url)

    @property
    def stored(self) -> Login:
        """The sign-in."""
        login = logins.read(self.file)
        assert login
        return login

    def plays(self, fault: str) -> None:
        """Have the stand-in play a fault."""
        (self.config.folder / "faults.json").write_text(json.dumps({"sign_in": fault}))

    def login(self, **options: Any) -> Any:
        """Sign in for staging."""
        return login_command.login(self.desk, LoginRequest(env="staging", **options))


async def _end_tasks() -> None:
    """The library leaves one that waits for the end of the process."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HostConfig, Publisher]]:
    """The stand-in's server, in a thread."""
    folder = tmp_path_factory.mktemp("host")
    config = HostConfig(
        folder=folder, name="x", environment="staging", repl_id=ID, ssh_port=1, port=1,
        mcp_port=closed_port(),
        workspace=folder, published=folder, host_key=folder, authorized_keys=folder, npm_cache=folder,
        mcp_token="the-token-of-ci", secrets={},
    )  # fmt: skip
    publisher, loop = Publisher(), asyncio.new_event_loop()
    server = McpHost(config, cast(Any, publisher))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
    yield config, publisher
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
    asyncio.run_coroutine_threadsafe(_end_tasks(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def replit(host: tuple[HostConfig, Publisher], world: World) -> Replit:
    """Nobody has signed in."""
    config, publisher = host
    url = f"http://127.0.0.1:{config.mcp_port}{PATH}"
    known = world.settings.environments
    staging = known["staging"]._replace(publish="mcp", mcp_url=url, repl_id=ID)
    settings = replace(world.settings, environments={**known, "staging": staging})
    made = Replit(config, publisher, world.desk(settings=settings, progress=Browser(), values=lambda _: {}))
    made.plays("")
    return made


def test_a_sign_in_publishes_is_renewed_and_ends(replit: Replit) -> None:
    """Register, authorize, publish, expiry, renewal, revocation: the life of a sign-in."""
    with pytest.raises(Refused, match="nobody has signed in") as nobody:
        replit.driver.check()
    assert "invoke replit.login --env staging" in str(nobody.value.hint)

    replit.plays("short")
    said = replit.login()

    first = replit.stored
    assert (replit.file.stat().st_mode & 0o777, replit.file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert first.expired()
    assert first.access not in "".join([*replit.browser.lines, str(said.document())])

    replit.plays("")
    replit.driver.publish(*PUBLISHED)

    second = replit.stored
    assert replit.publisher.published == 1
    assert first.access != second.access
    assert first.refresh != second.refresh  # the server rotates it: the new one had to be stored
    assert not second.expired()

    replit.plays("revoked")
    with pytest.raises(renewal.SignedOut, match="does not renew") as revoked:
        replit.driver.publish(*PUBLISHED)
    assert "`invoke replit.login --env staging`" in str(revoked.value.hint)
    assert replit.publisher.published == 1

    replit.plays("")
    ended = login_command.logout(replit.desk, LogoutRequest())

    assert ended.data["revoked"] == [second.server]
    assert [*replit.file.parent.iterdir()] == []
    refused = requests.post(second.server, headers={"Authorization": f"Bearer {second.access}"}, timeout=10)
    assert refused.status_code == 401


def test_a_token_that_ended_early_is_renewed_once(replit: Replit) -> None:
    """The clock says that it lives, the server that it does not: nothing has begun, so it asks again."""
    replit.login()
    logins.write(replit.file, replace(replit.stored, access="not-this-one-any-more"))

    assert "takes the token" in replit.driver.check()
    assert replit.stored.access != "not-this-one-any-more"


def test_many_runs_renew_it_once(replit: Replit) -> None:
    """The second would use up a token that the first has used up already."""
    replit.plays("short")
    replit.login()
    replit.plays("")
    tokens: list[str] = []

    def ask() -> None:
        token = renewal.token(replit.file, "again")
        tokens.append(token.reveal() if token else "")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert tokens == [replit.stored.access] * 4


def test_the_variable_wins_and_a_refused_one_says_so(replit: Replit) -> None:
    """A stored sign-in does not hide that CI's token has ended."""
    replit.login()
    replit.desk = replace(replit.desk, values=lambda _: {"REPLIT_MCP_TOKEN": "one-that-has-ended"})

    with pytest.raises(NotLetIn) as caught:
        replit.driver.publish(*PUBLISHED)

    assert "wins over a sign-in" in str(caught.value.hint)
    assert "invoke replit.login --env staging" in str(caught.value.hint)


def test_a_stored_sign_in_stands_for_the_variable(replit: Replit) -> None:
    """For `env.check`."""
    staging = replit.desk.settings.environments["staging"]._replace(database=False)
    before = {name for name, _ in needed(replit.desk, staging, "")}
    replit.login()
    after = {name for name, _ in needed(replit.desk, staging, "")}

    assert before - after == {"REPLIT_MCP_TOKEN"}


def test_a_sign_in_that_has_ended_is_named_before_the_build(replit: Replit) -> None:
    """No workspace is touched for a Publish that can't come."""
    replit.plays("short")
    replit.login()
    replit.plays("revoked")

    with pytest.raises(renewal.SignedOut, match="was revoked, or has expired"):
        replit.driver.build(Expected("a" * 40, "staging"), "refs/deploy/candidate/x")


def test_a_token_that_is_not_taken_is_named_before_the_database_changes(
    replit: Replit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was revoked, and this machine can't know: the first question, during the build, tells."""
    replit.login()
    replit.plays("revoked")
    told, try_token = threading.Event(), McpDriver._try_token

    def tried(driver: McpDriver) -> None:
        try_token(driver)
        told.set()

    def place(*_: object) -> workspace.Placed:
        assert told.wait(20)
        return workspace.Placed(b"", "")

    monkeypatch.setattr(McpDriver, "_try_token", tried)
    monkeypatch.setattr(workspace, "place", place)

    with pytest.raises(renewal.SignedOut) as caught:
        replit.driver.build(Expected("a" * 40, "staging"), "refs/deploy/candidate/x")
    assert "invoke replit.login --env staging" in str(caught.value.hint)


def test_a_server_that_is_ill_ends_no_sign_in(replit: Replit) -> None:
    """It stays as it was, and nobody is told to sign in for nothing."""
    replit.login()
    logins.write(
        replit.file, replace(replit.stored, expires=1.0, token_url=f"{replit.stored.server}/nothing")
    )
    before = replit.file.read_bytes()

    with pytest.raises(Unreachable, match="did not renew the sign-in") as caught:
        replit.driver.publish(*PUBLISHED)

    assert not isinstance(caught.value, renewal.SignedOut)
    assert replit.file.read_bytes() == before


def test_nobody_signs_in(replit: Replit) -> None:
    """The wait has an end; so has that for a person who pastes nothing."""
    server = replit.driver._environment.mcp_url
    for paste in (None, lambda: threading.Event().wait(2)):
        with pytest.raises(CommandTimedOut, match="nobody signed in") as caught:
            sign_in.sign_in(server, lambda _: None, cast(Any, paste), seconds=0.3)
        assert "invoke replit.login" in str(caught.value.hint)


def test_who_comes_without_the_state_is_sent_away(replit: Replit) -> None:
    """Another page of the browser, a port scanner, or an answer to another sign-in: the wait goes on."""
    statuses: list[int] = []

    def show(address: str) -> None:
        back = requests.get(address, timeout=10, allow_redirects=False).headers["location"]
        origin = back.partition("/callback")[0]

        def visit() -> None:
            idle = socket.create_connection(("127.0.0.1", int(origin.rpartition(":")[2])))
            paths = ("/", "/callback?code=theirs&state=other", "/callback?error=access_denied")
            statuses.extend(requests.get(f"{origin}{path}", timeout=10).status_code for path in paths)
            statuses.append(requests.post(back, timeout=10).status_code)
            requests.get(back, timeout=10)
            idle.close()

        threading.Thread(target=visit).start()

    made = sign_in.sign_in(replit.driver._environment.mcp_url, show, None)

    assert made.access
    assert statuses == [400] * 4


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("https://replit.com/token", False),
        ("http://127.0.0.1:1/token", False),
        ("http://replit.com/token", True),
        ("javascript:alert(1)", True),
    ],
)
def test_no_token_travels_unencrypted(url: str, refused: bool) -> None:
    """Wherever the server's metadata points."""
    with pytest.raises(CommandFailed) if refused else nullcontext():
        sign_in._refuse_plain(url)


def test_a_person_says_no(replit: Replit) -> None:
    """Nothing is stored."""
    replit.plays("denied")
    with pytest.raises(Declined, match="access_denied"):
        replit.login()

    assert not replit.file.exists()


def test_a_browser_on_another_machine(replit: Replit) -> None:
    """The address that it ends at is pasted; that of another sign-in is not taken."""
    replit.browser.follow = False
    replit.login(no_browser=True)
    used = replit.browser.at
    assert replit.stored.access

    replit.browser.typed = used
    with pytest.raises(Declined, match="is not the address"):
        replit.login(no_browser=True)


def test_a_token_goes_to_ci(replit: Replit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is said; the value is in a private file, or on the standard input of `gh`."""
    replit.login()
    said = replit.login(export=True)

    file = replit.desk.state_folder / "logins" / "STAGING_REPLIT_MCP_TOKEN"
    assert said.data["secrets"] == ["STAGING_REPLIT_MCP_TOKEN"]
    assert (file.read_text(), file.stat().st_mode & 0o777) == (replit.stored.access, 0o600)
    assert file.read_text() not in str(said.document())

    commands: list[Any] = []
    monkeypatch.setattr(login_command, "run", commands.append)
    replit.login(export=True, github=True)

    (command,) = commands
    assert command.argv == ("gh", "secret", "set", "STAGING_REPLIT_MCP_TOKEN")
    assert command.stdin.decode() == replit.stored.access


@pytest.mark.parametrize(("text", "mode"), [("{}", 0o600), ("no json", 0o600), (None, 0o644)])
def test_a_file_that_is_no_sign_in_is_refused(replit: Replit, text: str | None, mode: int) -> None:
    """Damaged, or read by others; a new sign-in replaces it."""
    replit.login()
    if text is not None:
        replit.file.write_text(text)
    replit.file.chmod(mode)

    with pytest.raises(ConfigError):
        logins.read(replit.file)
    replit.login()
    assert replit.stored.access
