"""A client's session as a state machine without I/O: bytes in, calls and bytes out.

The owner passes received bytes to ``receive``, takes calls from ``next_call`` while the session is
``ready``, answers each call with ``reply`` or ``fail`` in any order, and writes the bytes that
``take_output`` returns. The session handles frames, authentication and keepalive, and refuses calls
before the connection is open. It answers errors in a single message as libvirtd does, and raises
``FrameError`` only if the stream cannot be read any further.

Source: src/rpc/virnetserverclient.c, virnetserverprogram.c and src/remote/remote_daemon_dispatch.c
of libvirt 9.0.0.
"""

from __future__ import annotations

import collections
import re
from typing import Any, Final

import libvirt

from vpmem_harness.libvirtd import values
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.stream import Stream
from vpmem_harness.libvirtd.values import signed
from vpmem_harness.libvirtd.wire import frames, keepalive, table, xdr
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, PROGRAMS, Procedure
from vpmem_harness.libvirtd.wire.streams import Key, Streams

#: Maximum number of unanswered calls per client.  Source: max_client_requests in
#: src/remote/remote_daemon_config.c.
CALLS_MAX: Final = 5

#: Maximum number of frames of one client that are processed in one go.
FRAMES_AT_ONCE: Final = 16

#: VIR_DRV_FEATURE_PROGRAM_KEEPALIVE: asking for it starts the daemon's keepalive.
#: Source: src/libvirt_internal.h, which libvirt-python does not export.
FEATURE_KEEPALIVE: Final = 10

#: Where the arguments of a call begin in its frame, by the kind of message.
_PAYLOADS: Final = {frames.CALL: frames.HEADER.size,
                    frames.CALL_WITH_FDS: frames.HEADER.size + frames.LENGTH_SIZE}

_AUTH_NONE: Final = 0
_MESSAGE_SERIAL: Final = 1      # serial of every message that is not a reply

_AUTH_LIST: Final = BY_NAME['auth_list']
_AUTH_OTHERS: Final = frozenset(
    BY_NAME[f'auth_{name}'] for name in ('sasl_init', 'sasl_start', 'sasl_step', 'polkit'))
_AUTH: Final = _AUTH_OTHERS | {_AUTH_LIST}
_SUPPORTS_FEATURE: Final = BY_NAME['connect_supports_feature']
_OWN: Final = _AUTH | {_SUPPORTS_FEATURE}
_CLOSE: Final = BY_NAME['connect_close']
_BEFORE_OPEN: Final = frozenset((BY_NAME['connect_open'], _CLOSE))
#: Procedures that libvirtd passes to a driver other than the hypervisor's.
#: Source: get_conn_method in src/rpc/gendispatch.pl.
_SECONDARY: Final = re.compile(
    r'(?!domain_)(.*(network|interface|nwfilter|secret|storage)'
    r'|(connect_.*)?node_.*device(?!_(reset|re_attach|dettach|detach_flags)))')


class Call:
    """A call that has not been answered yet.

    ``peer`` is the process at the other end of the socket, set by the owner of the session.
    ``reply`` holds the encoded results once the call has been answered with any.
    """

    __slots__ = ('arguments', 'peer', 'procedure', 'reply', 'serial')

    def __init__(self, procedure: Procedure, serial: int, arguments: tuple[Any, ...]) -> None:
        self.procedure = procedure
        self.serial = serial
        self.arguments = arguments
        self.peer: object = None
        self.reply: bytes | None = None

    @property
    def domain(self) -> values.DomainHandle | None:
        """The domain in the call's arguments, if there is one."""
        for argument in self.arguments:
            if isinstance(argument, values.DomainHandle):
                return argument
        return None

    def __repr__(self) -> str:
        return f'<Call {self.serial} {self.procedure.name}>'


