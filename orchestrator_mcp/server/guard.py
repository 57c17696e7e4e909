"""Which lines from a client are messages, and what is answered to those that are not?"""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_LINE = 4 * 1024 * 1024
MAX_DEPTH = 128
_MAX_ID = 1024  # an id comes back in every answer; the SDK also turns digits into an integer

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603


@dataclass(frozen=True)
class Refusal:
    """A JSON-RPC error that is answered without asking the server."""

    code: int
    message: str
    id: str | int | None = None

    def error(self) -> dict[str, Any]:
        """What JSON-RPC calls an error."""
        return {"code": self.code, "message": self.message}

    def line(self) -> bytes:
        """The answer as it goes over the wire."""
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "error": self.error()}).encode() + b"\n"


TOO_LONG = Refusal(INVALID_REQUEST, f"A message may have {MAX_LINE} bytes; this one has more. Send less at once.")


def judge(line: bytes) -> dict[str, Any] | Refusal | None:
    """Parse one line: a well-formed message, the refusal to answer, or None for a blank line."""
    if len(line) > MAX_LINE:
        return TOO_LONG
    line = line.removeprefix(b"\xef\xbb\xbf").strip()
    if not line:
        return None
    try:
        message = _parse(line)
    except UnicodeDecodeError:
        return Refusal(PARSE_ERROR, "The line is not UTF-8.")
    except RecursionError:
        return Refusal(PARSE_ERROR, "The JSON is nested too deeply.")
    except ValueError as error:
        return Refusal(PARSE_ERROR, f"The line is not JSON: {error}"[:200])
    return _fault(message) or message


def _parse(line: bytes) -> Any:
    text = line.decode()
    message = json.loads(text, parse_constant=_no_constant)
    return _whole_characters(message) if "\\ud" in text or "\\uD" in text else message


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _whole_characters(message: Any) -> Any:
    """Replace lone surrogates: half an emoji, as clients make that cut text at a length."""
    text = json.dumps(message, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _fault(message: Any) -> Refusal | None:
    if isinstance(message, list):
        return Refusal(INVALID_REQUEST, "Batches are not supported. Send one message per line.")
    if not isinstance(message, dict):
        return Refusal(INVALID_REQUEST, "A message is a JSON object.")
    id_ = message.get("id")
    if "id" in message and not _is_id(id_):
        return Refusal(INVALID_REQUEST, "The id must be a string or an integer, and short.")
    if message.get("jsonrpc") != "2.0":
        return Refusal(INVALID_REQUEST, 'The member "jsonrpc" must be "2.0".', id_)
    if _is_deep(message):
        return Refusal(INVALID_REQUEST, f"The message is nested deeper than {MAX_DEPTH} levels.", id_)
    return _fault_of_answer(message, id_) if "method" not in message else _fault_of_call(message, id_)


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_ID
    return type(value) is int and abs(value) < 2**63


def _fault_of_call(message: dict[str, Any], id_: str | int | None) -> Refusal | None:
    if not isinstance(message["method"], str):
        return Refusal(INVALID_REQUEST, "The method must be a string.", id_)
    if not isinstance(message.get("params", {}), dict):
        return Refusal(INVALID_PARAMS, "The params must be an object.", id_)
    return None


def _fault_of_answer(message: dict[str, Any], id_: str | int | None) -> Refusal | None:
    error = message.get("error")
    if id_ is not None and (isinstance(message.get("result"), dict) or (isinstance(error, dict) and _is_error(error))):
        return None
    return Refusal(INVALID_REQUEST, "The message has no method, and is no answer to one of ours.", id_)


def _is_error(error: dict[str, Any]) -> bool:
    return type(error.get("code")) is int and isinstance(error.get("message"), str)


def _is_deep(message: Any) -> bool:
    layer = [message]
    for _ in range(MAX_DEPTH):
        layer = [child for node in layer for child in _children(node)]
        if not layer:
            return False
    return True


def _children(node: Any) -> list[Any]:
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [value for value in values if isinstance(value, dict | list)]
