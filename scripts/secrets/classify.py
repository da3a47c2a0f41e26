# pure
"""What is a secret, by its name and the format of its value: decided once, for rules and masking alike."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from scripts.config.settings import Secrets
from scripts.config.variables import SECRET_NAMES
from scripts.secrets.formats import PUBLIC_ROLES, parse_token, secret_format
from scripts.system.secret import would_mask

# `secret`: the rules guard it, and it is masked wherever it comes from.
# `private`: no rule says anything of it; it is masked when an environment has it.
# `public`: everybody may see it.
Sensitivity = Literal["secret", "private", "public"]

# Addresses that carry a password, or are one.
ADDRESS = re.compile(
    r"(^|_)(DATABASE|DB|POSTGRES(QL)?|PG|MYSQL|MONGO(DB)?|REDIS|AMQP|RABBITMQ|WEBHOOK)_(URL|URI|DSN)$"
    r"|(^|_)CONNECTION_STRING$|WEBHOOK_URL$"
)
# Words that make a name secret whatever stands beside them; `PWD` alone is a shell's current folder.
STRONG = re.compile(
    r"(?!PWD$)(^|.*_)(SECRETS?|PASSWORD|PASSWD|PWD|PASSPHRASE|PRIVATE(_KEY|_TOKEN|$)|SERVICE_ROLE|SERVICE_KEY"
    r"|(ADMIN|REST|MANAGEMENT|SERVER)(_API)?_(KEY|TOKEN)|WRITE_API_KEY|CREDENTIALS?|(SIGNING|ENCRYPTION|MASTER|ROOT|BACKUP)_KEY)(_|$)"
)
# Words that do so at the end, unless the vendor means the thing for browsers.
WEAK = re.compile(
    r"(^|_)(APIKEY|KEY|TOKEN|PASS|PAT|SALT)S?"
    r"(_?[0-9]+|_(PROD|PRODUCTION|STAGING|STAGE|DEV|DEVELOPMENT|TEST|LIVE|NEW|OLD))?$"
)
# Public by design: the vendor hands them to every browser, and guards the data in another way.
BY_DESIGN = re.compile(
    r"(^|_)(ANON|PUBLISHABLE|PUBLIC|SITE_KEY|RECAPTCHA|HCAPTCHA|TURNSTILE|FIREBASE|MAPS?|MAPBOX|MAPTILER|POSTHOG"
    r"|MIXPANEL|AMPLITUDE|SEGMENT|SEARCH|PUSHER|GA|GTM|ANALYTICS|CLARITY|LOGROCKET|BUGSNAG|LAUNCHDARKLY|FULLSTORY"
    r"|CLIENT|MEASUREMENT|CRISP|INTERCOM|TINYMCE|STORAGE|CACHE|QUERY|COOKIE|SORT|PRIMARY|TRANSLATION|I18N"
    r"|GMAPS|PLACES|HERE|TOMTOM|STADIA|THUNDERFOREST|CESIUM|ARCGIS|JAWG|LOCATIONIQ|GEOAPIFY|OPENCAGE|RADAR"
    r"|VAPID|(WEB_?)?PUSH|SUBSCRIBE|WRITE_KEY|SDK_KEY|FRONTEND|BROWSER|WEBSITE|STOREFRONT|SNIPCART|DELIVERY"
    r"|STORYBLOK|ALGOLIA|STREAM|GIPHY|TENOR|UNSPLASH|WEB3_?FORMS|EMAILJS|FORMSPREE|UPLOADCARE|FILESTACK"
    r"|LICENSE_KEY|PLAUSIBLE|ADSENSE|COUNTLY|TRACKJS|RAYGUN|AIRBRAKE|HONEYBADGER|NEW_RELIC"
    r"|INSTRUMENTATION|FLAGSMITH|CONFIGCAT|OPTIMIZELY|ROUTE|NAV|MENU|TAB|THEME)(_|$)"
)
# A Google key is made for browsers, unless it pays for a model.
MODELS = re.compile(
    r"GEMINI|GENAI|GOOGLE_?AI|VERTEX|GENERATIVE|MAKERSUITE|GENKIT|(^|_)(PALM|BARD|AI|AISTUDIO|LLM)(_|$)"
)
GOOGLE = re.compile(r"AIza[A-Za-z0-9_-]{30,}")
# What describes a secret and is none.
ABOUT = re.compile(
    r"_(IDS?|PATH|FILE|DIR|NAME|TTL|LENGTH|SIZE|ALGORITHM|ALG|HEADER|PREFIX|ISSUER|AUDIENCE|ENABLED|COUNT|LIMIT|URL|URI"
    r"|BUDGET|EXPIRES|EXPIRY|EXPIRES_IN|EXPIRATION|LIFETIME|ROUNDS|ENDPOINT|HOST|PORT|REGION|TYPE|FORMAT|VERSION|MODE"
    r"|INTERVAL|TIMEOUT|MINUTES|SECONDS|HOURS|DAYS|MS|DOMAIN|HINT|LABEL|POLICY|RULES|MIN|MAX|REGEX|PATTERN)$"
)
# No secret, whatever the name says.
SWITCH = re.compile(r"(?i)true|false|yes|no|on|off|none|null|[0-9]{1,5}")
# Under a public name these are switches too; a password `disabled` is one, and a bad one.
PUBLIC_SWITCH = re.compile(
    r"(?i)(en|dis)abled?|(in)?active|auto|automatic|manual|default|optional|required|hidden|visible|show|hide"
    r"|allowed|denied|open|closed|beta|alpha"
)
# Under a public name: what the browser keeps something by, unless its value could be a credential.
LABEL = re.compile(
    r"(^|_)(TOKEN|AUTH|SESSION|USER|LOCAL|STATE|STORE|PERSIST|REPLAY|LANG|LANGUAGE|LOCALE|DRAFT|FEATURE|EXPERIMENT|FLAG"
    r"|SHORTCUT|HOTKEY|KEYBOARD|IDEMPOTENCY|JWT|REFRESH|PREFS|PREFERENCES|SETTINGS|CONSENT|CART|BASKET|ONBOARDING|TOUR"
    r"|DISMISSED|REDIRECT|RETURN|HISTORY|RECENT|LAST|FILTERS?|TABLE|COLUMN|ROW|FORM|FIELD|EVENT|META|OBJECT|PARAM|HEADER"
    r"|MESSAGE|CONTEXT|PROVIDER|SELECTED|ACTIVE|CURRENT|EXPANDED|COLLAPSED|SIDEBAR|MODAL)_KEY$"
)
WORDS = re.compile(
    r"(?!(?i:.*(?:secret|passw)))@?[A-Za-z]{1,24}(?:[-_.:/+](?:[A-Za-z]{1,24}|v?[0-9]{1,3})){0,5}"
)
HUMPS = re.compile(
    r"[A-Z]?[a-z]*(?:[A-Z][a-z]{2,}){0,4}|[A-Z]+"
)  # of one word: `bookingDraft`, not `qXzBvK`

PUBLIC_FORMS = re.compile(
    r"(?:sb_publishable_|pk_(?:live|test|prod|dev|imp)_|pk\.|phc_|AIza|G-|GTM-|UA-|ca-pub-|rzp_live_|rzp_test_|FLWPUBK|NRJS-|prj_(?:live|test)_pk_)"
    r"[A-Za-z0-9_.-]+|https?://[^\s:@]+(?::\d+)?(?:/.*)?|B[A-Za-z0-9_-]{86}"
)

# Names that sound like a secret, wherever the word stands: masked, though no rule says anything of them.
SOUNDS_SECRET = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|KEY|CREDENTIAL|WEBHOOK_URL|ACCESS_CODE"
)
# Names whose values everybody may see. Masking a path, an id or a commit would garble what the desk writes.
SHOWN_NAMES = re.compile(
    r"(ANON_KEY|PUBLISHABLE_KEY|PUBLIC_KEY|_(PATH|DIR|FILE|ID|SOCK|LAYOUT|REF|COMMIT|SHA|REVISION|VERSION|RELEASE))$"
    r"|KEYBOARD|^GIT_CONFIG_KEY_[0-9]+$"
)
GIT_SETTING = re.compile(r"GIT_CONFIG_KEY_[0-9]+")  # the name of a setting for git, as CI gives it
# Values that are no secret under a name that says nothing: a word, a number or version, a path, a host.
SHOWN_VALUES = re.compile(
    r"[A-Z]?[a-z]{1,15}|[A-Z]{1,15}|v?[0-9]+(?:\.[0-9]+)*|(?:~|\.{1,2})?(?:/[a-z0-9._-]{1,20})+/?"
    r"|(?:[a-z0-9-]{1,30}\.)+[a-z]{2,12}(?::[0-9]{1,5})?"
)
# A part of an address that nobody types: such a link opens what lies behind it.
RANDOM = re.compile(r"(?=[^/?&=]*[0-9])(?=[^/?&=]*[A-Za-z])[A-Za-z0-9_~.+%-]{16,}")
# Not up to the first `/`: people write passwords as they are. What begins like a port is none.
URL_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@\s:]*:(?![0-9]{1,5}(?:/|$))(\S*)@")
ACCOUNT = r"[^\s,:@/]+@[^\s,:@/]+:([^\s,]+)"
ACCOUNTS = re.compile(rf"{ACCOUNT}(?:,{ACCOUNT})*,?")


class PublicNames(NamedTuple):
    """Which variables reach a browser: by their prefix, or because the build is given them."""

    prefixes: tuple[str, ...] = Secrets().public_prefixes
    built: tuple[str, ...] = ()

    def prefix(self, name: str) -> str | None:
        """The public prefix of a name; "" for one that the build gets without; None for any other."""
        matching = (prefix for prefix in self.prefixes if prefix and name.startswith(prefix))
        longest = max(matching, key=len, default=None)
        return "" if longest is None and name in self.built else longest


@cache
def sensitivity(name: str, value: str, prefix: str | None = None) -> Sensitivity:
    """How a variable has to be treated: the one answer for `env.check`, `env.scan` and masking.

    Args:
        prefix: the public prefix of the name, as `PublicNames.prefix` says; None: it stays on the server.
    """
    if not value or SWITCH.fullmatch(value) or (prefix is not None and _is_harmless(name, value, prefix)):
        return "public"
    if format_of(name, value, prefix or ""):
        return "secret"
    if is_strong_name(name, prefix or ""):
        no_address = ADDRESS.search(_words(name, prefix or "")) and value.isalpha() and value.islower()
        return "public" if no_address else "secret"
    if is_secret_name(name, prefix or "") and not is_public_format(value):
        return "secret"
    if name in SECRET_NAMES:
        return "private"
    shown = prefix is not None or SHOWN_NAMES.search(name.upper()) or _is_shown_value(value)
    return "public" if shown else "private"


def format_of(name: str, value: str, prefix: str = "") -> str | None:
    """What kind of key the value is or holds; a Google key is one under a name of models alone."""
    model = GOOGLE.fullmatch(value) and MODELS.search(_words(name, prefix))
    return "a Google key for models" if model else secret_format(value)


def is_secret(name: str, value: str, prefix: str | None = None) -> bool:
    """Whether the rules guard this variable: by its value, or by its name unless browsers may have it."""
    return sensitivity(name, value, prefix) == "secret"


@cache
def is_secret_name(name: str, prefix: str = "") -> bool:
    """Whether the name says that its value is a secret; `prefix` is the public one that it has."""
    if GIT_SETTING.fullmatch(name):
        return False
    bare = _words(name, prefix)
    weak = WEAK.search(bare) and not BY_DESIGN.search(bare) and not ABOUT.search(bare)
    return bool(is_strong_name(name, prefix) or weak)


@cache
def is_strong_name(name: str, prefix: str = "") -> bool:
    """Whether the name is secret even over a value of a public form."""
    bare = _words(name, prefix)
    return bool(ADDRESS.search(bare) or (STRONG.match(bare) and not ABOUT.search(bare)))


@cache
def is_public_format(value: str) -> bool:
    """Whether the value is of a kind that its vendor made for browsers."""
    token = parse_token(value)
    return bool(PUBLIC_FORMS.fullmatch(value)) or (token is not None and token.role in PUBLIC_ROLES)


def _words(name: str, prefix: str) -> str:
    """The name in capitals with `_` between its words, without its public prefix."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix(prefix)).upper()


