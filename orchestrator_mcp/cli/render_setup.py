"""What `init` did, as text for people."""

from orchestrator_mcp.records.setup import SetUp

from .layout import clean, shown


@shown.register
def _(result: SetUp) -> str:
    lines = [clean(one) for one in result.changes] or [f"Nothing to do: {clean(result.store)} is there already."]
    mode = f"Mode {result.mode}: " if result.mode else "Git: "
    return "\n".join([*lines, f"{mode}{result.means}.", f"Next: {clean(result.next_step)}"])
