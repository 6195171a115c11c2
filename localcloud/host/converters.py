"""The Python worker's use of the SDK's converters: trigger data into arguments, results into datums."""

from collections.abc import Mapping
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum

from localcloud.host.triggers import IndexedFunction

GENERIC = "generic"
"""Converter of a trigger parameter annotated with ``str`` or ``bytes``; the SDK leaves it to the worker."""


def converter(binding: str) -> Any:
    """Return the SDK's converter class for a type of binding."""
    registry = func.get_binding_registry()  # type: ignore[no-untyped-call]
    return registry.get(binding)


class OutputValue(func.Out[Any]):
    """The value of a ``func.Out`` parameter."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        """Set the value."""
        self._value = val

    def get(self) -> Any:
        """Return the value, None when it was never set."""
        return self._value


def decode_trigger(function: IndexedFunction, datum: Datum | None, metadata: Mapping[str, Datum]) -> Any:
    """Turn a trigger's datum into the object the function takes.

    Raises:
        TypeError: the converter does not take data of that kind.
        ValueError: the data or the metadata are malformed.
    """
    if function.converter == GENERIC:
        return _decode_generic(datum)
    used = converter(function.converter)
    try:
        return used.decode(datum, trigger_metadata=metadata)
    except NotImplementedError as error:
        kind = None if datum is None else datum.type
        raise TypeError(
            "unable to decode incoming TypedData: unsupported combination of TypedData field "
            f"{kind!r} and expected binding type {used}"
        ) from error


def _decode_generic(datum: Datum | None) -> Any:
    if datum is None:
        return None
    if datum.type in {"string", "bytes", "json"}:
        return datum.value
    raise ValueError(f"unexpected type of data received for the 'generic' binding: {datum.type!r}")


def encode_result(function: IndexedFunction, result: Any, outputs: Mapping[str, OutputValue]) -> Datum | None:
    """Check what a function returned and encode its HTTP response.

    Raises:
        TypeError: the value is no HTTP response.
        RuntimeError: a function that may not return anything did.
    """
    if function.returns_http:
        return _encode_http(result)
    if result is not None:
        raise RuntimeError(f"function {function.name!r} without a $return binding returned a non-None value")
    values = [output.get() for output in outputs.values() if output.get() is not None]
    return _encode_http(values[0]) if values else None


def _encode_http(value: Any) -> Datum:
    used = converter("http")
    try:
        datum: Datum = used.encode(value, expected_type=None)
    except NotImplementedError as error:
        raise TypeError(
            f'unable to encode outgoing TypedData: unsupported type "{used}" for '
            f'Python type "{type(value).__name__}"'
        ) from error
    return datum
