"""What a bundle may hold, in every form that a build gives it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time
from dataclasses import replace
from urllib.parse import quote

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.settings import Allowed
from scripts.secrets.finding import errors, without_allowed
from scripts.secrets.scan import KnownSecret, ScanInputs, needles, scan
from tests.support.environments import PROJECTS, good, jwt
from tests.unit.secrets.test_packed import zipped

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
    assert rules(script) == set()


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
    assert rules(b"", b_js_gz=gzip.compress(TOKEN.encode())) == {"LEAK001"}
    assert rules(b"", b_js_br=b"\x0b\x02") == {"LEAK005"}
    assert rules(b"", a_js_br=b"\x0b\x02") == set()
    twin = {"index.html": PAGE, "a.js": b"", "a.js.br": b"\x0b\x02"}
    assert [(each.rule, each.severity) for each in scan(twin, INPUTS)] == [("LEAK005", "warning")]
    assert rules(b"", a_js_br=brotli.compress(TOKEN.encode())) == {"LEAK001"}
    assert rules(b"", logo_png=b"\x89PNG" + zipped(ROLE_KEY.encode())) == {"LEAK001"}
    assert rules(b"", data_bin=zipped(b"a-" + b"sk-proj-" + b"Zx9" * 12)) == {"LEAK003"}
    assert rules(b"", c_gz=gzip.compress(b"x" * 100)[:-9]) == {"LEAK005"}


@pytest.mark.parametrize("name", [f"{TOKEN}.js", f"{TOKEN}/a.js", f"a-{TOKEN.replace('-', '%2D')}.css"])
def test_a_value_in_the_name_of_a_file_is_found(name: str) -> None:
    """A build that names a chunk by what it holds."""
    (found,) = errors(scan({"index.html": PAGE, name: b""}, INPUTS))

    assert (found.rule, found.name) == ("LEAK001", "WHATSAPP_VERIFY_TOKEN")


def test_an_env_file_is_never_published() -> None:
    """Vite copies dotfiles of `public/` too."""
    found = errors(scan({"index.html": PAGE, ".env.production": b"A=b\n"}, INPUTS))

    assert [each.rule for each in found] == ["LEAK008"]


def test_the_wrong_bundle_is_not_clean() -> None:
    """Nothing at all, nothing of this environment, or something of another."""
    own = ScanInputs(
        own={"URL": "https://ours.example"}, others=(("staging", "URL", "https://theirs.example"),)
    )

    assert [each.rule for each in scan({}, own)] == ["LEAK006"]
    assert [each.rule for each in scan({"index.html": PAGE}, own)] == ["LEAK006"]
    assert scan({"index.html": PAGE + b"https://ours.example"}, own) == ()
    mixed = {"index.html": PAGE + b"https://ours.example https://theirs.example"}
    assert [each.rule for each in scan(mixed, own)] == ["LEAK006"]


def test_an_exception_counts_for_its_hash_until_its_day() -> None:
    """It names what was looked at, not where; and it ends."""
    found = scan({"index.html": PAGE, "a.js": b"f('sk-ant-" + b"Zx9" * 9 + b"')"}, INPUTS)
    by = Allowed("LEAK003", found[0].digest or "", "an example", "2030-01-31")

    assert without_allowed(found, [by], "2030-01-31") == ()
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


def test_a_find_in_a_bundle_has_its_place_and_its_digest() -> None:
    """By the digest it can be excused."""
    leaks = errors(scan({"index.html": PAGE, "a.js": b"xx" + TOKEN.encode()}, INPUTS))

    assert [(each.rule, each.file, each.offset, each.name, each.digest) for each in leaks] == [
        ("LEAK001", "a.js", 2, "WHATSAPP_VERIFY_TOKEN", hashlib.sha256(TOKEN.encode()).hexdigest())
    ]
    assert "`WHATSAPP_VERIFY_TOKEN` of production is in it (as it is)" in leaks[0].message


def test_one_place_is_one_finding() -> None:
    """A known key has a format too, and pieces; it is told once in each file."""
    key = f"f('{ROLE_KEY}');g('{ROLE_KEY}')".encode()
    leaks = scan({"index.html": PAGE, "a.js": key, "b.js": key}, INPUTS)

    assert [(each.rule, each.file) for each in leaks] == [("LEAK001", "a.js"), ("LEAK001", "b.js")]


@pytest.mark.parametrize(
    ("value", "script", "found"),
    [
        ("abc123", b"f('abc123')", True),
        ("abc123", b"xabc123y", False),
        ("abcdef", b"f('abcdef')", False),
        ("ab12", b"f('ab12')", False),
        ('p"a/ss</wörd-1', json.dumps('p"a/ss</wörd-1').encode(), True),
        ("postgres://a:p%40ss-word-1@db/x", b"f('p@ss-word-1')", True),
        ("postgres://a:p%40ss-word-1@db/x", b"f('p%40ss-word-1')", True),
        ("value-of-a-token", "value-of-a-token".encode("utf-16-le"), True),
        ("value-of-a-token", "value-of-a-token".encode("utf-16-be"), True),
        ("value-of-a-token", b"f('value\\x2dof\\u002da%2dtoken')", True),
        ("value-of-a-token", b"<p title=value&#45;of&#x2d;a&#045;token>", True),
        ("abc123", b"f('\\x61bc123')", True),
        ("postgres://me:Xk9#mQ2v/Lp7wZt@db.example.org/x", b"p='Xk9#mQ2v/Lp7wZt'", True),
    ],
)
def test_the_forms_of_a_value(value: str, script: bytes, found: bool) -> None:
    """Short ones only as a quoted text with a digit; of an address its password too."""
    inputs = ScanInputs(secrets=(KnownSecret("staging", "X", value),))

    assert (
        "LEAK001" in {each.rule for each in scan({"index.html": PAGE, "a.js": script}, inputs)}
    ) == found


def test_each_form_is_searched_for_once() -> None:
    """Two secrets of one value are the first one."""
    both = needles(
        [
            KnownSecret("staging", "A", "value-of-a-token"),
            KnownSecret("production", "B", "value-of-a-token"),
        ]
    )

    assert {needle.secret.name for needle in both} == {"A"}
    assert len({needle.data for needle in both}) == len(both)


def test_pieces_that_a_public_value_has_too_are_none() -> None:
    """Header and claims of a token are the same in the public key."""
    public, secret = VALUES["VITE_SUPABASE_ANON_KEY"], "abcdefghijkl0123456789mnopqrstuvwxyz"
    inputs = ScanInputs(secrets=(KnownSecret("a", "A", secret),), public=(f"{secret}-and-more",))
    files = {"index.html": PAGE, "a.js": f"f('{secret[:20]}');g('{secret[20:]}')".encode()}

    assert scan(files, inputs) == ()
    assert {each.rule for each in scan(files, replace(inputs, public=(public,)))} == {"LEAK002"}


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ('VITE_A_SECRET:"Jk2Lm4Nq6Rs8Tv0Wx"', "error"),
        ('"VITE_A_SECRET":"Jk2Lm4Nq6Rs8Tv0Wx"', "error"),
        ('{\\"VITE_A_SECRET\\":\\"Jk2Lm4Nq6Rs8Tv0Wx\\"}', "error"),
        ('VITE_A_SECRET:""', "warning"),
        ('VITE_A_SECRET:"short"', "warning"),
        ('VITE_A_KEY:"pk_live_abcdefghijklmnop1234"', "warning"),
        ('VITE_A_SECRET:"true"', None),
        ('VITE_TITLE:"Jk2Lm4Nq6Rs8Tv0Wx"', None),
        ('a?x.VITE_A_SECRET:"Jk2Lm4Nq6Rs8Tv0Wx"', None),
        ("VITE_A_SECRET", None),
    ],
)
def test_a_property_with_a_secret_name(text: str, severity: str | None) -> None:
    """An error with its value, a warning without."""
    leaks = scan({"index.html": PAGE, "a.js": text.encode()}, INPUTS)

    assert [(each.rule, each.severity) for each in leaks] == ([("LEAK004", severity)] if severity else [])


def test_the_whole_environment_of_a_build_is_a_warning() -> None:
    """Each public variable is published then, read or not."""
    leaks = scan({"index.html": PAGE, "a.js": b'e={BASE_URL:"/",DEV:!1,MODE:"production"}'}, INPUTS)

    assert [(each.rule, each.severity) for each in leaks] == [("LEAK007", "warning")]


@pytest.mark.parametrize(
    "name", [".env", "x/.env.local", ".git/config", "id_rsa", "a.p12", "service-account-1.json"]
)
def test_a_file_that_is_never_published(name: str) -> None:
    """Whatever it holds."""
    assert [each.rule for each in scan({"index.html": PAGE, name: b""}, INPUTS)] == ["LEAK008"]
    assert scan({"index.html": PAGE, ".env.example": b"", "environment.json": b""}, INPUTS) == ()


def test_base64_is_scanned_in_a_time_that_grows_with_it() -> None:
    """A map inlined as a data URL: 10 MB take about 1.5 s of CPU, and were quadratic once."""
    features = [
        {"type": "Feature", "id": number, "c": [number / 7, number / 3]} for number in range(60_000)
    ]
    text = base64.b64encode(json.dumps(features, separators=(",", ":")).encode())
    secrets = [
        KnownSecret("staging", f"S{number}", f"{number:02}-q8Zt5Lw1Xv7Nc3Rb9Kd") for number in range(20)
    ]
    used = []
    for size in (len(text) // 4, len(text)):
        started = time.process_time()
        assert (
            scan({"index.html": b"<p>", "a.js": b'x="' + text[:size] + b'"'}, ScanInputs(tuple(secrets)))
            == ()
        )
        used.append(time.process_time() - started)

    assert used[1] < 8 * used[0]


@given(st.binary(max_size=60), st.sampled_from([b"'", b"", b"\xff", b"A", b"-", b"\0"]))
def test_each_form_is_found_whatever_stands_around_it(around: bytes, edge: bytes) -> None:
    """Those of key characters alone are searched for in the runs of these, and nothing is lost by it."""
    for needle in needles(INPUTS.secrets[:4]):
        data = around + edge + needle.data + edge + around
        found = scan({"index.html": PAGE, "a.bin": data}, ScanInputs(secrets=(needle.secret,)))
        assert needle.secret.name in {each.name for each in found if each.rule == "LEAK001"}


def test_many_secrets_cost_little_more_than_few() -> None:
    """A bundle is not read again for every form of every secret."""
    words = b"function(e,t){return useState(e.title)&&t.map(n=>n.props.data)}"
    files = {"index.html": PAGE, "a.js": words * 20_000}
    few, many = (
        tuple(
            KnownSecret("staging", f"S{n}", hashlib.sha256(b"%d" % n).hexdigest()[:40])
            for n in range(count)
        )
        for count in (4, 200)
    )

    def cost(secrets: tuple[KnownSecret, ...]) -> float:
        began = time.process_time()
        scan(files, ScanInputs(secrets=secrets))
        return time.process_time() - began

    assert min(cost(many) for _ in range(3)) < 2.5 * min(cost(few) for _ in range(3))
