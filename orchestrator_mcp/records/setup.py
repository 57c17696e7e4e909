"""What `init` made of a project's store."""

from enum import StrEnum

from .base import Result


class Mode(StrEnum):
    """What of a store is committed."""

    PRIVATE = "private"
    SHARE_CONFIG = "share-config"
    PORTABLE = "portable"
    PORTABLE_WITH_PRIVATE = "portable-with-private"


class SetUp(Result):
    """The store, and what was changed, a sentence each.

    `means`: what git sees of it. `mode` is null where somebody else wrote the `.gitignore`.
    """

    store: str
    mode: Mode | None
    means: str
    changes: list[str]
    next_step: str
