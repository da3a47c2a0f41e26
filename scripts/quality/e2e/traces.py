"""Playwright's traces without what must not leave the machine: cookies, tokens, keys."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
HEADER = re.compile(
    r'("name":"(?:authorization|proxy-authorization|cookie|set-cookie|apikey|x-hub-signature-256)",'
    r'"value":")(?:[^"\\]|\\.)*"',
    re.IGNORECASE,
)
COOKIES = re.compile(r'"cookies":\[[^\]]*\]')
PICTURES = (".jpeg", ".jpg", ".png", ".webp", ".woff2", ".ttf")
TEXTS = (".xml", ".html", ".txt", ".log", ".json")


def clean(folder: Path, mask: Callable[[str], str]) -> None:
    """Rewrite every trace and every text below a folder; `mask` hides the secrets that the desk knows."""
    for file in sorted(folder.rglob("*")):
        if file.suffix == ".zip":
            _clean_trace(file, mask)
        elif file.suffix in TEXTS and file.is_file():
            text = file.read_bytes()
            cleaned = _cleaned(text, mask)
            if cleaned != text:
                file.write_bytes(cleaned)


def _clean_trace(trace: Path, mask: Callable[[str], str]) -> None:
    beside = trace.with_name(f".{trace.name}.part")
    try:
        with zipfile.ZipFile(trace) as old, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as new:
            for each in old.infolist():
                content = old.read(each)
                new.writestr(
                    each.filename,
                    content if each.filename.endswith(PICTURES) else _cleaned(content, mask),
                )
    except zipfile.BadZipFile:
        trace.unlink()  # nobody can look into it, so nobody can say that it is clean
        beside.unlink(missing_ok=True)
        return
    beside.replace(trace)


def _cleaned(content: bytes, mask: Callable[[str], str]) -> bytes:
    text = mask(content.decode("utf-8", "surrogateescape"))
    text = HEADER.sub(r'\1***"', COOKIES.sub('"cookies":[]', JWT.sub("***", text)))
    return text.encode("utf-8", "surrogateescape")
