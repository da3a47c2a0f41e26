"""A manifest is read back as it was written, or not at all."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from scripts.database.backups import toc
from scripts.database.backups.manifest import (
    File,
    LeftOut,
    Manifest,
    Table,
    backup_id,
    left_out,
    parse_manifest,
    restores_rows,
    without_rows,
)
from scripts.errors import Refused

ONE = Manifest(
    id="20300102T030405Z-0123abcd-daily-9f31",
    environment="production",
    kind="daily",
    project="app",
    host="db.example.com",
    database="postgres",
    started="2030-01-02T03:04:05+00:00",
    finished="2030-01-02T03:05:00+00:00",
    release="v4",
    commit="0123abcd" * 5,
    migrations={"20291231000000": "a" * 64, "20300101000000": ""},
    server="17.11",
    client="17.11",
    wal="0/1A2B3C",
    tables={"public.guests": Table(3, "-77", 8192)},
    sequences={"public.guests_id_seq": 3},
    extensions={"pgcrypto": "1.3"},
    schema_hash="b" * 64,
    files={"db.dump": File(10, "c" * 64, 20, "d" * 64), "roles.sql": File(1, "e" * 64)},
    left_out=(LeftOut("passwords of roles", "only a superuser can read them"),),
    recipients=("age1x",),
)


def test_it_is_read_as_it_was_written() -> None:
    assert parse_manifest(ONE.text()) == ONE
    assert parse_manifest(ONE.text()).digest == ONE.digest
    assert (ONE.bytes, ONE.rows, ONE.newest) == (21, {"public.guests": 3}, "20300101000000")


@pytest.mark.parametrize(
    "news",
    [
        {"format": 2},
        {"id": "../../etc"},
        {"kind": "hourly"},
        {"more": 1},
        {"tables": {"public.guests": {"rows": -1, "checksum": "1", "bytes": 1}}},
        {"tables": {"public.guests": {"rows": True, "checksum": "1", "bytes": 1}}},
        {"tables": {"public.guests": {"rows": 1}}},
        {"files": {}},
        {"files": {"../db.dump": {"bytes": 1, "sha256": "c" * 64}}},
        {"files": {"db.dump": {"bytes": 1, "sha256": "C" * 64}}},
        {"sequences": {"a.b": "3"}},
        {"policy": 3},
        {"server": None},
    ],
)
def test_anything_else_is_refused(news: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="not usable"):
        parse_manifest(json.dumps({**json.loads(ONE.text()), **news}))


@pytest.mark.parametrize("length", [0, 1, 100, -3])
def test_half_of_one_is_refused(length: int) -> None:
    with pytest.raises(Refused):
        parse_manifest(ONE.text()[:length])


@pytest.mark.parametrize("key", [each.name for each in dataclasses.fields(Manifest)])
def test_every_key_is_needed(key: str) -> None:
    document = json.loads(ONE.text())
    del document[key]
    with pytest.raises(Refused):
        parse_manifest(json.dumps(document))


def test_an_id_says_when_and_of_what() -> None:
    made = backup_id("2030-01-02T03:04:05+00:00", "0123abcdef", "daily", "9f31aa")
    assert made == "20300102T030405Z-0123abcd-daily-9f31"
    assert "-00000000-" in backup_id("2030-01-02T03:04:05+00:00", "", "manual", "9f31")


def test_rows_of_the_app_and_of_its_users_are_restored() -> None:
    tables = [("public", "guests"), ("billing", "x"), ("auth", "users"), ("auth", "schema_migrations")]
    tables += [("cron", "job"), ("realtime", "messages"), ("pg_catalog", "pg_class")]

    assert [restores_rows(*table) for table in tables] == [True, True, True, False, False, False, False]


LISTS = toc.classify(
    toc.parse_listing(
        "1; 0 1 TABLE DATA public guests x\n2; 0 1 TABLE DATA auth users x\n"
        "3; 0 1 TABLE DATA cron job x\n4; 0 1 TABLE DATA net q x\n"
    )
)


def test_what_is_left_out_is_listed_with_its_reason() -> None:
    reasons = {omitted.what: omitted.why for omitted in left_out(LISTS)}

    assert reasons["2 entries of cron, net"] == "the platform's own data"
    assert {"passwords of roles", "rows of vault.*"} <= reasons.keys()


def test_tables_whose_rows_are_not_in_the_dump_are_found() -> None:
    assert without_rows(LISTS, ["public.guests", "auth.users"]) == []
    assert without_rows(LISTS, ["public.rooms", "public.guests", "cron.job"]) == [
        "cron.job",
        "public.rooms",
    ]
