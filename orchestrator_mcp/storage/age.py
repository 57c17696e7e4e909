"""Encryption of a snapshot with a passphrase: the age format (https://age-encryption.org), through an extra."""

import re
from importlib import import_module
from typing import Any, BinaryIO

from orchestrator_mcp.errors import SnapshotError

MARK = b"age-encryption.org/v1\n"
"""What every encrypted file begins with."""
LARGEST = 256 << 20
"""Bytes: what is encrypted with a passphrase is held in memory whole."""

_MOST_WORK = 20
"""Of scrypt, as a power of two: 1 GB of memory. A file says it itself; ours, by how fast the machine was, 18 to 20."""
_WORK = re.compile(MARK + rb"-> scrypt \S{1,64} ([0-9]{1,9})\n")


def encrypted(data: bytes, passphrase: str) -> bytes:
    """Raises SnapshotError if the extra is not installed, or `data` is too large."""
    if len(data) > LARGEST:
        raise SnapshotError(
            f"The snapshot has {len(data):,} bytes; at most {LARGEST:,} are encrypted here. "
            "Export it without --encrypt, and encrypt the file with a program of your own."
        )
    result: bytes = _pyrage().passphrase.encrypt(data, passphrase)
    return result


def decrypted(file: BinaryIO, passphrase: str) -> bytes:
    """Raises SnapshotError if it cannot be decrypted, whatever the cause: a wrong passphrase looks like damage."""
    pyrage = _pyrage()
    data = file.read(LARGEST + (1 << 20))
    work = _WORK.match(data)
    if work and int(work[1]) > _MOST_WORK:
        raise SnapshotError(
            "The snapshot asks for more memory than any of ours to be decrypted, so it was not tried. "
            "Nothing was changed; if you trust it, decrypt it with `age -d` and import what that gives."
        )
    try:
        result: bytes = pyrage.passphrase.decrypt(data, passphrase)
    except (pyrage.DecryptError, ValueError):
        raise SnapshotError(
            "The snapshot could not be decrypted: the passphrase is wrong, or the file was damaged. "
            "Nothing was changed; try again, or use another copy."
        ) from None
    return result


def _pyrage() -> Any:
    try:
        return import_module("pyrage")
    except ImportError:
        raise SnapshotError(
            "Encrypted snapshots need the encrypt extra. Install it: pip install 'orchestrator-mcp[encrypt]'."
        ) from None
