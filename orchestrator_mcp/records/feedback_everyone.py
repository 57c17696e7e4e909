"""What a review of many installations' shared feedback reports."""

from enum import StrEnum

from .base import Model, Result
from .pattern import Rate


class Unit(StrEnum):
    """What is counted. An installation's hash changes monthly: over several months it counts once for each."""

    INSTALLATION = "installation"
    INSTALLATION_MONTH = "installation-month"


class Finding(Model):
    """A rate of installations, and the entries that tell of it. `suggestion` is there where something goes wrong."""

    key: str
    title: str
    rate: Rate
    entries: int
    suggestion: str | None = None


class Count(Model):
    """How many have a thing in common."""

    name: str
    count: int


class EveryoneReview(Result):
    """The answer to `feedback review --tool --all-users`. Every rate is of units; `n` are those that tell.

    `months` are those that were looked at, of `of_months`. `duplicates` came more than once and count once;
    `bad_lines` are no shared feedback. Medians of seconds are steps: a workflow took at least so long.
    """

    unit: Unit
    months: list[str]
    of_months: int
    installations: int
    entries: int
    duplicates: int
    bad_lines: int
    files: int
    patterns: list[Finding]
    positives: list[Finding]
    rates: list[Finding]
    errors: list[Finding]
    versions: list[Count]
    repositories: list[Count]
    median_seconds: int | None
    median_phases: dict[str, int]
