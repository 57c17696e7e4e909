"""`orchestrator collector`: collect what installations share, for whoever collects for others."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

from orchestrator_mcp.errors import ConfigError, InvalidInputError
from orchestrator_mcp.storage.remote.address import is_here

from .command import Arguments, Call, checked

EXTRA = ("starlette", "uvicorn")


def arguments(parser: Arguments) -> None:
    one = parser.runs(_collector)
    one.add_argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1: this machine alone)")
    one.add_argument("--port", type=int, default=0, help="the port (0: any that is free)")
    one.add_argument("--data", type=Path, default=Path("collected"), metavar="DIR", help="where to keep it (collected)")
    one.add_argument("--per-minute", type=int, default=60, metavar="N", help="requests of one client a minute (60)")


def _collector(call: Call) -> None:
    if not all(map(find_spec, EXTRA)):
        raise ConfigError("The collector needs an extra. Install it with: pip install 'orchestrator-mcp[collector]'")
    from orchestrator_mcp.storage.collected import Collected  # noqa: PLC0415  the extra may be missing
    from orchestrator_mcp.web import collector  # noqa: PLC0415

    args = call.args
    limit = collector.RateLimit(checked("per-minute", args.per_minute, 1, 1_000_000))
    collected = Collected(args.data)
    try:
        listening = collector.bound(args.host, checked("port", args.port, 0, 65535))
    except OSError as error:
        raise InvalidInputError(
            f"{args.host} port {args.port} cannot be listened at ({error}). Name another."
        ) from error
    where = f"http://{f'[{args.host}]' if ':' in args.host else args.host}:{listening.getsockname()[1]}/"
    collector.serve(collected, listening, limit, lambda: _say(call, where, collected.path))


def _say(call: Call, where: str, kept: Path) -> None:
    if call.args.json:
        print(json.dumps({"url": where, "kept": str(kept)}), flush=True)
    elif not call.args.quiet:
        print(f"Collecting at {where}, keeping it in {kept}. Ctrl-C ends it.", flush=True)
    if not is_here(call.args.host):
        warning = "others can reach this. Put a proxy with TLS before it; installations send to https alone."
        print(f"warning: {warning}", file=sys.stderr, flush=True)
