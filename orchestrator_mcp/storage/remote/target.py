"""What every target is: somewhere that takes a batch as a whole."""

from typing import Protocol


class Target(Protocol):
    """Takes batches. Sending the same one again is harmless."""

    def send(self, name: str, body: bytes) -> str:
        """Have a batch taken: under its name, its very bytes.

        Returns:
            Where it is now: a file, or a host. It is shown and kept, so it holds no secret.

        Raises:
            UnreachableError: if nobody was reached.
            RemoteError: if it was not taken.
            StorageError: (and its kin) if a file could not be written.
        """
