"""Two states of one workflow that differ: in what, and which is used?"""

import re
from collections.abc import Mapping
from typing import Any

from orchestrator_mcp.records.wording import counted

_SHOWN = 6
_BOOKKEEPING = "_"
_FIELD = re.compile("[a-z_]{1,30}")  # as the old tools named theirs: another name may say anything


def is_other_state(old: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether two states are of one workflow and differ."""
    workflow = workflow_of(old)
    return workflow is not None and workflow_of(ours) == workflow and _content(ours) != _content(old)


def conflict(old: Mapping[str, Any], name: str, ours: Mapping[str, Any], where: str, *, old_wins: bool) -> str:
    """In which fields two states of one workflow differ, and which is used. Texts of theirs are nobody's to repeat.

    Args:
        old: the older state.
        name: the legacy file that says it.
        ours: the newer one.
        where: what says that.
        old_wins: which is used.
    """
    differing = [field for field in dict.fromkeys([*old, *ours]) if _differs(old, ours, field)]
    fields = [field for field in differing if _FIELD.fullmatch(field)][:_SHOWN]
    more = [counted(len(differing) - len(fields), "other field")] if len(differing) > len(fields) else []
    used = (
        "The old one is used, and the newer is kept in the backup."
        if old_wins
        else "That one stays in use, and the old one is kept in the backup."
    )
    return f"The workflow in {name} has a different state in {where} (in {', '.join(fields + more)}). {used}"


def workflow_of(state: Mapping[str, Any]) -> str | None:
    """The workflow's id, under either of the names it has had."""
    name = state.get("workflow_id") or state.get("id")
    return name if isinstance(name, str) else None


def _content(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not name.startswith(_BOOKKEEPING)}


def _differs(old: Mapping[str, Any], ours: Mapping[str, Any], field: str) -> bool:
    same = (field in old, old.get(field)) == (field in ours, ours.get(field))
    return not same and not field.startswith(_BOOKKEEPING)
