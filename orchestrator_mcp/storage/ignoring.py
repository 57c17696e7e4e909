"""What does git see of a store? The `.gitignore` of each mode, and whose a `.gitignore` is."""

from orchestrator_mcp.records.setup import Mode

from .travel import patterns

_LINES = {
    Mode.PRIVATE: ["*"],
    Mode.SHARE_CONFIG: [
        "# orchestrator-mcp, share-config: the settings are committed, and nothing else.",
        "*",
        "!config.yaml",
        "!.gitignore",
    ],
    Mode.PORTABLE: [
        "# orchestrator-mcp, portable: what was recorded is committed, but no secrets, and nothing private.",
        *patterns(include_private=False),
    ],
    Mode.PORTABLE_WITH_PRIVATE: [
        "# orchestrator-mcp, portable with private entries: all that was recorded is committed, but no secrets.",
        *patterns(include_private=True),
    ],
}


def ignore_text(mode: Mode) -> bytes:
    """The `.gitignore` of a mode."""
    return b"".join(b"%s\n" % line.encode() for line in _LINES[mode])


def mode_of(text: bytes) -> Mode | None:
    """Which mode a `.gitignore` stands for; None if it is not ours.

    The first line says so, and no line is one that we do not write: what somebody added is not ours to replace.
    """
    first, *lines = text.decode("utf-8", "replace").split("\n")
    title = first.partition(":")[0]  # what follows it is for people, and may be said otherwise by another version
    kinds = (mode for mode, own in _LINES.items() if own[0].partition(":")[0] == title and {*lines} <= {*own[1:], ""})
    return next(kinds, None)
