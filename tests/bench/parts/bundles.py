"""Bundles of so many megabytes, as a bundler writes them: minified code, and code with much base64."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from pathlib import Path

PIECE = 1 << 19  # bytes of a chunk file, as bundlers cut them
WORDS = "props state value index event render update handler element style width height color label items"
KINDS = ("code", "base64")


def bundle(folder: Path, kind: str, megabytes: float) -> Path:
    """A folder with `index.html` and chunks; the same for the same size."""
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><script src=/assets/chunk0.js></script>\n")
    chance, left, number = random.Random(20), int(megabytes * 1e6), 0
    while left > 0:
        text = "".join(_chunk(chance, kind, min(left, PIECE)))
        (folder / f"chunk{number}.js").write_text(text)
        left, number = left - len(text), number + 1
    return folder


def _chunk(chance: random.Random, kind: str, size: int) -> Iterator[str]:
    """One line of minified code; of the kind `base64` half of it is images."""
    words, made = WORDS.split(), 0
    while made < size:
        if kind == "base64" and chance.random() < 0.05:
            image = base64.b64encode(chance.randbytes(chance.randrange(500, 6000))).decode()
            piece = f'{chance.choice(words)}:"data:image/png;base64,{image}",'
        else:
            one, two = chance.choice(words), chance.choice(words)
            name = f"{chance.choice('abcdefghij')}{chance.randrange(36)}"
            piece = (
                f'function {name}(e,t){{const {one}=e.{two}||"{one}-{two}";return t({one},{{{two}:!0}})}}'
            )
        made += len(piece)
        yield piece
    yield "\n"
