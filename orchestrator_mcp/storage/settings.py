"""What is a workspace given? What its process was started with, and the thinking of the layers above."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator_mcp.records.base import OUR_OWN_FIELDS

from .intake import Digester
from .paths import typed_path

Redactor = Callable[[dict[str, Any], bytes], dict[str, Any]]


@dataclass(frozen=True)
class Settings:
    """What a process was started with: flags and the environment, read once.

    Args:
        session: the session asked for by flag, argument or environment.
        client: the program that calls us, if it says so.
        client_session: that program's own id of its conversation.
        source: who makes the records: `agent`, or `cli` for a person.
        own_session: a long-lived process that gets a session of its own; else `current` is the default.
        read_only: refuse every write.
        skip_feedback: the environment variable that turned feedback capture off, if one did.
        ephemeral: why this machine will probably be thrown away, as a sentence; None if it stays.
        home: the person's home folder, if there is one.
        cwd: the folder that the person stands in.
        environ: the environment, for settings and secrets.
        flags: settings from the command line, as text.
    """

    session: str | None = None
    client: str | None = None
    client_session: str | None = None
    source: str = "cli"
    own_session: bool = False
    read_only: bool = False
    skip_feedback: str | None = None
    ephemeral: str | None = None
    home: Path | None = None
    cwd: Path = field(default_factory=Path)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)  # it holds secrets
    flags: Mapping[str, str] = field(default_factory=dict)

    def path(self, typed: str) -> Path:
        """What the person means by a path; see `typed_path`."""
        return typed_path(typed, self.home, self.cwd).absolute()


@dataclass(frozen=True)
class Thinking:
    """What storage needs from the layers above: redaction, and what the index keeps of a line."""

    redact: Redactor
    digest: Digester
    version: str

    def without_secrets(self, value: dict[str, Any], key: bytes) -> dict[str, Any]:
        """A record's fields without the secrets in its texts; see `OUR_OWN_FIELDS` for what is left alone.

        A request id in which a secret seems to stand is replaced by a keyed hash: it still tells calls apart.
        """
        texts = {name: item for name, item in value.items() if name not in OUR_OWN_FIELDS}
        clean = self.redact(texts, key)
        request = value.get("request_id")
        if isinstance(request, str) and clean["request_id"] != request:
            clean["request_id"] = "rq_" + hmac.new(key, request.encode("utf-8", "replace"), "sha256").hexdigest()[:32]
        return {name: value[name] for name in value if name in OUR_OWN_FIELDS} | clean
