"""A client of another daemon, on the event loop of this one."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from typing import Any, Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, internal, system_error
from vpmem_harness.libvirtd.wire.client_session import ClientSession
from vpmem_harness.libvirtd.wire.frames import FrameError
from vpmem_harness.libvirtd.wire.session import FEATURE_KEEPALIVE
from vpmem_harness.libvirtd.wire.xdr import XDRError
from vpmem_harness.serving import eventloop
from vpmem_harness.serving.deferred import Deferred
from vpmem_harness.serving.steps import Steps, run_steps
from vpmem_harness.serving.tcp_listener import ClientSocket

#: The steps of a migration that a :data:`Hook` sees.
PREPARE: Final = 'prepare'
COPY: Final = 'copy'
FINISH: Final = 'finish'
_STEPS: Final = {'domain_migrate_prepare3_params': PREPARE,
                 'domain_migrate_finish3_params': FINISH}

#: Hook around a step: ``hook(step, go_on)`` returns what the step does, usually ``go_on()``. It may
#: raise ConnectionResetError to end the connection.
Hook = Callable[[str, Callable[[], Any]], Any]

_READ_SIZE: Final = 1 << 16
#: VIR_DRV_FEATURE_REMOTE_EVENT_CALLBACK and _CLOSE_CALLBACK.  Source: src/libvirt_internal.h.
_FEATURE_EVENTS, _FEATURE_CLOSE = 14, 15
#: Types of authentication.  Source: src/remote/remote_protocol.x.
_AUTH_NONE, _AUTH_SASL, _AUTH_POLKIT = range(3)


class PeerClient:
    """A connection to another daemon. Its methods can be called in any thread.

    :param hook: called for each step of a migration.
    :ivar closed: whether the connection has ended.
    """

    def __init__(self, loop: eventloop.EventLoop, sock: ClientSocket,
                 forget: Callable[[PeerClient], object], hook: Hook | None = None) -> None:
        self.closed = False
        self._loop = loop
        self._socket = sock
        self._forget = forget
        self._hook = hook
        self._registered = False
        self._session = ClientSession()
        self._waiting: dict[int, Deferred] = {}
        self._backlog = b''
        self._events = eventloop.READABLE
        self._timer: eventloop.Timer | None = None
        self._when_closed: list[Callable[[], object]] = []
        loop.run_and_wait(lambda: loop.watch(sock, self._events, self._ready))

    def open(self, name: str) -> Deferred:
        """Authenticate and open a driver; the result completes with this client."""
        return run_steps(self._open(name))

    def _open(self, name: str) -> Steps:
        try:
            offered = yield self.call('auth_list')
            kind = offered[0] if offered else _AUTH_NONE
            if kind == _AUTH_POLKIT:
                yield self.call('auth_polkit')
            elif kind == _AUTH_SASL:
                raise LibvirtError(libvirt.VIR_ERR_AUTH_FAILED, 'authentication failed',
                                   domain=libvirt.VIR_FROM_RPC)
            if (yield self.call('connect_supports_feature', FEATURE_KEEPALIVE)):
                self._loop.call_soon(self._start_keepalive)
            yield self.call('connect_open', name, 0)
            yield self.call('connect_supports_feature', _FEATURE_EVENTS)
            if (yield self.call('connect_supports_feature', _FEATURE_CLOSE)):
                yield self.call('connect_register_close_callback')
                self._registered = True
        except Exception:
            self.cut()
            raise
        return self

    def call(self, name: str, *arguments: Any) -> Deferred:
        """Call a procedure; the result completes with its result or its error."""
        def send() -> Deferred:
            later = Deferred()
            self._loop.call_soon(lambda: self._send(later, name, arguments))
            return later

        step = _STEPS.get(name)
        return send() if step is None else self._take(step, send)

    def copying(self) -> Deferred:
        """Announce that memory is copied from now on; the result completes when it can begin."""
        return self._take(COPY, lambda: None)

    def _take(self, step: str, go_on: Callable[[], Any]) -> Deferred:
        """Take a step of a migration, around which the hook is called."""
        outcome, later = Deferred(), Deferred()
        outcome.when_done(lambda done: self._settle(later, done))
        hook = self._hook
        outcome.run(go_on if hook is None else lambda: hook(step, go_on))
        return later

    def _settle(self, later: Deferred, outcome: Deferred) -> None:
        def cut() -> None:
            error = _end_of_file()
            self._close(error)
            later.fail(error)

        try:
            later.resolve(outcome.result())
        except ConnectionResetError:
            self._loop.call_soon(cut)
        except Exception as error:
            later.fail(error)

    def when_closed(self, callback: Callable[[], object]) -> None:
        """Call a function in the loop's thread when the connection ends."""
        self._loop.call_soon(callback if self.closed else
                             lambda: self._when_closed.append(callback))

    def close(self) -> Deferred:
        """End the session, and the connection when the daemon has answered."""
        return run_steps(self._end())

    def _end(self) -> Steps:
        with contextlib.suppress(LibvirtError):
            if self._registered:
                yield self.call('connect_unregister_close_callback')
            yield self.call('connect_close')
        self.cut()

    def cut(self) -> None:
        """End the connection at once; the calls that run fail."""
        if not self.closed:
            self._loop.call_soon(self.cut_now)

    def cut_now(self) -> None:
        """Do the same, in the loop's thread."""
        self._close(_closed())

    def _send(self, later: Deferred, name: str, arguments: tuple[Any, ...]) -> None:
        if self.closed:
            later.fail(_closed())
            return
        try:
            self._waiting[self._session.call(name, arguments)] = later
        except XDRError:
            later.fail(LibvirtError(libvirt.VIR_ERR_RPC, 'Unable to encode message payload',
                                    domain=libvirt.VIR_FROM_RPC))
            return
        self._write()

    def _ready(self, mask: int) -> None:
        if mask & eventloop.WRITABLE:
            self._write()
        if mask & ~eventloop.WRITABLE and not self.closed:
            self._read()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._close(system_error(error.errno or 0, 'Cannot recv data',
                                     domain=libvirt.VIR_FROM_RPC))
            return
        if not data:
            self._close(_end_of_file())
            return
        try:
            answers = list(self._session.receive(data, self._loop.now))
        except FrameError as error:
            self._close(LibvirtError(libvirt.VIR_ERR_RPC, str(error),
                                     domain=libvirt.VIR_FROM_RPC))
            return
        self._write()       # the answers to pings
        for answer in answers:
            later = self._waiting.pop(answer.serial)
            if answer.error is not None:
                later.fail(answer.error)
            else:
                later.resolve(answer.value)

    def _write(self) -> None:
        if self.closed:
            return
        self._backlog += self._session.take_output()
        try:
            if self._backlog:
                self._backlog = self._backlog[self._socket.send(self._backlog):]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._close(system_error(error.errno or 0, 'Cannot write data',
                                     domain=libvirt.VIR_FROM_RPC))
            return
        events = eventloop.READABLE | (eventloop.WRITABLE if self._backlog else 0)
        if events != self._events:
            self._events = events
            self._loop.modify(self._socket, events)

    def _start_keepalive(self) -> None:
        self._session.keepalive.start(self._loop.now)
        self._keep_alive()

    def _keep_alive(self) -> None:
        if self.closed:
            return
        if not self._session.tick(self._loop.now):
            self._close(internal('connection closed due to keepalive timeout',
                                 domain=libvirt.VIR_FROM_RPC))
            return
        self._write()
        deadline = self._session.keepalive.deadline
        if deadline is not None and not self.closed:
            self._timer = self._loop.call_later(max(0.0, deadline - self._loop.now),
                                                self._keep_alive)

    def _close(self, error: LibvirtError) -> None:
        if self.closed:
            return
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._loop.forget(self._socket)
        self._socket.close()
        self._forget(self)
        waiting, self._waiting = self._waiting, {}
        for later in waiting.values():
            later.fail(error)
        callbacks, self._when_closed = self._when_closed, []
        for callback in callbacks:
            callback()


def _end_of_file() -> LibvirtError:
    return system_error(errno.EIO, 'End of file while reading data', domain=libvirt.VIR_FROM_RPC)


def _closed() -> LibvirtError:
    return internal('client socket is closed', domain=libvirt.VIR_FROM_RPC)
