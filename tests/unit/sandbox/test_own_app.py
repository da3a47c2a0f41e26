"""A person's own app in the sandbox: its history, its configuration, and values for what it reads."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from scripts.config.parse import parse
from scripts.errors import Refused
from scripts.sandbox import commands, desk_files, own_app, world_code, world_facts
from scripts.sandbox.own_app import same_app
from scripts.sandbox.request import SandboxUpRequest
from scripts.sandbox.world_facts import World
from tests.fakes.world import Notes
from tests.support.repositories import Repository
from tests.unit.setup.skeletons import package

FILES = {
    "package.json": package("vite", build="vite build"),
    "package-lock.json": "{}",
    "index.html": "",
    "src/a.ts": "import.meta.env.VITE_SUPABASE_URL + import.meta.env.VITE_SUPABASE_ANON_KEY"
    " + import.meta.env.VITE_THEME + import.meta.env.VITE_OTHER"
    " + import.meta.env.VITE_PASSWORD_REQUIRE_NUMBERS",
    ".env": "VITE_THEME=dark\nPAYMENT_KEY=\n",
    "supabase/migrations/20250101000000_x.sql": "create table public.t ();",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    """An app with two commits, and work that is not committed."""
    folder = tmp_path / "app"
    folder.mkdir()
    repository = Repository(folder)
    repository.git("init", "-q", "-b", "main")
    repository.commit("first", **FILES)
    repository.commit("second", README__md="read me")
    (folder / "untracked").touch()
    return repository


def made(app: own_app.OwnApp, folder: Path) -> World:
    """The facts of a world of this app, without its servers."""
    folder.mkdir()
    facts = own_app.with_secrets(world_facts.invent(folder, app.branches), app)
    facts.save()
    app.save(folder)
    return facts


def test_an_app_without_a_configuration_is_read_as_init_would(checkout: Repository, tmp_path: Path) -> None:
    """The sandbox's addresses take the place of the real ones; what the app reads has a value."""
    app = own_app.read(checkout.folder)
    facts = made(app, tmp_path / "world")
    desk_files.write_desk_files(facts)
    settings = parse(tomllib.loads((facts.env_dir / "pipeline.toml").read_text()))
    values = (facts.env_dir / ".env.staging").read_text().splitlines()
    staging = facts.environment("staging")

    assert not app.configured
    assert (settings.app.repository, settings.app.output) == (str(facts.clone), "dist")
    assert [each.url for each in settings] == [each.url for each in facts.environments]
    assert f"VITE_SUPABASE_URL={staging.api_url}" in values
    assert f"VITE_SUPABASE_ANON_KEY={staging.anon_key}" in values
    assert {"VITE_THEME=dark", "VITE_OTHER=sandbox-vite_other"} <= set(values)
    assert "VITE_PASSWORD_REQUIRE_NUMBERS=true" in values
    assert staging.secrets["PAYMENT_KEY"] == "sandbox-staging-payment_key"
    assert "[tables." not in (facts.env_dir / "masking.toml").read_text()


def test_its_own_configuration_counts(checkout: Repository, tmp_path: Path) -> None:
    """Branches, output and which environments there are; never its addresses."""
    text = own_app.pipeline_of(
        made(own_app.read(checkout.folder), tmp_path / "first"), own_app.read(checkout.folder)
    )
    text = text.replace('branch = "main"', 'branch = "trunk"').replace('output = "dist"', 'output = "web"')
    text = text.replace('["development", "staging", "production"]', '["staging", "production"]')
    start, _, rest = text.partition("\n[environment.development]")
    text = start + "\n[environment.staging]" + rest.partition("\n[environment.staging]")[2]
    (checkout.folder / "env").mkdir()
    (checkout.folder / "env" / "pipeline.toml").write_text(text)
    app = own_app.read(checkout.folder)
    facts = made(app, tmp_path / "world")
    desk_files.write_desk_files(facts)
    settings = parse(tomllib.loads((facts.env_dir / "pipeline.toml").read_text()))

    assert app.configured
    assert [(each.name, each.branch) for each in settings] == [
        ("staging", "staging"),
        ("production", "trunk"),
    ]
    assert settings.app.output == "web"
    assert settings.app.repository == str(facts.clone)