def _is_harmless(name: str, value: str, prefix: str) -> bool:
    """Whether a public variable is a switch, or only the name of a place in storage, a flag, or keys."""
    if PUBLIC_SWITCH.fullmatch(value):
        return True
    label = LABEL.search(_words(name, prefix)) and not is_strong_name(name, prefix)
    plain = (HUMPS.fullmatch(word) for word in re.split(r"[-_.:/+@]", value) if word.isalpha())
    return bool(label and WORDS.fullmatch(value)) and all(plain)


def _is_shown_value(value: str) -> bool:
    if SHOWN_VALUES.fullmatch(value):
        return True
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return bool(plain) and not RANDOM.search(f"{parts.path}?{parts.query}#{parts.fragment}")


def masked_values(
    variables: Mapping[str, str], public: PublicNames, names: Collection[str] = (), *, declared: bool
) -> Iterator[tuple[str, str]]:
    """Every value that nobody may see, and the passwords inside of values, each after its variable's name.

    Args:
        names: of environments and branches; documents are keyed by them, so only a secret equal to one
            is masked (`colliding` finds it).
        declared: the variables are an environment's, where everything is masked that is not public by rule.
            Of the process environment only what sounds like a secret is.
    """
    for name, value in variables.items():
        kind = sensitivity(name, value, public.prefix(name))
        telling = declared or name in SECRET_NAMES or SOUNDS_SECRET.search(name.upper())
        if kind == "secret" or (kind == "private" and telling and value not in names):
            yield name, value
            if accounts := ACCOUNTS.fullmatch(value):
                yield from ((name, password) for password in re.findall(ACCOUNT, accounts[0]))
        for password in URL_PASSWORD.findall(value):
            yield from ((name, password), (name, unquote(password)))


def colliding(masked: Iterable[tuple[str, str]], names: Collection[str]) -> Iterator[str]:
    """The variables whose mask would hide a part of the name of an environment or branch."""
    return (name for name, value in masked if any(would_mask(value, each) for each in names))
