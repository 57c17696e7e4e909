"""How does a function of ours look to the SDK? Its parameters without the workspace, its text without the markup."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Example|Examples|Note):$", re.MULTILINE)


@dataclass(frozen=True)
class Face:
    """A function as a client sees it."""

    name: str
    description: str
    signature: inspect.Signature


def face_of(function: Callable[..., Any]) -> Face:
    """Take the workspace, which no client supplies, off a function's signature."""
    signature = inspect.signature(function)
    workspace, *parameters = signature.parameters.values()
    # The workspace's type is often imported for type checkers only, so its name may mean nothing at run time.
    unknown = {str(workspace.annotation): Any} if isinstance(workspace.annotation, str) else {}
    hints = get_type_hints(function, localns=unknown, include_extras=True)
    known = [parameter.replace(annotation=hints[parameter.name]) for parameter in parameters]
    return Face(
        function.__name__,
        description_of(function),
        signature.replace(parameters=known, return_annotation=hints["return"]),
    )


def description_of(function: Callable[..., Any]) -> str:
    """The docstring without line breaks inside paragraphs, up to the section that repeats the parameters."""
    text = _SECTION.split(inspect.getdoc(function) or "")[0]
    return "\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text.strip()))


def wear(face: Face, function: Callable[..., Any], returns: Any) -> Callable[..., Any]:
    """Give a general function the name, text and parameters that the SDK reads."""
    function.__name__ = face.name
    function.__doc__ = face.description
    function.__annotations__ = {name: part.annotation for name, part in face.signature.parameters.items()}
    function.__annotations__["return"] = returns
    function.__signature__ = face.signature.replace(return_annotation=returns)  # type: ignore[attr-defined]
    return function
