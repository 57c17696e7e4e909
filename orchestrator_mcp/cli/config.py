"""`orchestrator config`: what is set, where, and setting it."""

from orchestrator_mcp.services import config

from .command import Arguments, Call


def arguments(parser: Arguments) -> None:
    write = parser.subcommand("set", "set something for this project, or for all of yours", _set)
    write.add_argument("key", help="what to set; `config list` names everything")
    write.add_argument("value", help="true or false, a number, a text, texts with commas between; '' removes it")
    write.add_argument("--global", dest="everywhere", action="store_true", help="in your own file, for every project")
    read = parser.subcommand("get", "print the value in force", _get)
    read.add_argument("key", help="what to print; `config list` names everything")
    parser.subcommand("list", "describe everything that can be set", _list)
    show = parser.subcommand("show", "show what is set, and where", _show)
    show.add_argument("--effective", action="store_true", help="show the defaults in force too")
    show.add_argument("--global", dest="everywhere", action="store_true", help="only what you set for every project")


def _set(call: Call) -> object:
    args = call.args
    return config.set_setting(call.workspace(), args.key, args.value, everywhere=args.everywhere)


def _get(call: Call) -> object:
    return config.get_setting(call.workspace(), call.args.key)


def _list(_call: Call) -> object:
    return config.list_settings()


def _show(call: Call) -> object:
    return config.show_settings(call.workspace(), effective=call.args.effective, everywhere=call.args.everywhere)
