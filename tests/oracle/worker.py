"""Microsoft's Python worker in this process: its indexing and its invocations, without gRPC and without a host.

The worker is handed the messages that a host would send; of their protobuf classes it reads no more than attributes,
so plain objects take their place.
"""

import importlib
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from azure.functions.meta import Datum

from localcloud.host.context import RetryContext, TraceContext
from localcloud.host.triggers import IndexedFunction

FOLDER = Path(__file__).parents[2] / ".functions-worker"
MODULE = "function_app"


class TypedData(SimpleNamespace):
    """A protobuf message with one ``oneof data``."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        return next(iter(vars(self)), None)


class Parameter(SimpleNamespace):
    """``ParameterBinding``: a name and its data."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        return "data"


class _BindingInfo(SimpleNamespace):
    undefined, inout, out = 0, 2, 1


class _StatusResult(SimpleNamespace):
    Success, Failure = "Success", "Failure"


class _Cookie(SimpleNamespace):
    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


PROTOS = SimpleNamespace(
    BindingInfo=_BindingInfo,
    StatusResult=_StatusResult,
    TypedData=TypedData,
    ParameterBinding=Parameter,
    RpcHttpCookie=_Cookie,
    **dict.fromkeys(
        (
            *(
                "WorkerInitResponse",
                "WorkerMetadata",
                "RpcException",
                "RpcFunctionMetadata",
                "RpcRetryOptions",
            ),
            *(
                "InvocationResponse",
                "RpcHttp",
                "NullableString",
                "NullableBool",
                "NullableDouble",
                "NullableTimestamp",
            ),
        ),
        SimpleNamespace,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the worker made of an app: its functions, or the reason why there are none."""

    functions: Mapping[str, Any]
    """Function metadata by name."""
    refusal: str | None
    """``<class of the error>: <message>``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How an invocation ended."""

    value: TypedData | None = None
    outputs: Mapping[str, TypedData]
    error: str | None = None


class Worker:
    """The worker, one app at a time."""

    def __init__(self) -> None:
        if str(FOLDER) not in sys.path:
            sys.path.append(str(FOLDER))
        self._handlers: Any = importlib.import_module("azure_functions_runtime.handle_event")
        self._pool: Any = importlib.import_module("azure_functions_runtime.utils.threadpool")
        self._pool.start_threadpool_executor()

    async def index(self, app: Path) -> Verdict:
        """Import and index the app in a folder, as the start of the worker does."""
        self._handlers._functions._functions.clear()
        self._handlers._metadata_result = None
        before = sys.modules.pop(MODULE, None)
        sys.path.insert(0, str(app))
        request = SimpleNamespace(capabilities={}, function_app_directory=str(app))
        message = SimpleNamespace(
            request=SimpleNamespace(worker_init_request=request),
            properties={"host": "127.0.0.1", "protos": PROTOS},
        )
        try:
            response = await self._handlers.worker_init_request(message)
        finally:
            sys.path.remove(str(app))
            sys.modules.pop(MODULE, None)
            if before is not None:
                sys.modules[MODULE] = before
        if response.result.status == _StatusResult.Failure:
            return Verdict(functions={}, refusal=response.result.exception.message)
        found = self._handlers._metadata_result or []
        return Verdict(functions={one.name: one for one in found}, refusal=None)

    async def invoke(
        self,
        function: IndexedFunction,
        trigger: Datum | None,
        metadata: Mapping[str, Datum],
        *,
        trace: TraceContext | None = None,
    ) -> Answer:
        """Run a function of the app that was indexed last. Raises what the worker does not catch."""
        request = SimpleNamespace(
            invocation_id=str(uuid.uuid4()),
            function_id=str(uuid.uuid5(uuid.NAMESPACE_OID, function.name)),
            input_data=[Parameter(name=function.trigger_parameter, data=typed(trigger))],
            trigger_metadata={name: typed(value) for name, value in metadata.items()},
            trace_context=trace or TraceContext.continued(None),
            retry_context=RetryContext(),
        )
        message = SimpleNamespace(request=SimpleNamespace(invocation_request=request))
        response = await self._handlers.invocation_request(message)
        failed = response.result.status == _StatusResult.Failure
        return Answer(
            value=None if failed else response.return_value,
            outputs={} if failed else {one.name: one.data for one in response.output_data},
            error=response.result.exception.message if failed else None,
        )

    def close(self) -> None:
        """End its threads and take it out of the process."""
        self._pool.stop_threadpool_executor()
        sys.path.remove(str(FOLDER))
        for name in [
            name for name in sys.modules if name.startswith(("azure_functions_runtime", "azurefunctions"))
        ]:
            del sys.modules[name]


def typed(datum: Datum | None) -> TypedData:
    """The protobuf form of a datum."""
    if datum is None:
        return TypedData()
    if datum.type != "http":
        return TypedData(**{datum.type: datum.value})
    value = datum.value
    return TypedData(
        http=SimpleNamespace(
            method=value["method"].value,
            url=value["url"].value,
            headers=_texts(value["headers"]),
            params=_texts(value["params"]),
            query=_texts(value["query"]),
            body=typed(value["body"]),
        )
    )


def _texts(values: Mapping[str, Datum]) -> dict[str, str]:
    return {name: datum.value for name, datum in values.items()}
