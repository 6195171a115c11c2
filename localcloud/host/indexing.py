"""Turns the functions of a loaded app into :class:`IndexedFunction` values, or refuses the whole app."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions.decorators.core import Binding
from azure.functions.decorators.function_app import Function

from localcloud.host.errors import AppLoadError, ConfigurationError, FunctionLoadError
from localcloud.host.signatures import Signature, check_signature
from localcloud.host.timespan import parse_timespan
from localcloud.host.triggers import (
    HttpTrigger,
    IndexedFunction,
    RetryPolicy,
    ServiceBusTrigger,
    TimerTrigger,
    Trigger,
)

_LOG = logging.getLogger(__name__)
_SUPPORTED_OUTPUTS = {"http"}


def index_app(app: func.FunctionRegister) -> list[IndexedFunction]:
    """Index every function of an app.

    ``get_functions()`` works once per app object, so this must be called once as well.

    Raises:
        AppLoadError: a name is used twice, a signature is refused, or a binding is not supported by this host.
    """
    try:
        functions = app.get_functions()
    except ValueError as error:
        raise AppLoadError(f"ValueError: {error}") from error
    indexed = [_index(function) for function in functions]
    if not indexed:
        _LOG.warning("No job functions found.")
    return indexed


def _index(function: Function) -> IndexedFunction:
    name = str(function.get_function_name())
    call = function.get_user_function()
    trigger = function.get_trigger()
    if trigger is None:
        raise AppLoadError(f"Function {name} does not have a trigger.")
    bindings = function.get_bindings()
    signature = _signature(name, call, bindings)
    _refuse_unsupported(name, trigger, bindings)
    retry = _retry_policy(name, function.get_settings_dict("retry_policy"))
    spec = _trigger(name, trigger)
    if retry is not None and not isinstance(spec, TimerTrigger):
        _LOG.warning("Function '%s': a retry policy is ignored for a %s.", name, trigger.type)
    return IndexedFunction(
        name=name,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        directory=Path(inspect.getfile(inspect.unwrap(call))).parent,
        trigger=spec,
        trigger_parameter=trigger.name,
        converter=signature.converters[trigger.name],
        wants_context=signature.wants_context,
        returns_http=signature.return_binding == "http",
        out_parameters=signature.out_parameters,
        retry=retry,
    )


def _signature(name: str, call: Callable[..., Any], bindings: Sequence[Binding]) -> Signature:
    try:
        return check_signature(name, call, bindings)
    except AppLoadError:
        raise
    except Exception as error:
        # Annotations that are text run as code here, and may fail in any way.
        raise AppLoadError(f"{type(error).__name__}: {error}") from error


def _refuse_unsupported(name: str, trigger: Binding, bindings: Sequence[Binding]) -> None:
    for binding in bindings:
        if binding is not trigger and binding.type not in _SUPPORTED_OUTPUTS:
            raise FunctionLoadError(
                name, f'the binding type "{binding.type}" is not supported by this local host'
            )


def _trigger(name: str, trigger: Binding) -> Trigger:
    content = trigger.get_dict_repr()
    if trigger.type == "httpTrigger":
        return _http(content)
    if trigger.type == "timerTrigger":
        return TimerTrigger(
            schedule=content["schedule"],
            run_on_startup=bool(content.get("runOnStartup")),
            use_monitor=content.get("useMonitor") is not False,
        )
    if trigger.type == "serviceBusTrigger":
        return _service_bus(name, content)
    raise FunctionLoadError(name, f'the trigger type "{trigger.type}" is not supported by this local host')


def _http(content: Mapping[str, Any]) -> HttpTrigger:
    methods = content.get("methods") or ()
    level = content.get("authLevel")
    return HttpTrigger(
        route=str(content["route"]),
        methods=frozenset(str(method).upper() for method in methods),
        auth_level="FUNCTION" if level is None else str(level).upper(),
    )


def _service_bus(name: str, content: Mapping[str, Any]) -> ServiceBusTrigger:
    if content.get("isSessionsEnabled"):
        raise FunctionLoadError(
            name,
            "sessions (isSessionsEnabled) are not supported by this local host; remove is_sessions_enabled=True",
        )
    data_type = str(content.get("dataType") or "STRING").upper()
    return ServiceBusTrigger(
        connection=str(content["connection"]),
        queue=content.get("queueName"),
        topic=content.get("topicName"),
        subscription=content.get("subscriptionName"),
        batch=str(content.get("cardinality") or "ONE").upper() == "MANY",
        binary=data_type == "BINARY",
        auto_complete=content.get("autoCompleteMessages"),
    )


def _retry_policy(name: str, content: Mapping[str, Any] | None) -> RetryPolicy | None:
    if content is None:
        return None
    try:
        if str(content.get("strategy")) == "fixed_delay":
            minimum = maximum = parse_timespan(str(content.get("delay_interval")))
        else:
            minimum = parse_timespan(str(content.get("minimum_interval")))
            maximum = parse_timespan(str(content.get("maximum_interval")))
        return RetryPolicy(
            max_retries=int(str(content["max_retry_count"])), minimum_delay_s=minimum, maximum_delay_s=maximum
        )
    except (ConfigurationError, ValueError) as error:
        raise FunctionLoadError(name, f"the retry policy cannot be used: {error}") from error
