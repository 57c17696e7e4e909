"""A shorter schema, of the same meaning."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from orchestrator_mcp.server.schema import for_arguments, without_titles


class Size(StrEnum):
    """Long text about sizes."""

    S = "small"
    L = "large"


class Inner(BaseModel):
    """Long text about inner things."""

    title: str = "a name that is no noise"


class Loop(BaseModel):
    next: "Loop | None" = None


def short(**fields: Any) -> dict[str, Any]:
    properties: dict[str, Any] = for_arguments(create_model("Arguments", **fields).model_json_schema())["properties"]
    return properties


def test_names_that_happen_to_be_title_stay() -> None:
    assert without_titles(Inner.model_json_schema())["properties"] == {
        "title": {"default": "a name that is no noise", "type": "string"}
    }


def test_optional_is_said_by_not_being_required() -> None:
    assert short(a=(Annotated[int | None, Field(description="d", ge=1)], None)) == {
        "a": {"type": "integer", "description": "d"}
    }


def test_an_enumeration_stands_where_it_is_used_under_the_parameters_own_description() -> None:
    assert short(a=(Annotated[Size, Field(description="d")], Size.S)) == {
        "a": {"type": "string", "enum": ["small", "large"], "default": "small", "description": "d"}
    }
    assert short(a=(list[Size] | None, None)) == {
        "a": {"type": "array", "items": {"type": "string", "enum": ["small", "large"]}}
    }


def test_other_unions_stay() -> None:
    assert short(a=(int | Size | None, None)) == {
        "a": {"anyOf": [{"type": "integer"}, {"type": "string", "enum": ["small", "large"]}, {"type": "null"}]}
    }


def test_a_default_that_looks_like_a_schema_stays() -> None:
    assert short(a=(dict[str, str], {"title": "x"}))["a"]["default"] == {"title": "x"}


def test_what_refers_to_itself_keeps_its_references() -> None:
    schema = for_arguments(create_model("Arguments", a=(Loop, ...)).model_json_schema())
    assert schema["properties"]["a"] == {"$ref": "#/$defs/Loop"}
    assert "Loop" in schema["$defs"]
