"""Checks a function's Python signature against its bindings, with the rules and messages of the Python worker."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from azure.functions.decorators.core import Binding

from localcloud.host.converters import GENERIC, converter
from localcloud.host.errors import FunctionLoadError

_OUT = 1
_INOUT = 2
_DEFINITION = "the function definition (function.json or function decorators)"
_NOT_GENERIC = (typing.Union, types.UnionType, tuple, typing.ClassVar, Callable, typing.Annotated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What the worker learns from a signature."""

    converters: Mapping[str, str]
    """Per input parameter, the binding whose converter decodes it."""
    out_parameters: tuple[str, ...]
    wants_context: bool
    return_binding: str | None
    """Type of the ``$return`` binding."""


def check_signature(name: str, call: Callable[..., Any], bindings: Sequence[Binding]) -> Signature:
    """Check one function.

    Raises:
        FunctionLoadError: with the worker's own text, for the first rule that is broken.
    """
    annotations = typing.get_type_hints(call)
    parameters = set(inspect.signature(call).parameters)
    bound = {binding.name: binding for binding in bindings}
    returned = bound.pop("$return", None)
    for binding in bindings:
        if binding.direction == _INOUT:
            raise FunctionLoadError(name, '"inout" bindings are not supported')
    wants_context = _takes_context(name, parameters, bound, annotations)
    _check_names(name, parameters, set(bound))
    converters: dict[str, str] = {}
    outputs: list[str] = []
    for parameter, binding in bound.items():
        chosen = _check_parameter(name, binding, parameter in annotations, annotations.get(parameter))
        if binding.direction == _OUT:
            outputs.append(parameter)
        else:
            converters[parameter] = chosen
    if returned is not None and "return" in annotations:
        _check_return(name, str(returned.type), annotations["return"])
    return Signature(
        converters=converters,
        out_parameters=tuple(outputs),
        wants_context=wants_context,
        return_binding=None if returned is None else str(returned.type),
    )


def _takes_context(
    name: str, parameters: set[str], bound: Mapping[str, Binding], annotations: Mapping[str, Any]
) -> bool:
    if "context" not in parameters or "context" in bound:
        return False
    parameters.discard("context")
    annotation = annotations.get("context")
    if "context" in annotations and not (isinstance(annotation, type) and annotation.__name__ == "Context"):
        raise FunctionLoadError(
            name,
            f'the "context" parameter is expected to be of type azure.functions.Context, got {annotation!r}',
        )
    return True


def _check_names(name: str, parameters: set[str], bound: set[str]) -> None:
    unbound = parameters - bound
    if unbound:
        raise FunctionLoadError(
            name, f"the following parameters are declared in Python but not in {_DEFINITION}:  {unbound!r}"
        )
    missing = bound - parameters
    if missing:
        raise FunctionLoadError(
            name,
            f"Extra parameters in binding definition: the following parameters are declared in {_DEFINITION} "
            f"but not in Python: {missing!r}",
        )


def _check_parameter(name: str, binding: Binding, annotated: bool, annotation: Any) -> str:
    """Check one bound parameter and return the name of the converter for it."""
    declared_out = binding.direction == _OUT
    if not annotated:
        return str(binding.type)
    is_out, python_type = _unwrap_out(name, binding.name, annotation)
    if not isinstance(python_type, type) and not _is_typing_generic(python_type):
        hint = ' (use "typing.List" instead of "list")' if isinstance(python_type, types.GenericAlias) else ""
        raise FunctionLoadError(
            name, f"binding {binding.name} has invalid non-type annotation {annotation!r}{hint}"
        )
    if declared_out and not is_out:
        raise FunctionLoadError(
            name,
            f'binding {binding.name} is declared to have the "out" direction, but its annotation in Python is not '
            "a subclass of azure.functions.Out",
        )
    if is_out and not declared_out:
        raise FunctionLoadError(
            name,
            f'binding {binding.name} is declared to have the "in" direction in {_DEFINITION}, '
            "but its annotation is azure.functions.Out in Python",
        )
    chosen = GENERIC if python_type in (str, bytes) else str(binding.type)
    if not _accepts(chosen, python_type, is_out=is_out):
        raise FunctionLoadError(name, _mismatch(binding, python_type))
    return chosen


def _unwrap_out(name: str, parameter: str, annotation: Any) -> tuple[bool, Any]:
    origin = typing.get_origin(annotation) or annotation
    if not (isinstance(origin, type) and origin.__name__ == "Out"):
        return False, annotation
    arguments = typing.get_args(annotation)
    if len(arguments) != 1:
        raise FunctionLoadError(name, f"binding {parameter} has invalid Out annotation {annotation!r}")
    return True, arguments[0]


def _is_typing_generic(annotation: Any) -> bool:
    """Tell ``typing.List[X]``, which the worker takes, from ``list[X]`` and unions, which it refuses."""
    origin = typing.get_origin(annotation)
    return (
        origin is not None and not isinstance(annotation, types.GenericAlias) and origin not in _NOT_GENERIC
    )


def _accepts(converter_name: str, python_type: Any, *, is_out: bool) -> bool:
    if converter_name == GENERIC:
        return True
    binding = converter(converter_name)
    check = binding.check_output_type_annotation if is_out else binding.check_input_type_annotation
    try:
        return bool(check(python_type))
    except TypeError:
        # The SDK's converters call issubclass on whatever they get, and a typing alias is not a class.
        return False


def _mismatch(binding: Binding, python_type: Any) -> str:
    if binding.data_type:
        return (
            f'{binding.name!r} binding type "{binding.type}" and dataType "{binding.data_type}" in function definition '
            "(function.json or function decorators) do not match the corresponding function parameter's Python type "
            f'annotation "{python_type.__name__}"'
        )
    return (
        f"type of {binding.name} binding in function definition (function.json or function decorators) "
        f'"{binding.type}" does not match its Python annotation "{python_type.__name__}"'
    )


def _check_return(name: str, binding_type: str, annotation: Any) -> None:
    origin = typing.get_origin(annotation)
    if isinstance(origin, type) and origin.__name__ == "Out":
        raise FunctionLoadError(name, "return annotation should not be azure.functions.Out")
    if not isinstance(annotation, type) or isinstance(annotation, types.GenericAlias):
        raise FunctionLoadError(name, f"has invalid non-type return annotation {annotation!r}")
    if not _accepts(binding_type, annotation, is_out=True):
        raise FunctionLoadError(
            name,
            f'Python return annotation "{annotation.__name__}" does not match binding type "{binding_type}"',
        )
