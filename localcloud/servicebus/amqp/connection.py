"""Connections: protocol headers, SASL, open and close, heartbeats, and the routing of frames to sessions.

Whatever a client sends can end its own connection only: malformed input is answered with a close frame that names
the error (OASIS AMQP 1.0, part 2.8.15), and every other connection goes on.
"""

import asyncio
import logging
from collections.abc import Callable

from localcloud.servicebus.amqp import frames
from localcloud.servicebus.amqp.decode import decode
from localcloud.servicebus.amqp.frames import AmqpError, Frame, FrameError
from localcloud.servicebus.amqp.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    Performative,
    SaslInit,
    Transfer,
    parse,
)
from localcloud.servicebus.amqp.service import Service
from localcloud.servicebus.amqp.session import Session
from localcloud.servicebus.amqp.types import DecodeError

MECHANISMS = ("MSSBCBS", "ANONYMOUS", "PLAIN", "EXTERNAL")

_LOG = logging.getLogger(__name__)
_MAX_HELD_BYTES = 1024 * 1024
_SASL_OK = 0
_SASL_REFUSED = 1


class Connection(asyncio.Protocol):
    """One client connection.

    Frames to the client are collected until `flush`. `touched` is called whenever there may be some, or the client may
    take more messages, so that the broker can hand out messages and make durable what the frames promise. `ended` is
    called once when the connection is gone.
    """

    def __init__(
        self,
        service: Service,
        *,
        container_id: str,
        touched: "Callable[[Connection], None]",
        ended: "Callable[[Connection], None]",
    ) -> None:
        self.peer_max_frame_size = frames.MIN_MAX_FRAME_SIZE
        self._service = service
        self._container_id = container_id
        self._touched = touched
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._outgoing: list[bytes] = []
        self._outgoing_size = 0
        self._paused = False
        self._authenticated = False
        self._opened = False
        self._expects_header = True
        self._closing = False
        self._sessions: dict[int, Session] = {}
        self._heartbeat: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport (asyncio)."""
        assert isinstance(transport, asyncio.Transport)  # what asyncio gives to stream protocols
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Handles every complete frame (asyncio)."""
        if self._closing:
            return
        self._buffer += data
        try:
            self._read()
        except FrameError as error:
            self._fail("amqp:connection:framing-error", str(error))
        except DecodeError as error:
            self._fail("amqp:decode-error", str(error))
        self._touched(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drops everything that hung on the connection; locks live on until they expire (asyncio)."""
        if exc is not None:
            _LOG.debug("connection lost: %s", exc)
        self._closing = True
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        self._ended(self)

    def pause_writing(self) -> None:
        """Stops deliveries to a client that does not read (asyncio)."""
        self._paused = True

    def resume_writing(self) -> None:
        """Continues deliveries (asyncio)."""
        self._paused = False
        self._touched(self)

    @property
    def writable(self) -> bool:
        """Whether the client reads fast enough to get more messages."""
        return not self._paused and self._outgoing_size < _MAX_HELD_BYTES

    def write(self, data: bytes) -> None:
        """Queues a frame for the next flush."""
        self._outgoing.append(data)
        self._outgoing_size += len(data)
        self._touched(self)

    def flush(self) -> None:
        """Sends what is queued; closes the transport when the connection has ended."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._outgoing:
            was_full = self._outgoing_size >= _MAX_HELD_BYTES
            self._transport.write(b"".join(self._outgoing))
            self._outgoing.clear()
            self._outgoing_size = 0
            if was_full and not self._paused:
                self._touched(self)
        if self._closing:
            self._transport.close()

    def shut_down(self, reason: str) -> None:
        """Closes from the broker's side; SDKs connect again on their own."""
        if not self._closing:
            self._fail("amqp:connection:forced", reason)

    def abort(self) -> None:
        """Cuts the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _read(self) -> None:
        while not self._closing:
            if self._expects_header:
                if not self._read_header():
                    return
                continue
            frame = frames.cut(self._buffer)
            if frame is None:
                return
            self._frame(frame)

    def _read_header(self) -> bool:
        if len(self._buffer) < frames.HEADER_SIZE:
            return False
        header = bytes(self._buffer[: frames.HEADER_SIZE])
        del self._buffer[: frames.HEADER_SIZE]
        if header == frames.SASL_HEADER and not self._authenticated:
            self.write(frames.SASL_HEADER + frames.sasl_mechanisms(MECHANISMS))
        elif header == frames.AMQP_HEADER and self._authenticated:
            self.write(frames.AMQP_HEADER)
        else:
            # The standard's answer to any other header: the one that is wanted, then the end.
            self.write(frames.AMQP_HEADER if self._authenticated else frames.SASL_HEADER)
            self._closing = True
        self._expects_header = False
        return True

    def _frame(self, frame: Frame) -> None:
        if not frame.body:
            return
        value, end = decode(frame.body)
        performative = parse(value)
        if not self._authenticated:
            self._sasl(performative)
        elif frame.type != frames.AMQP_FRAME:
            raise FrameError("a SASL frame after the SASL exchange")
        elif isinstance(performative, Open):
            self._open(performative)
        elif not self._opened:
            raise FrameError("a frame before open")
        elif isinstance(performative, Close):
            self.write(frames.close())
            self._closing = True
        else:
            self._session_frame(frame, performative, end)

    def _sasl(self, init: Performative) -> None:
        if not isinstance(init, SaslInit):
            raise FrameError("expected sasl-init")
        accepted = init.mechanism in MECHANISMS
        if accepted and init.mechanism == "PLAIN":
            accepted = self._plain(init.initial_response or b"")
        self.write(frames.sasl_outcome(_SASL_OK if accepted else _SASL_REFUSED))
        self._authenticated = accepted
        self._closing = not accepted
        self._expects_header = True

    def _plain(self, response: bytes) -> bool:
        parts = response.split(b"\x00")
        return len(parts) == 3 and self._service.login(
            parts[1].decode(errors="replace"), parts[2].decode(errors="replace")
        )

    def _open(self, request: Open) -> None:
        self._opened = True
        self.peer_max_frame_size = max(
            frames.MIN_MAX_FRAME_SIZE, min(request.max_frame_size, frames.MAX_FRAME_SIZE)
        )
        self.write(frames.open_(self._container_id))
        if request.idle_time_out:
            self._plan_heartbeat(request.idle_time_out / 2000)

    def _plan_heartbeat(self, interval: float) -> None:
        self._heartbeat = asyncio.get_running_loop().call_later(interval, self._beat, interval)

    def _beat(self, interval: float) -> None:
        """Keeps a client content that closes silent connections after twice `interval` seconds."""
        self.write(frames.HEARTBEAT)
        self._plan_heartbeat(interval)

    def _session_frame(self, frame: Frame, performative: Performative, end: int) -> None:
        session = self._sessions.get(frame.channel)
        if isinstance(performative, Begin):
            if session is not None:
                raise FrameError("a second begin on a channel")
            session = self._sessions[frame.channel] = Session(
                self, self._service, frame.channel, performative
            )
            session.start()
        elif session is None:
            # SDKs detach links after the end of their session; there is nobody left to tell.
            return
        elif isinstance(performative, Transfer):
            session.transfer(performative, frame.body[end:])
        elif isinstance(performative, Disposition):
            session.disposition(performative)
        elif isinstance(performative, Flow):
            session.flow(performative)
        elif isinstance(performative, Attach):
            session.attach(performative)
        elif isinstance(performative, Detach):
            session.detach(performative)
        elif isinstance(performative, End):
            session.close()
            del self._sessions[frame.channel]
            self.write(frames.end(frame.channel))
        else:
            raise FrameError("a SASL frame after the SASL exchange")

    def _fail(self, condition: str, description: str) -> None:
        if condition != "amqp:connection:forced":
            _LOG.warning("closing a connection: %s: %s", condition, description)
        if self._opened:
            self.write(frames.close(AmqpError(condition, description)))
        self._closing = True
        self._touched(self)
