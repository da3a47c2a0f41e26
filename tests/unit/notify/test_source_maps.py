"""The real `sentry-cli` brings the maps of a build to the stand-in; what fails is a warning."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Notices, Sentry
from scripts.notify import source_maps
from scripts.notify.sentry import TOKEN
from tests.fakes.world import Notes, World
from tests.support.sentry import KEY, Told, sentry
from tests.unit.notify.test_sentry import COMMIT

PROGRAM = Path(sys.executable).parent / "sentry-cli"
BUILT: Mapping[str, bytes] = {
    "index.html": b"<script src=/assets/a.js></script>",
    "assets/a.js": b"console.log(1)\n//# sourceMappingURL=a.js.map\n",
    "assets/a.js.map": b'{"version":3,"sources":["a.ts"],"sourcesContent":["x"],"mappings":"AAAA"}',
    "../outside.js.map": b"{}",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with sentry(tmp_path_factory.mktemp("sentry")) as made:
        yield made


@pytest.fixture
def desk(world: World, told: Told, tmp_path: Path) -> Desk:
    """Of an app that has `sentry-cli`."""
    place = tmp_path / "app" / "node_modules" / "@sentry" / "cli-linux-x64" / "bin"
    place.mkdir(parents=True)
    (place / "sentry-cli").symlink_to(PROGRAM)
    made = world.desk(
        settings=replace(world.settings, sentry=told.settings, notices=Notices(budget=30)),
        values=lambda _: {TOKEN: KEY},
    )
    cast(Any, made.git).folder = tmp_path / "app"
    return made


def upload(desk: Desk, built: Mapping[str, bytes] = BUILT) -> str:
    """What the terminal says of it."""
    begun = source_maps.begin(desk, desk.settings.environment("staging"), COMMIT, built)
    source_maps.report(desk, begun)
    return "\n".join(cast(Notes, desk.progress).lines)


def test_the_maps_of_a_build_arrive(desk: Desk, told: Told, tmp_path: Path) -> None:
    """Under the release's name; a name that leads out of the bundle is left out."""
    assert upload(desk) == ""
    assembled = [call for call in told.calls() if call["path"].endswith("/assemble/")]
    assert assembled[-1]["payload"]["version"] == COMMIT
    assert assembled[-1]["payload"]["projects"] == ["sandbox"]
    assert not list(tmp_path.rglob("outside.js.map"))


def test_a_build_without_maps_and_an_app_without_sentry_upload_nothing(desk: Desk, told: Told) -> None:
    told.calls()
    without = replace(desk, settings=replace(desk.settings, sentry=Sentry()))

    assert source_maps.begin(desk, desk.settings.environment("staging"), COMMIT, {"a.js": b""}) is None
    assert upload(without) == ""
    assert told.calls() == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("no program", "`npm install --save-dev @sentry/cli`"),
        ("no token", "`SENTRY_AUTH_TOKEN` is not set"),
        ("a wrong token", "`sentry-cli` ended with 1"),
    ],
)
def test_what_is_lacking_is_a_warning(desk: Desk, tmp_path: Path, spoil: str, words: str) -> None:
    if spoil == "no program":
        cast(Any, desk.git).folder = tmp_path / "elsewhere"
        desk.git.folder.mkdir()
    tokens = {"no token": {}, "a wrong token": {TOKEN: "sntrys_wrong-token-of-a-test"}}
    said = upload(replace(desk, values=lambda _: tokens.get(spoil, {TOKEN: KEY})))

    assert said.startswith("warning: Sentry has no source maps of this release: ")
    assert words in said
    assert "wrong-token" not in said
