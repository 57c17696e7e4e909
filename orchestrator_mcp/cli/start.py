"""`orchestrator start`: start a workflow, as `orchestrator workflow start` does."""

from .command import Arguments
from .workflow import start_alone


def arguments(parser: Arguments) -> None:
    start_alone(parser)
