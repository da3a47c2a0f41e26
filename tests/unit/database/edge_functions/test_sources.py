"""The functions of a commit: which there are, what their bundles hold, and what is wrong with them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from scripts.config.desk import Desk
from scripts.config.settings import Supabase
from scripts.database.edge_functions.sources import Sources, sources_of
from tests.fakes.git import FakeGit, FakeRemote

FOLDER = "supabase/functions"
INDEX, SHARED, CONFIG = f"{FOLDER}/a/index.ts", f"{FOLDER}/_shared/x.ts", "supabase/config.toml"
FILES = {INDEX: 'import "../_shared/x.ts";', SHARED: "export {}"}


def found(files: dict[str, str], folder: str = FOLDER, project: str = "") -> Sources:
    """The functions of a commit with these files."""
    remote = FakeRemote()
    settings = SimpleNamespace(supabase=Supabase(functions=folder))
    desk = cast(Desk, SimpleNamespace(git=FakeGit(remote), settings=settings))
    return sources_of(desk, remote.commit(files), project)


def digest(files: dict[str, str]) -> str:
    """The digest of the one function."""
    (function,) = found(files).functions
    return function.digest


@pytest.mark.parametrize("folder", ["", "apps/web/supabase/functions"])
def test_no_folder_is_no_function(folder: str) -> None:
    """Neither switched off, nor where the commit has none."""
    assert found(FILES, folder).functions == ()


def test_only_folders_with_an_entry_point_are_functions() -> None:
    """`_shared` is none, nor is a folder that the API could not name."""
    files = {**FILES, f"{FOLDER}/_shared/index.ts": "", f"{FOLDER}/1x/index.ts": "", f"{FOLDER}/b/x.ts": ""}

    assert [function.name for function in found(files).functions] == ["a"]


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        ({SHARED: "export const y = 1"}, True),
        ({f"{FOLDER}/a/deno.json": "{}"}, True),
        ({f"{FOLDER}/import_map.json": "{}"}, True),
        ({CONFIG: "[functions.a]\nverify_jwt = true"}, True),
        ({CONFIG: '[functions.a]\nstatic_files = ["functions/_shared/*"]'}, True),
        ({CONFIG: "[functions.other]\nverify_jwt = true\n[db]\nmajor_version = 17"}, False),
        ({f"{FOLDER}/a/index.test.ts": "", f"{FOLDER}/.env": "A=b", f"{FOLDER}/b/index.ts": ""}, False),
    ],
)
def test_the_digest_is_that_of_the_bundle(files: dict[str, str], *, changes: bool) -> None:
    """What the CLI would not upload, or send, changes nothing."""
    (first, *_) = found({**FILES, **files}).functions

    assert (first.digest != digest(FILES)) == changes


def test_a_bundle_may_hold_files_from_elsewhere_in_the_repository() -> None:
    """A monorepo's packages, but nothing from outside of it; circles end."""
    files = {INDEX: 'import "../../../lib/a.ts"; import "../../../../etc/passwd.ts";'}
    files |= {"lib/a.ts": 'import "./b.ts"', "lib/b.ts": 'import "./a.ts"; import "./none.ts"'}

    assert [*found(files).functions[0].files] == ["lib/a.ts", "lib/b.ts", INDEX]


def test_a_nested_app_can_only_bundle_its_own_files() -> None:
    """The CLI refuses what lies above the folder of `supabase/`."""
    index = "apps/web/supabase/functions/a/index.ts"
    files = {index: 'import "../../../lib/a.ts";', "apps/web/lib/a.ts": "", "lib/a.ts": ""}
    good, bad = (
        found({**files, index: f'import "{path}";'}, "apps/web/supabase/functions")
        for path in ("../../../lib/a.ts", "../../../../../lib/a.ts")
    )

    assert [*good.functions[0].files] == ["apps/web/lib/a.ts", index]
    assert "takes no file from outside `apps/web`" in bad.faults[0]


@pytest.mark.parametrize("project", ["", "abcdefghijklmnopqrst"])
def test_a_section_for_one_project_counts_there(project: str) -> None:
    """`[remotes.NAME]` of `config.toml`, by its project."""
    text = '[functions.a]\nverify_jwt = true\n[remotes.x]\nproject_id = "abcdefghijklmnopqrst"\n'
    files = {**FILES, CONFIG: f"{text}[remotes.x.functions.a]\nverify_jwt = false\n"}

    assert found(files, project=project).functions[0].verify_jwt is (project == "")


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({CONFIG: "functions = 1"}, "`functions` is no table of tables"),
        ({CONFIG: "[functions"}, "can't be read"),
        ({CONFIG: '[functions.a]\nverify_jwt = "no"'}, "values of another kind"),
        ({CONFIG: '[functions.a]\nimport_map = "x.json"'}, "its import map `supabase/x.json` is not in"),
        ({CONFIG: '[functions.a]\nstatic_files = ["functions/a/[z-a]"]'}, "is no range of characters"),
        ({f"{FOLDER}/a/deno.json": '{"imports": {"x": "./x.ts"}}'}, "names `supabase/functions/a/x.ts`"),
        ({f"{FOLDER}/a/deno.json": '{"importMap": "deno.json"}'}, "refer to each other"),
        ({f"{FOLDER}/a/deno.json": "nothing"}, "can't be read: it is no JSON"),
    ],
)
def test_what_can_not_be_bundled_is_named(files: dict[str, str], fault: str) -> None:
    """With the file."""
    (said,) = found({**FILES, **files}).faults

    assert fault in said


def test_what_is_not_deployed_is_told() -> None:
    """A section without a source, as an old `config.toml` has it, is no fault."""
    text = "[functions.a]\nenabled = false\n[functions.gone]\nverify_jwt = true\n"
    notes = found({**FILES, CONFIG: text}).notes

    assert notes == (
        "`a` is not enabled in `supabase/config.toml`",
        "`supabase/config.toml` names `gone`, which has no source",
    )
