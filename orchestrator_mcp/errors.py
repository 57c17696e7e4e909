"""What can go wrong, as a tree of typed errors.

    OrchestratorError            str(error) = what happened. What to do next.
    ├── InvalidInputError        an argument that no retry will make valid
    ├── NotFoundError            a session, invocation, record or suggestion that is not there
    ├── StateConflictError       old and new differ, or a request id was used for something else
    ├── WorkspaceBusyError       which lock, held by whom, and for how long we waited
    ├── ForeignStoreError        `.orchestrator/` belongs to another tool, or to a newer format
    ├── ReadOnlyError            the workspace was opened with --read-only
    ├── StorageError             the operating system refused
    │   ├── StorageFullError     no space, no inodes, or a quota
    │   ├── UncertainWriteError  written, but not known to be on the disk: retry with the same request id
    │   └── UnsafePathError      a link, a device or a foreign file stands where ours should be
    ├── MigrationError           why nothing was moved, or what was put back
    ├── ConfigError              which key, at which level, and what it may be
    ├── SnapshotError            why nothing was exported or imported
    ├── GitError                 git is missing, or refused
    ├── AnonymizationError       an entry that is not anonymous, so nothing was sent
    └── RemoteError              a machine elsewhere did not take what was sent to it
        └── UnreachableError     it was not reached at all, as without a network

Each face translates once: the server into a tool error, the CLI into stderr and an exit code.
"""


class OrchestratorError(Exception):
    """Base of every error a face shows. Its text says what happened, then what to do next."""


class InvalidInputError(OrchestratorError, ValueError):
    """An argument that no retry will make valid. A ValueError too."""


class NotFoundError(OrchestratorError):
    """What was named does not exist."""


class StateConflictError(OrchestratorError):
    """Two versions of one thing differ and neither may be dropped silently."""


class WorkspaceBusyError(OrchestratorError):
    """A lock was not free within its deadline."""


class ForeignStoreError(OrchestratorError):
    """`.orchestrator/` is another tool's, or was written by a newer version of this one."""


class ReadOnlyError(OrchestratorError):
    """A write was asked of a workspace opened read-only."""


class StorageError(OrchestratorError):
    """The operating system refused a read or a write."""


class StorageFullError(StorageError):
    """No space, no inodes or no quota left."""


class UncertainWriteError(StorageError):
    """The bytes were handed over but the sync failed; a retry with the same request id is safe."""


class UnsafePathError(StorageError):
    """Something that is not a plain file or folder of ours stands where ours should be."""


class MigrationError(OrchestratorError):
    """A migration, or its rollback, did not happen; the text says what state things are in."""


class ConfigError(OrchestratorError):
    """A setting that cannot be used; the text names the key, the level and the line."""


class SnapshotError(OrchestratorError):
    """A snapshot was not written, or not taken in; then nothing was changed."""


class AnonymizationError(OrchestratorError):
    """What was about to leave this machine is not anonymous, so nothing left."""


class GitError(OrchestratorError):
    """git is missing, or refused; the text says what it said."""


class RemoteError(OrchestratorError):
    """A remote refused, failed or could not be reached; what was not taken is still to be sent."""


class UnreachableError(RemoteError):
    """The remote was not reached at all, as is usual without a network."""
