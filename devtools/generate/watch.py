"""Follows one job to its end: live over Web PubSub, from the durable event log where the socket fails."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from devtools.api import Api, ApiError, ApiUnreachableError

logger = logging.getLogger(__name__)

Update = Mapping[str, Any]

_SUBPROTOCOL = "json.webpubsub.azure.v1"
_TERMINAL = frozenset({"completed", "failed", "cancelled"})
_RECONNECT_PAUSE = 2.0
# How long nothing may come before the event log is asked: a socket that is open may still have missed one.
_SILENCE_LIVE = 3.0
_SILENCE_POLLING = 0.4
_PATIENCE = 60.0


class JobWatch:
    """Shows every durable update of a job exactly once and in order, and ephemeral ones as they come.

    ``show`` gets the updates (the JobUpdate envelope of the API).
    """

    def __init__(self, api: Api, job_id: str, show: Callable[[Update], None]) -> None:
        self._api = api
        self._job_id = job_id
        self._show = show
        self._sequence = 0
        self._live = False
        self._arrived: asyncio.Queue[Update | None] = asyncio.Queue()

    async def until_terminal(self) -> dict[str, Any]:
        """The view of the job once it is completed, failed or cancelled.

        Raises :class:`ApiError` when the API refuses, :class:`ApiUnreachableError` when it is gone for a minute.
        """
        listening = asyncio.create_task(self._listen())
        try:
            return await self._follow()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _follow(self) -> dict[str, Any]:
        answered = time.monotonic()
        while True:
            try:
                view = await self._api.job(self._job_id)
                await self._catch_up()
            except ApiUnreachableError:
                if time.monotonic() - answered > _PATIENCE:
                    raise
                await asyncio.sleep(_SILENCE_POLLING)
                continue
            answered = time.monotonic()
            if view["status"] in _TERMINAL:
                return view
            await self._take_until_news_of_the_end()

    async def _take_until_news_of_the_end(self) -> None:
        """Take updates from the socket until one says the end, one is missing, or nothing comes."""
        while True:
            silence = _SILENCE_LIVE if self._live else _SILENCE_POLLING
            try:
                update = await asyncio.wait_for(self._arrived.get(), silence)
            except TimeoutError:
                return
            if update is None or not self._take(update):
                return
            if update["data"].get("status") in _TERMINAL and "sequence" in update:
                return

    def _take(self, update: Update) -> bool:
        """Show the update if it is due; false if one before it is missing."""
        sequence = update.get("sequence")
        if sequence is None:
            self._show(update)
        elif sequence > self._sequence + 1:
            return False
        elif sequence == self._sequence + 1:
            self._sequence = sequence
            self._show(update)
        return True

    async def _catch_up(self) -> None:
        while page := await self._api.events(self._job_id, after=self._sequence):
            before = self._sequence
            for update in page:
                self._take(update)
            if self._sequence == before:
                return

    async def _listen(self) -> None:
        """Keep a socket open and queue what comes; None wakes the follower to read the log."""
        while True:
            try:
                url = await self._api.socket_url(self._job_id)
                async with self._api.session.ws_connect(
                    url, protocols=(_SUBPROTOCOL,), heartbeat=20
                ) as socket:
                    async for frame in socket:
                        self._queue(frame)
            except (aiohttp.ClientError, ApiError, ApiUnreachableError, TimeoutError) as error:
                logger.debug("live updates fail, reading the event log instead: %s", error)
            if self._live:
                self._live = False
                self._arrived.put_nowait(None)
            await asyncio.sleep(_RECONNECT_PAUSE)

    def _queue(self, frame: aiohttp.WSMessage) -> None:
        if frame.type is not aiohttp.WSMsgType.TEXT:
            return
        message = json.loads(frame.data)
        if message.get("type") == "system" and message.get("event") == "connected":
            self._live = True
            self._arrived.put_nowait(None)  # updates from before the socket was open are in the log alone
        elif message.get("type") == "message" and isinstance(message.get("data"), dict):
            self._arrived.put_nowait(message["data"])
