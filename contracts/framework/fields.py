"""The fields of a declared structure, as data.

Everything that a person sees of an operation (form, JSON Schema, reference page, words) and every
check of a value's meaning is derived from these, so nothing is described twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final

from msgspec import inspect

from contracts.errors import INVALID_FIELD
from contracts.framework.types import Kind, problem_of
from ledger.codec import Struct
from ledger.errors import CodedError


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its kind, bounds and meaning.

    ``many`` is (least, most) items for a list and None for a single value; ``bounds`` are the
    least and greatest integer, or length of a text or byte string. ``parts`` are the fields of a
    group, ``choices`` the values of a choice. ``optional`` fields may be None.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool
    default: Any
    many: tuple[int, int | None] | None
    bounds: tuple[int | None, int | None]
    optional: bool
    group: type[Struct] | None
    parts: tuple[Field, ...]
    choices: tuple[str, ...]
    enum: type[Enum] | None
    schema: tuple[tuple[str, Any], ...]

    @property
    def label(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")


@cache
def fields_of(struct: type[Struct]) -> tuple[Field, ...]:
    """The fields of a structure, in their order on the wire."""
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):  # pragma: no cover - Struct is one
        raise TypeError(f"{struct.__name__} is not a structure")
    return tuple(_field(f) for f in info.fields)


_BY_SHAPE: Final[tuple[tuple[type[inspect.Type], Kind], ...]] = (
    (inspect.BoolType, Kind.FLAG),
    (inspect.IntType, Kind.INTEGER),
    (inspect.StrType, Kind.TEXT),
    (inspect.BytesType, Kind.BYTES),
    (inspect.EnumType, Kind.CHOICE),
    (inspect.StructType, Kind.GROUP),
)


class _Marks:
    """What the annotations around a type said, gathered from the outside in."""

    def __init__(self) -> None:
        self.meaning = ""
        self.kind: Kind | None = None
        self.schema: dict[str, Any] = {}

    def strip(self, info: inspect.Type) -> inspect.Type:
        while isinstance(info, inspect.Metadata):
            extra = info.extra or {}
            if self.kind is None and "kind" in extra:
                self.kind = Kind(extra["kind"])
            schema = dict(info.extra_json_schema or {})
            self.meaning = self.meaning or str(schema.pop("description", ""))
            self.schema = {**schema, **self.schema}
            info = info.type
        return info


def _field(field: inspect.Field) -> Field:
    marks = _Marks()
    info = marks.strip(field.type)
    optional = False
    if isinstance(info, inspect.UnionType):
        rest = [t for t in info.types if not isinstance(t, inspect.NoneType)]
        if len(rest) != 1 or not info.includes_none:
            raise TypeError(f"field {field.name}: only a value or None may be left open")
        optional, info = True, marks.strip(rest[0])
    many: tuple[int, int | None] | None = None
    if isinstance(info, inspect.VarTupleType):
        many = (info.min_length or 0, info.max_length)
        info = marks.strip(info.item_type)
    shape = next((kind for shape, kind in _BY_SHAPE if isinstance(info, shape)), None)
    if shape is None:
        raise TypeError(f"field {field.name}: {info} is no kind of value")
    group = info.cls if isinstance(info, inspect.StructType) else None
    if group is not None and not issubclass(group, Struct):
        raise TypeError(f"field {field.name}: {group.__name__} is no ledger structure")
    enum = info.cls if isinstance(info, inspect.EnumType) else None
    return Field(
        name=field.name,
        kind=marks.kind or shape,
        meaning=marks.meaning,
        required=field.required,
        default=None if field.required else field.default,
        many=many,
        bounds=_bounds(info),
        optional=optional,
        group=group,
        parts=fields_of(group) if group else (),
        choices=tuple(str(member.value) for member in enum) if enum else (),
        enum=enum,
        schema=tuple(sorted(marks.schema.items())),
    )


def _bounds(info: inspect.Type) -> tuple[int | None, int | None]:
    if isinstance(info, inspect.IntType):
        return info.ge, info.le
    if isinstance(info, inspect.StrType | inspect.BytesType):
        return info.min_length, info.max_length
    return None, None


Check = Callable[[Any], None]


@cache
def checker_of(struct: type[Struct]) -> Check:
    """A function that raises ``INVALID_FIELD``, naming the field, if a value breaks its kind."""
    steps = [step for field in fields_of(struct) if (step := _step(field)) is not None]

    def check(value: Any) -> None:
        for step in steps:
            step(value)

    return check


def _step(field: Field) -> Check | None:
    name = field.name
    inner = _value_check(field)
    if inner is None:
        return None
    problem = None if field.group else problem_of(field.kind)
    if field.many is None and problem is not None:

        def alone(value: Any) -> None:
            item = getattr(value, name)
            if item is not None:
                sentence = problem(item)
                if sentence:
                    raise CodedError(INVALID_FIELD, sentence, field=name)

        return alone

    def one(value: Any) -> None:
        item = getattr(value, name)
        if item is not None:
            try:
                inner(item)
            except CodedError as error:
                raise _within(name, error) from None

    def each(value: Any) -> None:
        for index, item in enumerate(getattr(value, name)):
            try:
                inner(item)
            except CodedError as error:
                raise _within(f"{name}[{index}]", error) from None

    return one if field.many is None else each


def _value_check(field: Field) -> Check | None:
    if field.group is not None:
        return checker_of(field.group)
    problem = problem_of(field.kind)
    if problem is None:
        return None

    def single(value: Any) -> None:
        sentence = problem(value)
        if sentence:
            raise CodedError(INVALID_FIELD, sentence)

    return single


def _within(place: str, error: CodedError) -> CodedError:
    """An error in a part, as one of the whole."""
    where = f"{place}.{error.field}" if error.field else place
    return CodedError(error.code, error.message, field=where)


def named_values(value: Struct, kinds: frozenset[Kind]) -> Iterator[Any]:
    """The values of some kinds anywhere in a structure, in the order of its fields."""
    for field in fields_of(type(value)):
        content = getattr(value, field.name)
        if content is None or content == b"":
            continue
        for item in content if field.many is not None else (content,):
            if field.group is not None:
                yield from named_values(item, kinds)
            elif field.kind in kinds:
                yield item
