"""The facts of a world are written, read again, and follow from each other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.sandbox import tokens, world_facts
from scripts.sandbox.world_facts import MARKER, World


def test_a_saved_world_is_read_again(world: World) -> None:
    """Its file is private: it holds every password of the world."""
    file = world.folder / MARKER

    assert world_facts.read(world.folder) == world
    assert file.stat().st_mode & 0o777 == 0o600
    assert str(world.folder) not in file.read_text()


def test_a_world_of_another_version_is_read(world: World) -> None:
    """What this one does not know is left out: a person who has brought the desk up to date can end it."""
    file = world.folder / MARKER
    record = json.loads(file.read_text())
    record["gone"] = record["environments"][0]["gone"] = "a field that there was"
    file.write_text(json.dumps(record))

    assert world_facts.read(world.folder) == world


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"kind": "another"}'])
def test_a_folder_without_our_marker_is_no_world(tmp_path: Path, content: str | None) -> None:
    """Whatever else is in it."""
    if content is not None:
        (tmp_path / MARKER).write_text(content)

    assert world_facts.read(tmp_path) is None
    assert world_facts.read(tmp_path / MARKER / "missing") is None


def test_no_two_servers_share_a_port(world: World) -> None:
    """PostgreSQL, the inbox, and four servers for each environment."""
    ports = [world.postgres_port, world.inbox_port]
    for environment in world.environments:
        ports += [environment.port, environment.ssh_port, environment.mcp_port, environment.api_port]

    assert len(set(ports)) == 2 + 4 * 3


def test_secrets_are_new_and_hidden(world: World, tmp_path: Path) -> None:
    """Two worlds share none; none is in a `repr`."""
    other = world_facts.invent(tmp_path)
    values = {world.password, world.admin_password, world.inbox_token}
    for environment in world.environments:
        values |= {environment.mcp_token, environment.jwt_secret, *environment.secrets.values()}

    assert not values & {other.password, other.admin_password, other.inbox_token}
    assert not [value for value in values if value in repr(world)]


def test_the_keys_of_a_project_name_their_roles(world: World) -> None:
    """Signed by the project's own secret."""
    staging = world.environment("staging")
    service = staging.secrets["SUPABASE_SERVICE_ROLE_KEY"]
    anon = tokens.claims_of(staging.anon_key, staging.jwt_secret)

    assert anon is not None
    assert anon["role"] == "anon"
    assert (tokens.claims_of(service, staging.jwt_secret) or {})["role"] == "service_role"
    assert tokens.claims_of(service, world.environment("production").jwt_secret) is None


def test_the_description_is_the_contract_of_the_task(world: World) -> None:
    """`sandbox.up --json`; JSON all through."""
    described = world.describe()

    assert json.loads(json.dumps(described)) == described
    assert set(described) == {"dir", "env_dir", "origin", "clone", "inbox", "environments", "previews"}
    with pytest.raises(KeyError):
        world.environment("nowhere")


def test_an_older_world_gets_an_inbox(world: World) -> None:
    """On a port that the world does not use; one that has an inbox is left alone."""
    older = replace(world, inbox_port=0, inbox_token="")
    newer = world_facts.with_inbox(older)

    assert world_facts.with_inbox(world) is world
    assert newer.inbox_port
    assert newer.inbox_token
    assert newer.inbox_port not in {environment.port for environment in world.environments}
