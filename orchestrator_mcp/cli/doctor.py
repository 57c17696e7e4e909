"""`orchestrator doctor`: what is wrong with the store and its surroundings, and what to do about it."""

from .command import COULD_NOT_RUN, DONE, FAILED, Arguments, Call


def arguments(parser: Arguments) -> None:
    doctor = parser.runs(_doctor, failed=COULD_NOT_RUN)
    doctor.add_argument(
        "--fix", action="store_true", help="mend what can be mended without loss, and say what was done"
    )


def _doctor(call: Call) -> object:
    from orchestrator_mcp.services.doctor import diagnose, mend  # noqa: PLC0415  --help needs none of it

    diagnosis = mend(call.workspace()) if call.args.fix else diagnose(call.workspace())
    return (DONE if diagnosis.is_healthy() else FAILED), diagnosis
