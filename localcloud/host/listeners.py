"""Creates the listener of each function that is not an HTTP function, and handles all of them together."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from localcloud.host.clock import Clock
from localcloud.host.config import ServiceBusOptions
from localcloud.host.connections import BrokerClient, ServiceBusConnection, open_client, resolve_connection
from localcloud.host.errors import FunctionInError
from localcloud.host.invoker import Call, Invoker, Outcome
from localcloud.host.ncrontab import parse_schedule
from localcloud.host.receiving import Entity, ReceiverFactory
from localcloud.host.servicebus_listener import ListenerOptions, ServiceBusListener
from localcloud.host.settings import AppSettings
from localcloud.host.timer_state import TimerState
from localcloud.host.timers import TimerListener
from localcloud.host.triggers import IndexedFunction, ServiceBusTrigger, TimerTrigger


class Listener(Protocol):
    """Something that waits for events and runs a function for each."""

    def start(self) -> None:
        """Begin."""
        ...

    async def ready(self) -> None:
        """Wait until events are received, or it is known (and logged) why not."""
        ...

    def stop(self, *, drain: bool) -> None:
        """Take no more events; with ``drain`` what still succeeds counts."""
        ...

    async def close(self) -> None:
        """End now."""
        ...


class Listeners:
    """The listeners of one host instance and the broker clients they share."""

    def __init__(
        self,
        settings: AppSettings,
        options: ServiceBusOptions,
        *,
        invoker: Invoker,
        clock: Clock,
        timer_folder: Path,
    ) -> None:
        self._settings = settings
        self._options = options
        self._invoker = invoker
        self._clock = clock
        self._timer_folder = timer_folder
        self._listeners: list[Listener] = []
        self._clients: dict[ServiceBusConnection, BrokerClient] = {}

    def start(self, function: IndexedFunction, trigger: ServiceBusTrigger | TimerTrigger) -> None:
        """Start to listen for one function.

        Raises:
            FunctionInError: its schedule, its connection or a setting it names cannot be used.
        """
        if isinstance(trigger, TimerTrigger):
            listener: Listener = self._timer(function, trigger)
        else:
            listener = self._service_bus(function, trigger)
        listener.start()
        self._listeners.append(listener)

    async def ready(self) -> None:
        """Wait until every listener receives, or has said why not."""
        await asyncio.gather(*(listener.ready() for listener in self._listeners))

    def stop(self, *, drain: bool) -> None:
        """Take no more events."""
        for listener in self._listeners:
            listener.stop(drain=drain)

    async def close(self) -> None:
        """End every listener and disconnect."""
        await asyncio.gather(*(listener.close() for listener in self._listeners))
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    def _timer(self, function: IndexedFunction, trigger: TimerTrigger) -> TimerListener:
        return TimerListener(
            trigger,
            parse_schedule(self._settings.resolve(trigger.schedule)),
            state=TimerState(self._timer_folder, function.name),
            run=self._runner(function),
            clock=self._clock,
            retry=function.retry,
        )

    def _service_bus(self, function: IndexedFunction, trigger: ServiceBusTrigger) -> ServiceBusListener:
        entity = Entity(
            queue=self._name(trigger.queue),
            topic=self._name(trigger.topic),
            subscription=self._name(trigger.subscription),
        )
        options = ListenerOptions(
            function=function.name,
            entity=entity.path,
            concurrency=1 if trigger.batch else self._options.max_concurrent_calls,
            batch_size=self._options.max_batch_size if trigger.batch else 0,
            binary=trigger.binary,
            auto_complete=self._options.auto_complete
            if trigger.auto_complete is None
            else trigger.auto_complete,
            max_lock_renewal_s=self._options.max_lock_renewal_s,
            retry=self._options.retry,
        )
        return ServiceBusListener(
            options,
            new_receiver=self._receivers(trigger, entity, options.concurrency),
            run=self._runner(function),
            clock=self._clock,
        )

    def _receivers(self, trigger: ServiceBusTrigger, entity: Entity, concurrency: int) -> ReceiverFactory:
        # The SDK takes a third of a second to import, which apps without such a trigger should not pay.
        from localcloud.host.servicebus_receiver import SdkReceiver

        connection = resolve_connection(self._settings, trigger.connection)
        client = self._clients.get(connection)
        if client is None:
            client = self._clients[connection] = open_client(connection)
        # prefetchCount counts per function in the host, so it is spread over the receivers here.
        prefetch = -(-self._options.prefetch_count // concurrency)
        return lambda: SdkReceiver(client, entity, prefetch=prefetch)

    def _name(self, text: str | None) -> str | None:
        if text is None:
            return None
        name = self._settings.resolve(text)
        if not name:
            raise FunctionInError("The name of the queue, topic or subscription is empty.")
        return name

    def _runner(self, function: IndexedFunction) -> Callable[[Call], Awaitable[Outcome]]:
        return lambda call: self._invoker.run(function, call)
