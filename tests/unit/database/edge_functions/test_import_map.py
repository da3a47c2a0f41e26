"""Import maps and import statements, as the Supabase CLI reads them."""

from __future__ import annotations

import pytest

from scripts.database.edge_functions.import_map import ImportMap, imports_of, read, without_comments

MAP = "supabase/functions/a/deno.json"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('import "./a.ts"', ["./a.ts"]),
        ("import a from './a.ts'; export * from \"./b.ts\"", ["./a.ts", "./b.ts"]),
        ('import {\n  a,\n  b,\n} from "./a.ts"', ["./a.ts"]),
        ('import type { A } from "./a.ts"', ["./a.ts"]),
        ('await import("./a.ts", { with: { type: "json" } })', ["./a.ts"]),
        ("await import(`./${name}.ts`)", []),
        ("important('x')", []),
    ],
)
def test_statements_are_found(text: str, found: list[str]) -> None:
    """As the CLI's pattern finds them."""
    assert list(imports_of(text)) == found


def test_a_hostile_source_is_read_in_linear_time() -> None:
    """Words without an end cost a window each, and only so many of them are looked at."""
    assert list(imports_of("import {" * 50_000)) == []
    assert without_comments("{} " + "/* " * 50_000) == {}
    assert list(imports_of(("import {" * 400 + "\n'\n") * 2)) == []


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("zod", "npm:zod@3"),
        ("@shared/x.ts", "./supabase/functions/_shared/x.ts"),
        ("@shared/deep/x.ts", "./lib/x.ts"),
        ("./b.ts", "./supabase/functions/a/b.ts"),
        ("../../../../b.ts", "./../b.ts"),
        ("one", "./supabase/functions/a/two.ts"),
        ("unknown", "unknown"),
        ("/etc/passwd", "/etc/passwd"),
    ],
)
def test_the_longest_key_wins_and_a_scope_before_it(wanted: str, target: str) -> None:
    """Targets are below the repository's root; what leads out of it is seen to do so."""
    found = read(
        MAP,
        '{"imports": {"zod": "npm:zod@3", "one": "./one.ts", "@shared/": "../_shared/",'
        ' "@shared/deep/": "../../../lib/"}, "scopes": {"./": {"one": "./two.ts"}}}',
    )

    assert found.lookup("supabase/functions/a/index.ts", wanted) == target


def test_only_local_targets_are_files() -> None:
    """And a `deno.json` without imports may refer to another map."""
    found = read(MAP, '{"imports": {"a": "npm:a", "b": "../b.ts", "c/": "./c/"}}')

    assert found.targets == ("supabase/functions/a/c/", "supabase/functions/b.ts")
    assert read(MAP, '{"importMap": "../x.json"}').refers_to == "supabase/functions/x.json"
    assert read("x/import_map.json", '{"importMap": "../x.json"}') == ImportMap()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"imports": []}', '{"imports": {"a": 1}}', '{"scopes": 1}']
)
def test_what_is_no_map_is_refused(text: str) -> None:
    """With a reason."""
    with pytest.raises(ValueError, match=r"it is no|its `"):
        read(MAP, text)


def test_comments_and_last_commas_are_no_part_of_it() -> None:
    """Those in texts are."""
    text = '\ufeff{// one\n "a": "b // c, }", /* two\n */ "d": [1, 2,], }'

    assert without_comments(text) == {"a": "b // c, }", "d": [1, 2]}
