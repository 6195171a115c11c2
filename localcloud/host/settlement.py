"""Settles messages, trying again through short losses of the connection."""

import logging
from collections.abc import Awaitable, Callable

from localcloud.host.clock import Clock
from localcloud.host.config import ClientRetryOptions
from localcloud.host.receiving import BrokerError, Delivery, LockLostError

_LOG = logging.getLogger("host.servicebus")

Settle = Callable[[Delivery], Awaitable[None]]


class Settlement:
    """Settles for one function, by ``clientRetryOptions``.

    A settlement that fails for good is logged and nothing else: the broker delivers the message again, which at-least-once
    delivery allows at any time.
    """

    def __init__(self, function: str, retry: ClientRetryOptions, clock: Clock) -> None:
        self._function = function
        self._retry = retry
        self._clock = clock

    async def settle(self, delivery: Delivery, action: Settle) -> None:
        """Complete or abandon one message."""
        for failures in range(self._retry.max_retries + 1):
            if failures:
                await self._clock.sleep(self._retry.pause(failures))
            try:
                await action(delivery)
            except LockLostError as error:
                _LOG.warning(
                    "'%s': the lock of a message is lost, it is delivered again: %s", self._function, error
                )
                return
            except BrokerError as error:
                last = error
            else:
                return
        _LOG.warning(
            "'%s': a message could not be settled, it is delivered again after its lock ends: %s",
            self._function,
            last,
        )
