"""Listens on one Service Bus entity for one function: PeekLock, lock renewal, settlement, reconnection, stop.

Delivery is at least once. A message is completed only after its function succeeded; an error, a timeout, a body the
function cannot get, or a success while the host is stopping (the real host drops that one as well) gives it back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from localcloud.host.clock import Clock
from localcloud.host.config import ClientRetryOptions
from localcloud.host.invoker import Call, Outcome
from localcloud.host.lock_renewal import LockRenewal
from localcloud.host.outage import Outage
from localcloud.host.receiving import (
    BrokerError,
    Delivery,
    EntityRefusedError,
    MessageReceiver,
    ReceiverFactory,
)
from localcloud.host.servicebus_calls import batch_call, single_call
from localcloud.host.settlement import Settlement
from localcloud.host.tasks import spawn

_LOG = logging.getLogger("host.servicebus")

FIRST_RECEIVERS = 4
"""Receivers opened at the start; more are opened when all are busy, because each is a connection of its own."""
_RECEIVE_WAIT_S = 60.0
_CLOSE_LIMIT_S = 5.0


class _Slot(Enum):
    """What a receiving task is doing."""

    WAITING = auto()
    """Connecting, or waiting for a message: may be interrupted at any time."""
    BUSY = auto()
    """Running the function."""
    FINISHING = auto()
    """Settling or disconnecting: must not be interrupted, or an outcome is lost or a socket left open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerOptions:
    """How one function listens."""

    function: str
    entity: str
    concurrency: int
    """Most invocations at a time; a batch function has one."""
    batch_size: int
    """0 for single messages."""
    binary: bool
    auto_complete: bool
    max_lock_renewal_s: float
    retry: ClientRetryOptions


class ServiceBusListener:
    """Receives for one function until it is stopped."""

    def __init__(
        self,
        options: ListenerOptions,
        *,
        new_receiver: ReceiverFactory,
        run: Callable[[Call], Awaitable[Outcome]],
        clock: Clock,
    ) -> None:
        self._options = options
        self._new_receiver = new_receiver
        self._run = run
        self._clock = clock
        self._outage = Outage(f"{options.function} on '{options.entity}'", clock)
        self._settlement = Settlement(options.function, options.retry, clock)
        self._slots: dict[asyncio.Task[None], _Slot] = {}
        self._opened = 0
        self._first_wave = 0
        self._settled = asyncio.Event()
        self._stopping = False
        self._abandon_successes = False

    def start(self) -> None:
        """Begin to connect and to receive."""
        self._first_wave = min(self._options.concurrency, FIRST_RECEIVERS)
        self._add_slots(self._first_wave)

    async def ready(self) -> None:
        """Wait until the first receivers are open, or the broker refused the entity (which is logged)."""
        await self._settled.wait()

    def stop(self, *, drain: bool) -> None:
        """Take no more messages; running functions go on.

        With ``drain`` what still succeeds is completed; without it, it is abandoned, as in the real host.
        """
        self._stopping = True
        self._abandon_successes = self._abandon_successes or not drain
        self._settled.set()
        self._cancel(_Slot.WAITING)

    async def close(self) -> None:
        """Disconnect; messages whose function still runs come back when their lock ends."""
        self.stop(drain=True)
        self._cancel(_Slot.BUSY)
        if not self._slots:
            return
        _, hanging = await asyncio.wait(list(self._slots), timeout=_CLOSE_LIMIT_S)
        for slot in hanging:
            _LOG.warning("A receiver of '%s' did not disconnect in time.", self._options.function)
            slot.cancel()

    def _cancel(self, state: _Slot) -> None:
        for slot, current in self._slots.items():
            if current is state:
                slot.cancel()

    def _add_slots(self, count: int) -> None:
        for _ in range(count):
            task = spawn(self._serve(), f"receiver of {self._options.function}")
            self._slots[task] = _Slot.WAITING
            task.add_done_callback(self._slots.pop)

    async def _serve(self) -> None:
        """Receive and process, one message or batch at a time, through every loss of the connection."""
        while not self._stopping:
            try:
                await self._connect_and_receive()
            except BrokerError as error:
                if isinstance(error, EntityRefusedError):
                    self._settled.set()
                self._outage.failed(error)
                await self._outage.pause()

    async def _connect_and_receive(self) -> None:
        receiver = self._new_receiver()
        self._mark(_Slot.WAITING)
        try:
            await receiver.open()
            self._note_open()
            await self._receive(receiver)
        finally:
            self._mark(_Slot.FINISHING)
            await self._close_quietly(receiver)
            self._mark(_Slot.WAITING)

    def _note_open(self) -> None:
        self._outage.over()
        self._opened += 1
        if self._opened >= self._first_wave:
            self._settled.set()

    async def _receive(self, receiver: MessageReceiver) -> None:
        limit = self._options.batch_size or 1
        while not self._stopping:
            deliveries = await receiver.receive(limit, _RECEIVE_WAIT_S)
            self._outage.over()
            if deliveries:
                self._mark(_Slot.BUSY)
                self._grow()
                await self._process(receiver, deliveries)
                self._mark(_Slot.WAITING)

    def _mark(self, state: _Slot) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._slots[task] = state

    def _grow(self) -> None:
        """Open more receivers, twice as many as there are, when every one has a message."""
        if not self._stopping and _Slot.WAITING not in self._slots.values():
            self._add_slots(min(len(self._slots), self._options.concurrency - len(self._slots)))

    async def _process(self, receiver: MessageReceiver, deliveries: Sequence[Delivery]) -> None:
        """Run the function for what was received and settle every message by the outcome."""
        if self._stopping:
            await self._settle(receiver, deliveries, success=False)
            return
        if self._options.batch_size:
            call = batch_call(deliveries, binary=self._options.binary)
            success = call is not None and await self._call(call)
        else:
            success = await self._process_single(receiver, deliveries[0])
        await self._settle(receiver, deliveries, success=success)

    async def _process_single(self, receiver: MessageReceiver, delivery: Delivery) -> bool:
        call = single_call(delivery, binary=self._options.binary)
        if call is None:
            return False
        renewal = LockRenewal(
            receiver,
            delivery,
            delivery.data.locked_until,
            limit_s=self._options.max_lock_renewal_s,
            clock=self._clock,
        )
        async with renewal:
            return await self._call(call)

    async def _call(self, call: Call) -> bool:
        outcome = await self._run(call)
        # Before anything else is awaited: a host that stops now must let this outcome reach the broker.
        self._mark(_Slot.FINISHING)
        return outcome.succeeded

    async def _settle(
        self, receiver: MessageReceiver, deliveries: Sequence[Delivery], *, success: bool
    ) -> None:
        if success and self._abandon_successes:
            _LOG.warning(
                "'%s' succeeded while the host was stopping; the message is abandoned and will be delivered again.",
                self._options.function,
            )
        complete = success and not self._abandon_successes
        if complete and not self._options.auto_complete:
            return
        action = receiver.complete if complete else receiver.abandon
        for delivery in deliveries:
            await self._settlement.settle(delivery, action)

    async def _close_quietly(self, receiver: MessageReceiver) -> None:
        try:
            await receiver.close()
        except BrokerError as error:
            _LOG.debug("Closing a receiver of '%s' failed: %s", self._options.function, error)
