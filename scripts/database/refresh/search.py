# pure
"""Search rows and schema texts for what must not leave production: known values, addresses, phone numbers.

Every byte is looked at once. Texts become words in lower case; a known value is its words in a row, found
by the rarest of them in one look-up per word, so that thousands of values cost no more than one. Where that
word stands, the words around it are compared: a word that many texts share costs no second look at them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, count

ADDRESS = re.compile(rb"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# in international form: other numbers can't be told from prices and ids; +999 belongs to nobody
PHONE = re.compile(rb"\+(?!999)[1-9](?:[ ()./-]{0,2}[0-9]){7,14}(?![0-9])")
# an address, a long number, or several words
IDENTIFYING = re.compile(r".*@.*|(?:\D*\d){6,}.*|\S+ \S+.*", re.DOTALL)
# what is a key, a time or a count wherever it stands
NEUTRAL = re.compile(
    r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}|\d{4}-\d\d-\d\d([T ].*)?|[-+]?\d{1,8}([.,]\d*)?",
    re.DOTALL,
)
LONGEST = 400  # characters of a value that are compared
COUNTED = 1000  # addresses of a column, beyond which they are not counted
FIRST_BLOCKS, EVERY = 4, 16  # blocks of a table in which every column is looked at
FALSE_ALARMS = 5  # after so many, a word is too common to find a value by
# of more than a few values, those are found that have a long word which not many others share
FEW, LONG, SHARED = 2000, 4, 20
# letters in lower case, digits and all that is not ASCII; everything else parts words
WORDS = bytes(
    code + 32 if 65 <= code <= 90 else code if code >= 128 or 48 <= code <= 57 or 97 <= code <= 122 else 32
    for code in range(256)
)


def identifies(value: str) -> bool:
    """Whether a value is known to be somebody's: an address, a long number, several words."""
    return IDENTIFYING.fullmatch(value) is not None and NEUTRAL.fullmatch(value) is None


def phrase(text: bytes) -> bytes:
    """The words of a text with one blank before, between and after them."""
    return b" " + b" ".join(text.translate(WORDS).split()) + b" "


class Search:
    """Searches texts, and keeps what it finds: where it is, never the value.

    Args:
        domain: addresses of this domain are made up.
        values: of production, which must not be found.
        public: texts that the team knows, such as committed migrations: what they hold may be found.
    """

    def __init__(self, domain: str, values: Iterable[str], public: Sequence[str] = ()) -> None:
        self._allowed = f"@{domain}".encode().lower()
        self._public = b"\n".join(text.encode("utf-8", "surrogateescape") for text in public).lower()
        self._public_phrase = phrase(self._public)
        public_words = frozenset(self._public_phrase.split())
        phrases = {phrase(_as_copied(value[:LONGEST])) for value in values}
        known = [
            (each, words)
            for each in phrases
            if (words := each.split())
            and not (public_words.issuperset(words) and each in self._public_phrase)
        ]
        frequency = Counter(chain.from_iterable(set(words) for _, words in known))
        # the rarest word -> how many words stand before it, and how many there are in all -> phrases
        self._by_word: dict[bytes, dict[tuple[int, int], set[bytes]]] = {}
        few = len(known) <= FEW
        for each, words in known:
            long = words if few or len(words) == 1 else [word for word in words if len(word) >= LONG]
            rarest = min(long, key=lambda word: (frequency[word], -len(word), word), default=None)
            if rarest and (few or frequency[rarest] <= SHARED):
                shapes = self._by_word.setdefault(rarest, defaultdict(set))
                shapes[words.index(rarest), len(words)].add(each.strip())
        self._false: Counter[bytes] = Counter()
        self.size = len(known)
        self._blocks: Counter[str] = Counter()
        self.found: dict[str, Counter[str]] = {}

    def rows(self, table: str, columns: Sequence[str], unmasked: Sequence[int], block: bytes) -> None:
        """Search whole lines of `COPY`, in its text format.

        Addresses and phone numbers are searched for in all of them, and known values in the `unmasked`
        columns (by their place): in what the masks made, known values are searched for in samples.
        """
        self._blocks[table] += 1
        whole = self._blocks[table] <= FIRST_BLOCKS or self._blocks[table] % EVERY == 0
        looked_at = block if whole else _fields(block, unmasked, len(columns))
        if self._has_addresses(block) or self._has_phones(block) or self._has_values(looked_at):
            for line in block.splitlines():
                for column, field in zip(columns, line.split(b"\t"), strict=False):
                    if field != b"\\N":
                        self._field(f"{table}.{column}", field)

    def text(self, place: str, text: str) -> None:
        """Search a text that is no row: part of the schema."""
        self._field(place, text.encode("utf-8", "surrogateescape"))

    def holds(self, text: str) -> bool:
        """Whether a text holds what must not be found; nothing is kept."""
        kept, self.found = self.found, {}
        self.text("", text)
        kept, self.found = self.found, kept
        return bool(kept)

    def leaks(self) -> Iterator[str]:
        """What was found, in words and without values."""
        for place, kinds in self.found.items():
            if count := kinds["address"]:
                many = "more than " if count >= COUNTED else ""
                yield f"`{place}` holds {many}{count} addresses outside `{self._allowed[1:].decode()}`"
            if kinds["phone"]:
                yield f"`{place}` holds phone numbers"
            if kinds["value"]:
                yield f"`{place}` holds values of production"

    def _field(self, place: str, field: bytes) -> None:
        found = self.found.get(place, Counter())
        if found["address"] < COUNTED:
            outside = [each.lower() for each in ADDRESS.findall(field)]
            found["address"] += sum(not self._may_stay(each) for each in outside)
        if not found["phone"]:
            phones = (match[0] for match in PHONE.finditer(field))
            found["phone"] += sum(each not in self._public for each in phones)
        if not found["value"]:
            found["value"] += self._has_values(field)
        if found.total():
            self.found[place] = found

    def _may_stay(self, address: bytes) -> bool:
        return address.endswith(self._allowed) or address in self._public

    def _has_addresses(self, block: bytes) -> bool:
        """Quick: every `@` is followed by the test domain, and by its end."""
        fake = block.count(self._allowed)
        return block.count(b"@") != fake or bool(
            fake and (block.count(self._allowed + b".") or block.count(self._allowed + b"-"))
        )

    def _has_phones(self, block: bytes) -> bool:
        return b"+" in block and PHONE.search(block) is not None

    def _has_values(self, block: bytes) -> bool:
        """Whether a known value is in the block."""
        if not self._by_word:
            return False
        words = block.translate(WORDS).split()
        seen = set[bytes]()
        for place in compress(count(), map(self._by_word.__contains__, words)):
            seen.add(words[place])
            for (before, size), phrases in self._by_word[words[place]].items():
                first = place - before
                if first >= 0 and b" ".join(words[first : first + size]) in phrases:
                    return True
        for word in seen:
            self._false[word] += 1
            if self._false[word] > FALSE_ALARMS:
                del self._by_word[word]
        return False


def _fields(block: bytes, wanted: Sequence[int], columns: int) -> bytes:
    """The `wanted` fields of each line, by their place; each on a line of its own."""
    if not wanted:
        return b""
    fields = block.replace(b"\n", b"\t").split(b"\t")  # once for all lines, which have as many fields each
    return b"\n".join([b"\n".join(fields[place::columns]) for place in wanted])


def _as_copied(value: str) -> bytes:
    r"""As `COPY` writes it: a line's end within a value is the two characters `\n`."""
    escaped = value.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return escaped.encode("utf-8", "surrogateescape")