class Session:
    """The session of one client. Times are in seconds on the owner's clock.

    :param last_procedure: the highest procedure number that the daemon knows; None for all.
    """

    def __init__(self, *, keepalive_interval: float = 5, keepalive_count: int = 5,
                 last_procedure: int | None = None) -> None:
        self._last_procedure = last_procedure
        self.keepalive = keepalive.KeepAlive(keepalive_interval, keepalive_count)
        #: The owner sets it when it has answered connect_open.
        self.opened = False
        #: Whether the session ends when the output has been written.
        self.closing = False
        #: Frames that have not been processed yet.
        self.waiting: collections.deque[bytes] = collections.deque()
        self._splitter = frames.Splitter()
        #: The number of unanswered calls.
        self.running = 0
        self._output: collections.deque[bytes] = collections.deque()
        self._events: collections.deque[bytes] = collections.deque()
        self.streams = Streams(self._send_stream)
        self._now = 0.0

    def receive(self, data: bytes, now: float = 0.0) -> None:
        """Process received bytes; raises ``FrameError`` if they are malformed."""
        self._now = self.keepalive.heard = now
        self.waiting += self._splitter.feed(data)

    @property
    def missing(self) -> int:
        """How many bytes the current frame still lacks, as far as known."""
        return self._splitter.missing

    @property
    def within_frame(self) -> bool:
        """Whether a frame has been received in part."""
        return self._splitter.within

    @property
    def ready(self) -> bool:
        """Whether a frame can be processed now."""
        return bool(self.waiting) and self.running < CALLS_MAX and not self.closing

    def next_call(self) -> Call | None:
        """Return the next call to execute, or None if the next frames contain none.

        One invocation processes a limited number of frames; check ``ready`` for more.
        """
        waiting = self.waiting
        for _ in range(FRAMES_AT_ONCE):
            if not waiting or self.running >= CALLS_MAX or self.closing:
                break
            call = self._route(waiting.popleft())
            if call is not None:
                self.running += 1
                return call
        return None

    def tick(self, now: float) -> bool:
        """Send a ping if one is due; returns False if the client is considered dead."""
        verdict = self.keepalive.tick(now)
        if verdict is keepalive.Verdict.ASK:
            self._output.append(keepalive.PING_FRAME)
        return verdict is not keepalive.Verdict.DEAD

    def reply(self, call: Call, results: tuple[Any, ...]) -> None:
        """Answer a call; if the results do not encode, raises ``XDRError`` and sends nothing."""
        procedure = call.procedure
        payload = procedure.results_codec.encode(results) if results else b''
        call.reply = payload
        self._output.append(frames.frame(
            procedure.program, procedure.number, frames.REPLY, call.serial, frames.OK, payload))
        self.running -= 1

    def fail(self, call: Call, error: Any) -> None:
        """Answer a call with an error that has the attributes of ``LibvirtError``."""
        self.running -= 1
        self._refuse(call.procedure.program, call.procedure.number, call.serial, error)

    def close(self, call: Call) -> None:
        """Answer connect_close; the session sends nothing after this reply."""
        self.reply(call, ())
        self.closing = True
        self.waiting.clear()

    def emit(self, procedure: Procedure, fields: tuple[Any, ...]) -> None:
        """Send a message that is not a reply; any thread may call this.

        The message follows the replies that are ready. A client that has just registered for an
        event gets its callback id before the event.
        """
        self._events.append(frames.frame(
            procedure.program, procedure.number, frames.MESSAGE, _MESSAGE_SERIAL, frames.OK,
            procedure.codec.encode(fields)))

    def open_stream(self, call: Call, stream: Stream) -> None:
        """Open the stream of a call that has been answered."""
        self.streams.open(_key(call), stream)

    def end_stream(self, call: Call, error: LibvirtError | None) -> None:
        """End the stream of a call: with an error, or like a file."""
        self.streams.end(_key(call), error)

    def _send_stream(self, key: Key, kind: int, status: int, payload: bytes) -> None:
        program, number, serial = key
        self._output.append(frames.frame(program, number, kind, serial, status, payload))

    def take_output(self) -> bytes:
        """Return the bytes to write, and remove them from the buffer."""
        output, events = self._output, self._events
        if not output and self.streams.sending:
            self.streams.pump()
        if len(output) == 1 and not events:
            return output.popleft()
        pieces = []
        for queue in (output, events):
            while queue:
                pieces.append(queue.popleft())
        return b''.join(pieces)

    def _route(self, frame: bytes) -> Call | None:
        """Answer a frame, or turn it into a call."""
        _, program, version, number, kind, serial, status = frames.HEADER.unpack_from(frame)
        if kind not in _PAYLOADS:
            if kind in (frames.STREAM, frames.STREAM_HOLE):
                try:
                    self.streams.receive((program, number, serial), kind, status,
                                         frame[frames.HEADER.size:])
                except frames.FrameError:
                    self.closing = True
                    self.waiting.clear()
            elif (program == table.KEEPALIVE_PROGRAM and version == table.VERSION
                    and kind == frames.MESSAGE and number == keepalive.PING):
                self._output.append(keepalive.PONG_FRAME)
            return None     # libvirtd drops other message types, and data without a stream
        procedures = PROGRAMS.get(program)
        if procedures is None or version != table.VERSION:
            self._refuse(program, number, serial, _rpc(
                f'Cannot find program {signed(program)} version {signed(version)}'), version)
            return None
        procedure = procedures.get(number)
        if status != frames.OK:
            error = _rpc(f'Unexpected message status {status}')
        elif procedure is None or not procedure.callable or (
                self._last_procedure is not None and number > self._last_procedure):
            error = _rpc(f'unknown procedure: {number}')
        else:
            try:
                arguments = (procedure.codec.decode(frame, _PAYLOADS[kind])
                             if procedure.shaped else ())
            except xdr.XDRError:
                error = _rpc('Unable to decode message payload')
            else:
                call = Call(procedure, serial, arguments)
                return call if self.opened and procedure not in _OWN else self._admit(call)
        self._refuse(program, number, serial, error)
        return None

    def _admit(self, call: Call) -> Call | None:
        """Answer calls about the session; return the others to the owner."""
        procedure = call.procedure
        if procedure is _SUPPORTS_FEATURE and call.arguments[0] == FEATURE_KEEPALIVE:
            self.keepalive.start(self._now)
            self._answer_itself(call, (1,))
        elif procedure is _AUTH_LIST:
            self._answer_itself(call, ([_AUTH_NONE],))
        elif procedure in _AUTH_OTHERS:
            self._refuse(procedure.program, procedure.number, call.serial, LibvirtError(
                libvirt.VIR_ERR_AUTH_FAILED, 'authentication failed',
                domain=libvirt.VIR_FROM_RPC))
        elif self.opened or procedure in _BEFORE_OPEN:
            return call
        else:
            whose = '' if _SECONDARY.match(procedure.name) else 'hypervisor '
            self._refuse(procedure.program, procedure.number, call.serial, LibvirtError(
                libvirt.VIR_ERR_INTERNAL_ERROR, f'{whose}connection not open',
                domain=libvirt.VIR_FROM_RPC))
        return None

    def _answer_itself(self, call: Call, results: tuple[Any, ...]) -> None:
        self.running += 1
        self.reply(call, results)

    def _refuse(self, program: int, number: int, serial: int, error: Any,
                version: int = table.VERSION) -> None:
        self._output.append(frames.frame(program, number, frames.REPLY, serial, frames.ERROR,
                                         frames.encode_error(error), version))


def asks_to_close(start: bytes) -> bool:
    """Whether a frame with this start is a call of connect_close."""
    if len(start) < frames.HEADER.size:
        return False
    _, program, _, number, kind, _, _ = frames.HEADER.unpack_from(start)
    return bool(program == _CLOSE.program and number == _CLOSE.number and kind == frames.CALL)


def _rpc(detail: str) -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_RPC, detail, domain=libvirt.VIR_FROM_RPC)


def _key(call: Call) -> Key:
    return call.procedure.program, call.procedure.number, call.serial
