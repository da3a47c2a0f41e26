"""What a reader finds in an HTML page: its elements, its words, and the cells of its tables."""

from __future__ import annotations

import re
from html.parser import HTMLParser

LOADS = ("src", "srcset", "poster", "data", "action", "background", "xlink:href", "formaction", "ping")


class Reader(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        """Text that is shown."""
        if self.lasttag == "style":
            return
        self.words.append(data)
        if self.lasttag in ("td", "th"):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        """All that is read, in one line."""
        return re.sub(r"\s+", " ", "".join(self.words))

    @property
    def loads(self) -> list[str]:
        """What the browser would fetch: attributes that load, scripts, frames, and `url(...)` in styles."""
        found = [f"{tag} {name}" for tag, attrs in self.tags for name in attrs if name in LOADS]
        found += [
            tag for tag, _ in self.tags if tag in ("script", "iframe", "object", "embed", "form", "base")
        ]
        styles = " ".join(attrs.get("style") or "" for _, attrs in self.tags)
        return [*found, *(["url()"] if "url(" in styles else [])]

    @property
    def handlers(self) -> list[str]:
        """Attributes that would run something."""
        return [name for _, attrs in self.tags for name in attrs if name.startswith("on")]

    def of_class(self, kind: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a class."""
        return [attrs for _, attrs in self.tags if kind in (attrs.get("class") or "").split()]
