"""What a bundle may hold, in every form that a build gives it."""

from __future__ import annotations

import base64
import gzip
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.settings import Allowed
from scripts.secrets.finding import errors
from scripts.secrets.scan import KnownSecret, ScanInputs, scan, without_allowed
from tests.support.environments import PROJECTS, good, jwt

PAGE = b"<!doctype html><script src=/a.js></script>"
VALUES = good("production")
SECRETS = ("SUPABASE_SERVICE_ROLE_KEY", "OPENAI_API_KEY", "WHATSAPP_VERIFY_TOKEN", "DATABASE_PASSWORD")
INPUTS = ScanInputs(
    secrets=tuple(KnownSecret(place, name, good(place)[name]) for place in PROJECTS for name in SECRETS),
    public=tuple(good(place)["VITE_SUPABASE_ANON_KEY"] for place in PROJECTS),
)
TOKEN = VALUES["WHATSAPP_VERIFY_TOKEN"]
ROLE_KEY = VALUES["SUPABASE_SERVICE_ROLE_KEY"]


def rules(script: bytes, **more: bytes) -> set[str]:
    """The rules that an error is told of, for a bundle with this script."""
    files = {
        "index.html": PAGE,
        "a.js": script,
        **{name.replace("_", "."): data for name, data in more.items()},
    }
    return {each.rule for each in errors(scan(files, INPUTS))}


@pytest.mark.parametrize(
    "script",
    [
        b"",
        f"const k='{VALUES['VITE_SUPABASE_ANON_KEY']}'".encode(),
        f"const k='{jwt('anon', 'zzzzzzzzzzzzzzzzzzzz')}'".encode(),
        b"log('VITE_OPENAI_API_KEY','sk-','service_role')",
        b"const p='sb_publishable_abcdefghijklmnopqrstuv_12345678'",
        b"const u='postgres://user:password@localhost/db'",
        b"let a=`data:image/png;base64,%s`" % base64.b64encode(bytes(range(256)) * 4),
    ],
)
def test_a_clean_bundle_is_clean(script: bytes) -> None:
    """Public keys, names without values, and noise are no finding."""
    assert set() == rules(script)


@pytest.mark.parametrize(
    ("rule", "script"),
    [
        ("LEAK001", f"f(`{TOKEN}`)"),
        ("LEAK001", f"f('{quote(ROLE_KEY, safe='')}')"),
        ("LEAK001", json.dumps(json.dumps({"k": TOKEN}))),
        ("LEAK001", f"f('{TOKEN[::-1]}')"),
        ("LEAK001", f"f('{TOKEN.encode().hex()}')"),
        ("LEAK001", f"f('{base64.b64encode(f'x{TOKEN}y'.encode()).decode()}')"),
        ("LEAK002", f"f('{ROLE_KEY[:-20]}','{ROLE_KEY[-20:]}')"),
        ("LEAK003", f"f('{jwt('service_role', 'zzzzzzzzzzzzzzzzzzzz')}')"),
        ("LEAK003", "f('sk-proj-" + "Zx9" * 20 + "')"),
        ("LEAK003", "f('postgres://app:S3cretS3cret@db.example-host.io/x')"),
        ("LEAK004", 'e={BASE_URL:"/",MODE:"production",VITE_PAYMENT_SECRET:"Jk2Lm4Nq6Rs8Tv0Wx"}'),
    ],
)
def test_a_leak_is_found(rule: str, script: str) -> None:
    """Known values in any form, unknown ones by their own."""
    assert rule in rules(script.encode())


@given(lead=st.binary(max_size=7), tail=st.binary(max_size=7), url_safe=st.booleans())
def test_base64_hides_nothing(lead: bytes, tail: bytes, url_safe: bool) -> None:
    """Wherever the value begins, in whichever alphabet."""
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode

    assert "LEAK001" in rules(b"x='" + encode(lead + TOKEN.encode() + tail) + b"'")


def test_packed_files_are_opened_or_refused() -> None:
    """What can't be looked into is not clean, unless its twin lies beside it."""
    assert {"LEAK001"} == rules(b"", b_js_gz=gzip.compress(TOKEN.encode()))
    assert {"LEAK005"} == rules(b"", b_js_br=b"\x0b\x02")
    assert set() == rules(b"", a_js_br=b"\x0b\x02")
    assert {"LEAK005"} == rules(b"", c_gz=gzip.compress(b"x" * 100)[:-9])


def test_an_env_file_is_never_published() -> None:
    """Vite copies dotfiles of `public/` too."""
    found = errors(scan({"index.html": PAGE, ".env.production": b"A=b\n"}, INPUTS))

    assert ["LEAK008"] == [each.rule for each in found]


def test_the_wrong_bundle_is_not_clean() -> None:
    """Nothing at all, nothing of this environment, or something of another."""
    own = ScanInputs(
        own={"URL": "https://ours.example"}, others=(("staging", "URL", "https://theirs.example"),)
    )

    assert ["LEAK006"] == [each.rule for each in scan({}, own)]
    assert ["LEAK006"] == [each.rule for each in scan({"index.html": PAGE}, own)]
    assert () == scan({"index.html": PAGE + b"https://ours.example"}, own)
    mixed = {"index.html": PAGE + b"https://ours.example https://theirs.example"}
    assert ["LEAK006"] == [each.rule for each in scan(mixed, own)]


def test_an_exception_counts_for_its_hash_until_its_day() -> None:
    """It names what was looked at, not where; and it ends."""
    found = scan({"index.html": PAGE, "a.js": b"f('sk-ant-" + b"Zx9" * 9 + b"')"}, INPUTS)
    by = Allowed("LEAK003", found[0].digest or "", "an example", "2030-01-31")

    assert () == without_allowed(found, [by], "2030-01-31")
    assert "ended on 2030-01-31" in without_allowed(found, [by], "2030-02-01")[0].message
    assert found == without_allowed(
        found, [Allowed("LEAK003", "0" * 64, "another", "2030-01-31")], "2029-01-01"
    )


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=12, max_size=60))
def test_no_value_is_ever_told(value: str) -> None:
    """Whatever the secret is, no part of a finding holds it."""
    hidden = ScanInputs(secrets=(KnownSecret("production", "X_TOKEN", value),))
    files = {"index.html": PAGE, "a.js": value.encode()}

    for each in scan(files, hidden):
        assert value not in f"{each}{each.hint}{each.document()}" or value in f"{each.hint}{each.file}"
