"""`[secrets]`: what an exception needs, so that it can be judged again: a hash, a reason and an end."""

from __future__ import annotations

import re

from scripts.domain.settings import Secrets

DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


def secrets_faults(secrets: Secrets) -> list[str]:
    """Every fault of the section that its types can't say."""
    faults = ["`secrets.public_prefixes` should not hold an empty text"] * ("" in secrets.public_prefixes)
    for number, each in enumerate(secrets.allow):
        path = f"`secrets.allow[{number}]"
        if not re.fullmatch(r"[0-9a-f]{64}", each.sha256):
            faults.append(f"{path}.sha256` should be the 64 hex digits that `invoke env.scan --json` shows")
        if not re.fullmatch(r"LEAK[0-9]{3}", each.rule):
            faults.append(f"{path}.rule` should be a rule of `invoke env.scan`, such as `LEAK003`")
        if not each.reason.strip():
            faults.append(f"{path}.reason` should say why this is no leak")
        if not DAY.fullmatch(each.until):
            faults.append(f"{path}.until` should be a day, such as `2030-01-31`")
    for key in ("supabase_api", "github_api"):
        if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", getattr(secrets, key)):
            faults.append(f"`secrets.{key}` should be a bare http or https address")
    return faults
