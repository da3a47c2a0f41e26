"""The leak scan of a release: what was built, and what visitors get."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from scripts.errors import CommandFailed, Refused, ReleaseFailed, Unreachable
from scripts.release import leak_gate
from scripts.release.commands import deploy
from scripts.release.leak_gate import Reading, scan_bundle, scan_served
from scripts.release.observe import observe
from scripts.release.plan import decide
from scripts.release.request import DeployRequest, RollbackRequest
from scripts.release.run import ReleaseRun, acquire
from scripts.secrets.site import Site
from tests.fakes.driver import archive_of
from tests.fakes.world import Notes, World, ending
from tests.support.processes import wait_until
from tests.unit.release.samples import begun

LEAK = 'const k = "sb_secret_0123456789abcdefghijkl_01234567";'
PAGE = {"index.html": "<h1>hello</h1>"}


@pytest.fixture
def run(world: World) -> ReleaseRun:
    """A deploy to development that holds its lock."""
    return begun(world)


@pytest.fixture
def back(world: World) -> ReleaseRun:
    """A rollback that holds its lock."""
    deploy(world.desk(), DeployRequest(env="development"))
    world.commit("develop", {"file": "new"})
    deploy(world.desk(), DeployRequest(env="development"))
    return begun(world, RollbackRequest(env="development"))


def notes(run: ReleaseRun) -> str:
    """What people saw."""
    return "\n".join(cast(Notes, run.desk.progress).lines)


def served(monkeypatch: pytest.MonkeyPatch, site: Site | CommandFailed) -> None:
    """The public URL gives these files."""

    def read(*_: object, **__: object) -> Site:
        if isinstance(site, CommandFailed):
            raise site
        return site

    monkeypatch.setattr(leak_gate, "read_site", read)


def scan(run: ReleaseRun, built: leak_gate.Bundle) -> bool:
    """The scan of what is served, which is read for it."""
    return scan_served(run, built, Reading(run))


# ---------------------------------------------------------------------------------------- what was built


def test_a_clean_bundle_is_handed_on(run: ReleaseRun) -> None:
    """Its files, for the comparison with what is served."""
    assert scan_bundle(run, archive_of(PAGE)) == {"index.html": b"<h1>hello</h1>"}
    assert run.steps[-1] == {"name": "scan", "seconds": 0.0, "ending": "done"}


def test_a_bundle_with_a_secret_is_a_bad_build(run: ReleaseRun) -> None:
    """The file is named; the secret is not."""
    error = ending(lambda: scan_bundle(run, archive_of({**PAGE, "app.js": LEAK})))

    assert type(error) is ReleaseFailed
    assert "what was built may not be published" in error.message
    assert "app.js" in error.message
    assert "0123456789abcdef" not in error.message
    assert error.hint


def test_a_value_of_the_environment_is_found_in_the_bundle(world: World) -> None:
    """The database's password, whatever its form."""
    folder = world.folder / "env"
    folder.mkdir()
    (folder / ".env.development").write_text("API_SECRET=geheimnis-4711-abcdef\n")
    (folder / ".env.development").chmod(0o600)
    error = ending(lambda: scan_bundle(begun(world), archive_of({"app.js": "x('geheimnis-4711-abcdef')"})))

    assert type(error) is ReleaseFailed
    assert "API_SECRET" in error.message


@pytest.mark.parametrize("archive", [b"", b"no archive at all"])
def test_a_bundle_that_can_not_be_read_is_refused(run: ReleaseRun, archive: bytes) -> None:
    """Nobody knows what is in it; the commit is not bad by that."""
    assert type(ending(lambda: scan_bundle(run, archive))) is Refused


def test_going_back_is_not_stopped_by_a_leak(back: ReleaseRun) -> None:
    """What was live before is better than what is broken; it is told."""
    assert set(scan_bundle(back, archive_of({**PAGE, "app.js": LEAK}))) == {"index.html", "app.js"}
    assert "app.js" in notes(back)


@pytest.fixture
def two_addresses(world: World) -> World:
    """The build of each environment gets an address of its own."""
    app = world.settings.app._replace(build_variables=("VITE_API_URL",))
    world.settings = replace(world.settings, app=app)
    folder = world.folder / "env"
    folder.mkdir()
    for name in ("development", "staging"):
        file = folder / f".env.{name}"
        file.write_text(f"VITE_API_URL=https://{name}.api.example.org\n")
        file.chmod(0o600)
    return world


OWN, OTHER = (f"fetch('https://{name}.api.example.org')" for name in ("development", "staging"))


def addressed(world: World) -> ReleaseRun:
    """A deploy to development that holds its lock."""
    values = {
        "VITE_API_URL": "x",
        "DATABASE_URL": "postgresql://postgres@development.example.org/postgres",
        "DATABASE_PASSWORD": "password-of-a-fake",
    }
    desk = world.desk(values=lambda _: values)
    return acquire(desk, decide(observe(desk, DeployRequest(env="development"))))


