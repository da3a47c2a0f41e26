# pure
"""What is a secret: by the name of a variable, and by the form of its value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from urllib.parse import unquote

from scripts.secrets.formats import PUBLIC_ROLES, secret_form, token_of

# Addresses that carry a password, or are one.
ADDRESS = re.compile(
    r"(^|_)(DATABASE|DB|POSTGRES(QL)?|PG|MYSQL|MONGO(DB)?|REDIS|AMQP|RABBITMQ|WEBHOOK)_(URL|URI|DSN)$"
    r"|(^|_)CONNECTION_STRING$|WEBHOOK_URL$"
)
# Words that make a name secret whatever stands beside them.
STRONG = re.compile(
    r"(^|_)(SECRETS?|PASSWORD|PASSWD|PWD|PASSPHRASE|PRIVATE|SERVICE_ROLE|SERVICE_KEY|ADMIN_KEY|CREDENTIALS?"
    r"|(SIGNING|ENCRYPTION|MASTER|ROOT|BACKUP)_KEY)(_|$)"
)
# Words that do so at the end, unless the vendor means the thing for browsers.
WEAK = re.compile(
    r"(^|_)(APIKEY|KEY|TOKEN|PASS|SALT)S?(_?[0-9]+|_(PROD|PRODUCTION|STAGING|STAGE|DEV|DEVELOPMENT|TEST|LIVE|NEW|OLD))?$"
)
# Public by design: the vendor hands them to every browser, and guards the data in another way.
BY_DESIGN = re.compile(
    r"(^|_)(ANON|PUBLISHABLE|PUBLIC|SITE_KEY|RECAPTCHA|HCAPTCHA|TURNSTILE|FIREBASE|MAPS?|MAPBOX|MAPTILER|POSTHOG"
    r"|MIXPANEL|AMPLITUDE|SEGMENT|SEARCH|PUSHER|GA|GTM|ANALYTICS|CLARITY|LOGROCKET|BUGSNAG|LAUNCHDARKLY|FULLSTORY"
    r"|CLIENT|MEASUREMENT|CRISP|INTERCOM|TINYMCE|STORAGE|CACHE|QUERY|COOKIE|SORT|PRIMARY|TRANSLATION|I18N)(_|$)"
)
# What describes a secret and is none.
ABOUT = re.compile(
    r"_(IDS?|PATH|FILE|DIR|NAME|TTL|LENGTH|SIZE|ALGORITHM|ALG|HEADER|PREFIX|ISSUER|AUDIENCE|ENABLED|COUNT|LIMIT|URL|URI"
    r"|BUDGET|EXPIRES|EXPIRY|EXPIRES_IN|EXPIRATION|LIFETIME|ROUNDS|ENDPOINT|HOST|PORT|REGION|TYPE|FORMAT|VERSION|MODE"
    r"|INTERVAL|TIMEOUT|MINUTES|SECONDS|HOURS|DAYS|MS|DOMAIN|HINT|LABEL|POLICY|RULES|MIN|MAX)$"
)
# No secret, whatever the name says.
SWITCH = re.compile(r"(?i)true|false|yes|no|on|off|none|null|[0-9]{1,5}")

PUBLIC_FORMS = re.compile(
    r"(?:sb_publishable_|pk_live_|pk_test_|pk\.eyJ|phc_|AIza|G-|GTM-|UA-)[A-Za-z0-9_.-]+|https?://[^\s:@]+(?::\d+)?(?:/.*)?"
)


def public_prefix(name: str, prefixes: Iterable[str]) -> str | None:
    """The prefix that makes a variable public, None for a name that stays on the server."""
    return max((each for each in prefixes if each and name.startswith(each)), key=len, default=None)


@cache
def is_secret_name(name: str, prefix: str = "") -> bool:
    """Whether the name says that its value is a secret; `prefix` is the public one that it has."""
    bare = _words(name, prefix)
    weak = WEAK.search(bare) and not BY_DESIGN.search(bare) and not ABOUT.search(bare)
    return bool(is_strong_name(name, prefix) or weak)


@cache
def is_strong_name(name: str, prefix: str = "") -> bool:
    """Whether the name is secret even over a value of a public form."""
    bare = _words(name, prefix)
    return bool(ADDRESS.search(bare) or (STRONG.search(bare) and not ABOUT.search(bare)))


@cache
def is_secret(name: str, value: str, prefix: str = "") -> bool:
    """Whether a variable holds a secret: by its value, or by its name unless browsers may have it."""
    if not value or SWITCH.fullmatch(value):
        return False
    if secret_form(value) or is_strong_name(name, prefix):
        return True
    return is_secret_name(name, prefix) and not is_public_form(value)


def _words(name: str, prefix: str) -> str:
    """The name in capitals with `_` between its words, without its public prefix."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix(prefix)).upper()


@cache
def is_public_form(value: str) -> bool:
    """Whether the value is of a kind that its vendor made for browsers."""
    token = token_of(value)
    return bool(PUBLIC_FORMS.fullmatch(value)) or (token is not None and token.role in PUBLIC_ROLES)


# Which variables hold something to hide, by their names and by what their values look like.


MARKS = re.compile(r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|KEY|CREDENTIAL|WEBHOOK_URL|ACCESS_CODE")
# every browser has these; a path, a folder or an id is no secret, and masking it would garble our words
OPEN = re.compile(r"(ANON_KEY|PUBLISHABLE_KEY|PUBLIC_KEY|_PATH|_DIR|_FILE|_ID|_SOCK|_LAYOUT)$|KEYBOARD")
URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]*?:([^/\s]*)@")


def hidden(variables: Mapping[str, str]) -> Iterator[str]:
    """Every value that must not be seen: of a secret's name, or the password inside an address."""
    for name, value in variables.items():
        if MARKS.search(name.upper()) and not OPEN.search(name.upper()):
            yield value
        for inside in URL_PASSWORD.findall(value):
            yield from {inside, unquote(inside)}
