"""The kinds of value that keys of the config hold, and what all its sections share."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

T = TypeVar("T")


class Section(BaseModel):
    """A section of the config: its keys, each with its kind, the text below it, and its default if it has one.

    No key is unknown, no value is turned into one of another kind, and none is changed after it was read. What checks
    a section is built when it is first needed: most programs read a few of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, defer_build=True)


class _Left:
    """Marks a key that may be left out but is never null; the default None stands for its absence alone."""

    def __get_pydantic_core_schema__(self, kind: Any, handler: Any) -> Any:
        kinds = [part for part in get_args(kind) if part is not type(None)]
        return handler.generate_schema(reduce(or_, kinds))


MayLack = Annotated[T | None, _Left()]
"""Of a key that may be left out and has no default; None is what it is then, and no value of it."""


class Some:
    """Marks a section that has the keys of another one, each of which may be left out.

    Args:
        name: of the section in the schema.
        model: the other one.
    """

    def __init__(self, name: str, model: type[Section]) -> None:
        self.name, self.model = name, model

    def __get_pydantic_core_schema__(self, _: Any, handler: Any) -> Any:
        kinds = get_type_hints(self.model, include_extras=True)
        keys: dict[str, Any] = {
            name: (kinds[name], Field(default=None, description=field.description))
            for name, field in self.model.model_fields.items()
        }
        return handler.generate_schema(create_model(self.name, __base__=Section, __doc__=self.model.__doc__, **keys))


def _each_once(values: list[Any]) -> list[Any]:
    if any(value in values[:place] for place, value in enumerate(values)):
        raise ValueError("no element twice")
    return values


EachOnce = (AfterValidator(_each_once), Field(json_schema_extra={"uniqueItems": True}))

Text = Annotated[str, Field(min_length=1)]
Address = Annotated[str, Field(pattern="^https?://")]
Natural = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Several = Annotated[int, Field(ge=2)]
Context = Annotated[int, Field(ge=32)]
Names = Annotated[list[Text], *EachOnce]
SomeNames = Annotated[list[Text], Field(min_length=1), *EachOnce]

# A whole number stays one, so that what is written of it stays as it is.
Number = int | Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(gt=0)] | Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[int, Field(ge=0, le=1)] | Annotated[float, Field(ge=0, le=1)]
OpenShare = Annotated[int, Field(gt=0, lt=1)] | Annotated[float, Field(gt=0, lt=1)]
Dropout = Annotated[int, Field(ge=0, lt=1)] | Annotated[float, Field(ge=0, lt=1)]

Auto = Annotated[str, Field(pattern="^auto$")]
Precision = Literal["auto", "fp16", "bf16", "fp32"]
Mode = Literal["behavior", "intention", "hybrid"]
Validation = Literal["second_last", "test"]


class Dimensions(Section):
    """What of the recommender differs between datasets (section 3.2.2)."""

    dim: Count
    """embedding size"""
    max_length: Count
    """items of a history that are seen, the newest kept; also the length of a history in the prompts"""


class Viewpoint(Section):
    """What a text names that speaks of a point of view."""

    values: Names
    """values of it, as texts name them"""
    fields: Annotated[list[Literal["tags", "brand", "feature"]], *EachOnce]
    """fields of the metadata that hold values of it"""
