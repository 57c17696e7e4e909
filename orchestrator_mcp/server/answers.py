"""How does a result go over the wire unharmed? Whatever a record holds, the line is JSON and of bounded length."""

import json
from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any

from pydantic import BaseModel

from orchestrator_mcp.analysis.sanitize import clip, sanitize
from orchestrator_mcp.errors import InvalidInputError

MAX_BYTES = 80_000
_CLIPS = (4000, 1000, 300)


def content_of(result: BaseModel) -> tuple[dict[str, Any], str]:
    """Dump a result as structured content, and the same as compact JSON.

    Raises:
        InvalidInputError: if it is longer than MAX_BYTES even with every text in it clipped.
    """
    content = cleaned(result.model_dump(mode="json", by_alias=True, warnings=False), sanitize)
    text = compact(content)
    if len(text.encode()) <= MAX_BYTES:
        return content, text
    for limit in _CLIPS:
        content = cleaned(content, partial(clip, limit=limit))
        _warn(content, f"Texts were cut to {limit} characters to keep the answer under {MAX_BYTES} bytes.")
        text = compact(content)
        if len(text.encode()) <= MAX_BYTES:
            return content, text
    raise InvalidInputError(
        f"The answer has {len(text.encode())} bytes; at most {MAX_BYTES} are sent. Ask for less: use limit or a filter."
    )


def text_of(answer: BaseModel | str) -> str:
    """Put a resource's or prompt's answer into a text that is safe to send."""
    if isinstance(answer, BaseModel):
        return content_of(answer)[1]
    return sanitize(answer)[:MAX_BYTES]


def compact(content: object) -> str:
    """JSON with no spare byte."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    """Apply `clean` to every text and key, and leave out the numbers that JSON does not have."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): cleaned(part, clean) for key, part in value.items() if _is_json(part)}
    if isinstance(value, list):
        return [cleaned(part, clean) for part in value if _is_json(part)]
    return value


def _is_json(value: object) -> bool:
    return not isinstance(value, float) or isfinite(value)


def _warn(content: dict[str, Any], sentence: str) -> None:
    warnings = content.get("warnings")
    if isinstance(warnings, list):
        content["warnings"] = [*(text for text in warnings if not text.startswith("Texts were cut to")), sentence]