def test_an_environment_that_the_sandbox_lacks_is_refused(checkout: Repository) -> None:
    """Before anything is made."""
    text = (
        'chain = ["qa"]\n[app]\nname = "x"\nrepository = "."\n'
        '[environment.qa]\nbranch = "qa"\nguarded = false\n'
        'url = "https://qa.example.org"\nssh_host = "qa"\nworkspace = "/w"\npublish = "manual"\n'
    )
    (checkout.folder / "env").mkdir()
    (checkout.folder / "env" / "pipeline.toml").write_text(text)
    with pytest.raises(Refused, match="no environment `qa`"):
        own_app.read(checkout.folder)


def test_the_origin_has_the_apps_history_and_a_replit(checkout: Repository, tmp_path: Path) -> None:
    """All branches at one commit; nothing that is not committed, and the checkout stays as it is."""
    facts = made(own_app.read(checkout.folder), tmp_path / "world")
    world_code.make_origin_of(facts, own_app.read(checkout.folder))
    origin = Repository(facts.origin)
    names = origin.git("ls-tree", "--name-only", "main").splitlines()

    assert set(origin.refs()) == {"refs/heads/develop", "refs/heads/staging", "refs/heads/main"}
    assert len(set(origin.refs().values())) == 1
    assert origin.git("log", "--format=%s", "main").splitlines()[1:] == ["second", "first"]
    assert ".replit" in names
    assert "untracked" not in names
    assert checkout.git("status", "--porcelain") == "?? untracked"
    assert checkout.git("log", "-1", "--format=%s") == "second"


def test_an_app_with_a_replit_gets_no_commit(checkout: Repository, tmp_path: Path) -> None:
    """Its head is what the branches are at."""
    head = checkout.commit("third", __replit='[deployment]\nrun = ["node", "x"]\n')
    facts = made(own_app.read(checkout.folder), tmp_path / "world")
    world_code.make_origin_of(facts, own_app.read(checkout.folder))

    assert set(Repository(facts.origin).refs().values()) == {head}


def test_a_sandbox_keeps_its_app(checkout: Repository, world: World) -> None:
    """Another one is refused, with the way out."""
    app = own_app.read(checkout.folder)
    with pytest.raises(Refused, match="is of the sample app") as refusal:
        same_app(world.folder, app)
    app.save(world.folder)

    assert "sandbox.down" in (refusal.value.hint or "")
    assert same_app(world.folder, app) == app
    assert same_app(world.folder, None) == app


def test_seed_is_of_the_sample_app_alone(checkout: Repository, tmp_path: Path) -> None:
    """Its tables are not there."""
    request = SandboxUpRequest(dir=str(tmp_path / "world"), app=str(checkout.folder), seed="1MB")
    with pytest.raises(Refused, match="sample app"):
        commands.sandbox_up(Notes(), request)
    assert not (tmp_path / "world").exists()


def test_an_install_that_fails_leaves_the_sandbox_to_mend_it_in(
    checkout: Repository, tmp_path: Path
) -> None:
    """It is said, with the line that says why."""
    app = own_app.read(checkout.folder)
    pipeline = {
        **app.pipeline,
        "app": {**app.pipeline["app"], "install": ["sh", "-c", "echo no such kit >&2; exit 3"]},
    }
    facts = made(own_app.OwnApp(app.checkout, pipeline, configured=False), tmp_path / "world")
    facts.clone.mkdir()
    said = world_code.install_packages_of(facts, own_app.OwnApp(app.checkout, pipeline, configured=False))

    assert "ended with 3" in said
    assert "no such kit" in said
