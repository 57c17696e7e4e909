"""How is the SDK imported faster than by a plain import? By a fifth, measured by `tests/bench/cold_start.py`."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from .stdio import Wire

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

_DEFER_ADAPTER = "_defer_build"


def run_stdio(build: Callable[[], "MCPServer[Any]"]) -> int:
    """Serve what `build` makes on stdin and stdout; the process's exit code.

    Reading begins before the SDK is imported, so that no signal and no message of a hasty client is lost.
    """
    gc.disable()  # until the server is up: nearly all that modules make is there to stay
    wire = Wire()
    wire.open()
    with light_imports():
        import anyio  # noqa: PLC0415

        from .serving import serve  # noqa: PLC0415
    anyio.run(serve, build(), wire)
    return wire.life.exit_code or 0


@contextmanager
def light_imports() -> Iterator[None]:
    """Build pydantic models and adapters on first use: of the SDK's hundreds a session meets a dozen.

    Pydantic has no public switch for this. Where the private ones are not found, start-up is only slower.
    """
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    models, adapters = _model_defaults(), _adapter_type()
    by_config = getattr(adapters, _DEFER_ADAPTER, None)
    models["defer_build"] = True
    setattr(adapters, _DEFER_ADAPTER, property(lambda _: True))
    try:
        yield
    finally:
        models["defer_build"] = False
        setattr(adapters, _DEFER_ADAPTER, by_config)


def _model_defaults() -> dict[str, object]:
    try:
        from pydantic._internal import _config  # noqa: PLC0415  must follow the environment variable
    except ImportError:
        return {}
    return cast("dict[str, object]", getattr(_config, "config_defaults", {}))


def _adapter_type() -> type:
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter if isinstance(vars(TypeAdapter).get(_DEFER_ADAPTER), property) else type("_Absent", (), {})