@pytest.mark.parametrize(("text", "good"), [(OWN, True), (OTHER, False), (OWN + OTHER, False)])
def test_the_bundle_of_another_environment_is_not_published(
    two_addresses: World, text: str, good: bool
) -> None:
    """It was built with the wrong values."""
    run = addressed(two_addresses)
    archive = archive_of({"app.js": text})

    if good:
        assert scan_bundle(run, archive)
    else:
        assert type(ending(lambda: scan_bundle(run, archive))) is ReleaseFailed


def test_what_the_server_adds_may_name_another_environment(
    two_addresses: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not of the bundle tells nothing about its build."""
    served(monkeypatch, Site({"/links.js": OTHER.encode()}))
    scan(addressed(two_addresses), {"app.js": OWN.encode()})


# ---------------------------------------------------------------------------------------- what is served


def test_what_was_looked_at_is_not_scanned_again(run: ReleaseRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very bytes of the bundle."""
    served(monkeypatch, Site({"/app.js": LEAK.encode()}))
    scan(run, {"app.js": LEAK.encode()})

    assert run.steps[-1]["ending"] == "done"


def test_what_the_server_adds_is_found(run: ReleaseRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public URL gives out a secret: it is taken back."""
    served(monkeypatch, Site({"/config.js": LEAK.encode()}))
    error = ending(lambda: scan(run, {}))

    assert type(error) is ReleaseFailed
    assert "https://dev.example.org gives out what it should not" in error.message


@pytest.mark.parametrize(
    "site", [Site({}, missing=["/app.js"]), Site({}, complete=False), Unreachable("timed out")]
)
def test_a_site_that_can_not_be_read_is_a_warning(
    run: ReleaseRun, monkeypatch: pytest.MonkeyPatch, site: Site | CommandFailed
) -> None:
    """Its bundle was scanned: nothing is taken back."""
    served(monkeypatch, site)
    scan(run, {})

    assert "warning: " in notes(run)
    assert run.steps[-1]["ending"] == "done"


def test_a_leak_in_half_a_site_is_a_leak(run: ReleaseRun, monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, Site({"/config.js": LEAK.encode()}, complete=False))

    assert type(ending(lambda: scan(run, {}))) is ReleaseFailed
    assert "warning: " in notes(run)


def test_the_served_site_of_a_rollback_stops_nothing(
    back: ReleaseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(monkeypatch, Site({"/config.js": LEAK.encode()}))
    scan(back, {})

    assert "config.js" in notes(back)


# ---------------------------------------------------------------------------- what is read before the proof


@dataclass
class Host:
    """What the public URL gives out, one site after the other; counts the readings."""

    sites: list[Site | CommandFailed]
    wanted: list[Callable[[], bool]] = field(default_factory=list)

    def read(self, *_: object, wanted: Callable[[], bool], **__: object) -> Site:
        """The next one."""
        self.wanted.append(wanted)
        given = self.sites[len(self.wanted) - 1]
        if isinstance(given, CommandFailed):
            raise given
        return given


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """First a good site, then one that gives out a secret."""
    made = Host([Site({"a.js": b"a"}), Site({"/config.js": LEAK.encode()})])
    monkeypatch.setattr(leak_gate, "read_site", made.read)
    return made


def test_what_was_read_while_the_last_answers_came_is_what_is_scanned(run: ReleaseRun, host: Host) -> None:
    """Once, however often it is begun."""
    with Reading(run) as reading:
        reading.begin()
        reading.begin()
        assert scan_served(run, {}, reading)

    assert len(host.wanted) == 1


def test_what_was_read_while_another_commit_answered_is_not_scanned(run: ReleaseRun, host: Host) -> None:
    """All is read again, once this commit is proven; the early reading may stop."""
    with Reading(run) as reading:
        reading.begin()
        reading.drop()
        assert type(ending(lambda: scan_served(run, {}, reading))) is ReleaseFailed

    assert [each() for each in host.wanted] == [False, True]


def test_bad_answers_before_it_do_not_count(run: ReleaseRun, host: Host) -> None:
    """The older commit answers until this one is published."""
    with Reading(run) as reading:
        reading.drop()
        reading.begin()
        assert scan_served(run, {}, reading)

    assert len(host.wanted) == 1


@pytest.mark.parametrize(
    "first", [Site({}, missing=["/app.js"]), Site({}, complete=False), Unreachable("timed out")]
)
def test_what_could_not_be_read_early_is_read_again(
    run: ReleaseRun, host: Host, first: Site | CommandFailed
) -> None:
    """The app may have been busy with the looks."""
    host.sites[0] = first
    with Reading(run) as reading:
        reading.begin()
        assert type(ending(lambda: scan_served(run, {}, reading))) is ReleaseFailed


def test_a_reading_ends_when_nobody_will_scan_it(run: ReleaseRun, host: Host) -> None:
    """The release failed meanwhile."""
    with Reading(run) as reading:
        reading.begin()
        assert wait_until(lambda: host.wanted)
        assert host.wanted[0]()

    assert not host.wanted[0]()
