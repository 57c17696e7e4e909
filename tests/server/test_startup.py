"""The faster import changes nothing but the time, and does without what it does not find."""

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic._internal import _config

from orchestrator_mcp.server import startup
from orchestrator_mcp.server.startup import light_imports


def made() -> tuple[type[BaseModel], TypeAdapter[Any]]:
    class Point(BaseModel):
        x: int

    return Point, TypeAdapter(list[int] | None)


def check(model: type[BaseModel], adapter: TypeAdapter[Any]) -> None:
    assert model(x="1").model_dump() == {"x": 1}
    assert adapter.validate_python(["2"]) == [2]


def test_models_and_adapters_are_built_on_first_use() -> None:
    with light_imports():
        model, adapter = made()
    assert (model.__pydantic_complete__, adapter.pydantic_complete) == (False, False)
    check(model, adapter)


def test_afterwards_they_are_built_at_once_again() -> None:
    with light_imports():
        pass
    model, adapter = made()
    assert (model.__pydantic_complete__, adapter.pydantic_complete) == (True, True)


@pytest.mark.parametrize("lost", ["models", "adapters", "both"])
def test_without_pydantics_private_switches_it_is_only_slower(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    if lost != "adapters":
        monkeypatch.setattr(_config, "config_defaults", dict(_config.config_defaults))
        monkeypatch.setattr(startup, "_model_defaults", dict)
    if lost != "models":
        monkeypatch.setattr(startup, "_DEFER_ADAPTER", "_no_such_property")
    with light_imports():
        model, adapter = made()
        check(model, adapter)
    assert not hasattr(TypeAdapter, "_no_such_property")
