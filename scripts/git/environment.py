"""Which settings reach git: the person's own configuration, and those that CI puts into `GIT_CONFIG_...`.

Of CI's settings those are passed on that name hosts, headers, certificates and people. One that runs a
program, or changes what git prints, is left out, and named.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from scripts.system.command import CREDENTIALS, Command, inherited
from scripts.system.network import named_certificates
from scripts.system.process import attempt
from scripts.system.secret import remember

Setting = tuple[str, str]  # ("http.https://host/.extraheader", "AUTHORIZATION: basic ...")

PASSED = re.compile(
    r"safe\.directory|user\.(name|email)|url\..+\.(push)?insteadof|credential\.(.+\.)?(username|usehttppath)"
    r"|http\.(.+\.)?(extraheader|proxy|proxyauthmethod|sslcainfo|sslcapath|sslcert|useragent|version|postbuffer"
    r"|lowspeedlimit|lowspeedtime)",
    re.IGNORECASE | re.DOTALL,
)
CERTIFICATES = re.compile(r"http\.(.+\.)?sslcainfo", re.IGNORECASE | re.DOTALL)
HEADER = re.compile(r"http\..*extraheader", re.IGNORECASE | re.DOTALL)
MOST = 1_000  # settings that are looked at
# git's own switches: no configuration but that which is given, no replaced objects, no prompt, no pager
ISOLATED = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ATTR_NOSYSTEM": "1"}
ALWAYS = {"GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}


class FromProcess(NamedTuple):
    """What `GIT_CONFIG_COUNT`, `GIT_CONFIG_KEY_<n>` and `GIT_CONFIG_VALUE_<n>` say.

    Args:
        passed: the settings that git gets.
        left_out: those that it does not get, each for a message: "`core.pager` (`GIT_CONFIG_KEY_1`)".
    """

    passed: tuple[Setting, ...] = ()
    left_out: tuple[str, ...] = ()


def from_process() -> FromProcess:
    """The settings in this process's environment. Headers are masked from now on."""
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    if not count:
        return FromProcess()
    if not count.isdecimal() or int(count) > MOST:
        return FromProcess(left_out=("`GIT_CONFIG_COUNT`, which is no number that git takes",))
    passed, left_out = [], []
    for number in range(int(count)):
        variable = f"GIT_CONFIG_KEY_{number}"
        key, value = os.environ.get(variable, ""), os.environ.get(f"GIT_CONFIG_VALUE_{number}")
        if value is not None and PASSED.fullmatch(key):
            passed.append((key, value))
        else:
            left_out.append(f"`{key}` (`{variable}`)" if key else f"`{variable}`, which is not set")
    mask_headers(passed)
    return FromProcess(tuple(passed), tuple(left_out))


def mask_headers(settings: Iterable[Setting]) -> None:
    """Mask the headers among these settings from now on, the token in them, and what it encodes."""
    for key, value in settings:
        if HEADER.fullmatch(key) and value:
            token = value.split()[-1]
            for secret in (value, token, *_encoded(token)):
                remember(secret)


def _encoded(token: str) -> Iterator[str]:
    """The password in the token of a `basic` header."""
    try:
        yield base64.b64decode(token, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return


def as_variables(settings: Iterable[Setting]) -> dict[str, str]:
    """The settings as variables that git reads; they are in no argument and in no file."""
    pairs = list(settings)
    variables = {"GIT_CONFIG_COUNT": str(len(pairs))} if pairs else {}
    for number, (key, value) in enumerate(pairs):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def of_job(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """In a GitHub job, the header with its token for the job's server; () where a header is set already."""
    job = os.environ.get("GITHUB_ACTIONS") == "true"
    server = os.environ.get("GITHUB_SERVER_URL", "") if job else ""
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN")
    if not (token and server.startswith("https://")) or any(HEADER.fullmatch(key) for key, _ in settings):
        return ()
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    header = ((f"http.{server}/.extraheader", f"AUTHORIZATION: basic {basic}"),)
    mask_headers(header)
    return header


def of_person(settings: Iterable[Setting] = ()) -> Mapping[str, str]:
    """A git that has the person's configuration and credentials, what CI sets, and these settings."""
    settings = tuple(settings)
    passed = from_process().passed
    passed += of_job((*settings, *passed))
    variables = inherited(CREDENTIALS)
    if "GIT_SSL_CAINFO" not in named_certificates() and _names_certificates(passed):
        variables.pop("GIT_SSL_CAINFO", None)  # it would win over what git is configured to trust
    return {**variables, **as_variables((*settings, *passed)), **ALWAYS}


def _names_certificates(passed: Iterable[Setting]) -> bool:
    """Whether CI's settings, or the person's configuration, name certificates for git."""
    return any(CERTIFICATES.fullmatch(key) for key, _value in passed) or _configured_certificates()


@cache
def _configured_certificates() -> bool:
    argv = ("git", "config", "--global", "--includes", "--get-regexp", r"^http\.(.*\.)?sslcainfo$")
    return bool(attempt(Command(argv, cwd=Path("/"), env=inherited(CREDENTIALS), timeout=10)).out)
