"""What the doctor finds, and what it mended."""

from enum import StrEnum

from .base import Model, Result


class FindingLevel(StrEnum):
    """How bad it is, the worst first."""

    ERROR = "error"
    """Something does not work, was lost, or lies open."""
    WARNING = "warning"
    """Something will go wrong, or already does now and then."""
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    OK = "ok"
    """Looked at, and well."""


class Finding(Model):
    """What one check saw. Names in it may come from anybody: they are cleaned, and paths are relative.

    `message`: what is so. `advice`: what to do. `path`: relative to the project. `fixable`: `--fix` mends it.
    """

    check: str
    level: FindingLevel
    message: str
    advice: str | None = None
    path: str | None = None
    fixable: bool = False


class Repair(Model):
    """What was mended, with what was so before and after."""

    check: str
    path: str
    before: str
    after: str


class Diagnosis(Result):
    """The answer to `diagnose`: findings, the worst first, and what was mended before they were looked for.

    `format`: of the store; None if there is none that can be read.
    """

    version: str
    format: int | None
    findings: list[Finding]
    counts: dict[FindingLevel, int]
    repairs: list[Repair] = []

    def is_healthy(self) -> bool:
        """Whether there is no warning and no error."""
        return not any(self.counts.get(level) for level in (FindingLevel.ERROR, FindingLevel.WARNING))
