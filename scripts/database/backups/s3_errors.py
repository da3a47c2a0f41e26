"""What an S3-compatible service answers when it does not do what was asked, and what that means."""

from __future__ import annotations

from typing import Any

from scripts.errors import BackupFault, CommandFailed, DeskError, Refused, Unreachable
from scripts.system.process import quoted_lines

MISSING = ("404", "NoSuchKey", "NotFound")
OF_OBJECTS = ("GetObject", "HeadObject", "DeleteObject")  # a listing that is not found is no S3 at all
TAKEN = ("412", "304", "PreconditionFailed", "409", "ConditionalRequestConflict")
CONFLICT = ("409", "ConditionalRequestConflict")
UNKNOWN = ("501", "405", "NotImplemented", "MethodNotAllowed")
NO_BUCKET = "NoSuchBucket"
WRONG_REGION = ("301", "PermanentRedirect", "AuthorizationHeaderMalformed")
# the fault is the caller's key: no other header would help
WRONG_KEY = ("InvalidAccessKeyId", "ExpiredToken", "InvalidToken")
CHECK_ENDPOINT = "is `backup.endpoint` that of an S3-compatible service?"
CHECK_KEYS = (
    "are `BACKUP_S3_KEY_ID` and `BACKUP_S3_SECRET_KEY` right, and may that key list, read and write?"
)
# the statuses with which services refuse a header that they don't know: their words differ too much
HEADER_STATUS = (400, 403, 405, 411, 415, 417, 501)


def client_error() -> Any:
    """The class of botocore for an answer that is an error, imported when it is needed."""
    from botocore.exceptions import ClientError

    return ClientError


def code_of(fault: Any) -> str:
    """The service's code, such as `NoSuchKey`; the status where it gave none."""
    return str(fault.response.get("Error", {}).get("Code", ""))


def may_be_a_header(fault: Any) -> bool:
    """Whether the request may succeed without the header that not every service knows."""
    status = int(fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return status in HEADER_STATUS and code_of(fault) not in (*MISSING, *TAKEN, *WRONG_KEY, NO_BUCKET)


def translated(failure: str, fault: Any, bucket: str) -> DeskError:
    """Our error for an answer of the service; `failure` begins the message."""
    code, words = code_of(fault), quoted_lines(str(fault))
    if code in TAKEN:
        return Refused(f"{failure}: another run has written it", "`invoke backup.list`")
    if code in MISSING and fault.operation_name in OF_OBJECTS:
        return BackupFault(failure)
    if code == NO_BUCKET:
        return Unreachable(f"{failure}: there is no bucket `{bucket}`", "check `backup.bucket`")
    if code in WRONG_REGION:
        region = _region(fault)
        hint = f"the bucket is in `{region}`: set `backup.region`" if region else "check `backup.region`"
        return Unreachable(f"{failure}{words}", hint)
    if code in UNKNOWN:
        return CommandFailed(
            f"{failure}: the service does not know `{fault.operation_name}`{words}",
            "backups need a service with that ability",
        )
    return Unreachable(f"{failure}{words}", CHECK_ENDPOINT if code in MISSING else CHECK_KEYS)


def _region(fault: Any) -> str:
    """Where the bucket is, if the service says so."""
    headers = fault.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(fault.response.get("Error", {}).get("Region") or headers.get("x-amz-bucket-region") or "")
