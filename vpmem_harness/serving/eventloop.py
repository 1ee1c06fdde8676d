"""Event loop: one thread that serves every socket of the process.

The loop runs in a daemon thread while it has users: ``with shared() as loop``, or ``acquire`` and
``release``. The first user starts the thread, and the last one stops and joins it. No thread and no
descriptor remains. If clients in this process are served, a watchdog thread runs beside it; see
``watchdog``.

Callbacks run in the loop's thread, one at a time, and must not block, because every socket waits
for them. A callback that has to wait hands its work to another thread or uses ``call_later``. A
libvirt procedure that has to wait returns a ``Deferred``. An exception in a callback is logged and
does not end the loop.

After ``fork``, the child has the objects but not the thread. The loop closes the child's copies of
the descriptors, and its methods raise ``RuntimeError`` there. The child's first ``acquire`` starts
a new loop. The parent's sockets are not affected.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import heapq
import itertools
import os
import select
import signal
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Protocol

from oslo_log import log as logging

from vpmem_harness.serving.listener import Listener
from vpmem_harness.serving.tcp_listener import ClientSocket, Endpoint, TCPListener
from vpmem_harness.serving.watchdog import Watchdog

if TYPE_CHECKING:
    import ssl

LOG = logging.getLogger(__name__)

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT

#: Signals that the loop's thread, and the threads that it starts, leave to the main thread.
_MAIN_THREADS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM,
                        signal.SIGCHLD)

_EVENTS_AT_ONCE: Final = 64     # the next poll returns the rest


class Watchable(Protocol):
    """A socket, or an object in front of one."""

    def fileno(self) -> int: ...

    def close(self) -> None: ...

    def shutdown(self, how: int, /) -> None: ...


class Timer:
    """A scheduled call."""

    __slots__ = ('_function', 'when')

    def __init__(self, when: float, function: Callable[[], object]) -> None:
        self.when = when
        self._function: Callable[[], object] | None = function

    def cancel(self) -> None:
        self._function = None

    def _fire(self) -> None:
        function, self._function = self._function, None
        if function is not None:
            function()


class EventLoop:
    """Sockets, timers, and calls from other threads, served by one thread.

    Call ``modify`` and ``forget`` in the loop's thread only, unless the loop has not started yet.
    Any thread may call ``call_soon``, ``call_later`` and ``run_and_wait``.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], object]] = {}
        self._watched: dict[int, Watchable] = {}
        self._soon: collections.deque[Callable[[], object]] = collections.deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._handlers[self._wake_fd] = self._woken
        self._epoll.register(self._wake_fd, READABLE)
        self._wake_lock = threading.Lock()      # protects the descriptor while the loop stops
        self._awake = True      # whether the loop will check its queue before it sleeps
        self._running = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        #: ``time.monotonic()`` when the loop last woke up.
        self.now = time.monotonic()
        #: Calls its callbacks while the loop is blocked.
        self.watchdog = Watchdog(self)
        _LOOPS.add(self)

    # The thread

    def start(self) -> None:
        self._running = True
        self._thread = threading.Thread(target=self._run, name='vpmem-harness', daemon=True)
        # The main thread handles signals, including those that it blocks to wait for them.
        kept = signal.pthread_sigmask(signal.SIG_BLOCK, _MAIN_THREADS)
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, kept)

    def stop(self) -> None:
        """Stop and join the thread, and close the descriptors; not from the loop's own thread."""
        if self.in_thread:
            raise RuntimeError('the event loop cannot stop itself: stop it from another thread')
        if self._pid != os.getpid():
            return      # the child of a fork has closed its copies already
        self._running = False
        self._wake()
        if self._thread is not None:
            self._thread.join()
        self.watchdog.end()
        with self._wake_lock:
            self._awake = True      # the thread has ended, so nothing needs waking
            _LOOPS.discard(self)
            self._epoll.close()
            os.close(self._wake_fd)

    @property
    def in_thread(self) -> bool:
        return threading.current_thread() is self._thread

    @property
    def turn(self) -> float | None:
        """Identifies the current iteration of the loop; None while the loop sleeps."""
        return self.now if self._awake else None

    def _run(self) -> None:
        handlers, poll, soon, timers = self._handlers, self._epoll.poll, self._soon, self._timers
        monotonic = time.monotonic
        while self._running:
            self._awake = False
            timeout = -1.0
            if soon or not self._running:
                timeout = 0.0
            elif timers:
                timeout = max(0.0, timers[0][0] - monotonic())
            events = poll(timeout, _EVENTS_AT_ONCE)
            self._awake = True
            self.now = monotonic()
            for fd, mask in events:
                handler = handlers.get(fd)
                if handler is None:
                    continue    # an earlier handler has removed this socket
                try:
                    handler(mask)
                except Exception:
                    LOG.exception('A socket handler failed')
            if soon:
                for _ in range(len(soon)):
                    self._guard(soon.popleft())
            while timers and timers[0][0] <= self.now:
                self._guard(heapq.heappop(timers)[2]._fire)

    @staticmethod
    def _guard(function: Callable[[], object]) -> None:
        try:
            function()
        except Exception:
            LOG.exception('An event loop callback failed')

    # Calls

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call the function in the loop's thread, after the calls queued before it."""
        self._check_alive()
        self._soon.append(function)
        self._wake()

    def call_later(self, seconds: float, function: Callable[[], object]) -> Timer:
        """Call the function in the loop's thread, in ``seconds`` seconds."""
        self._check_alive()
        timer = Timer(time.monotonic() + seconds, function)
        if self.in_thread:
            self._add_timer(timer)
        else:
            self.call_soon(lambda: self._add_timer(timer))
        return timer

    def run_and_wait(self, function: Callable[[], object]) -> None:
        """Call the function in the loop's thread and wait until it returns.

        In the loop's own thread, or if the loop does not run, it is called directly.
        """
        if self.in_thread or not self._running or self._pid != os.getpid():
            function()
            return
        done = threading.Event()
        failures: list[BaseException] = []

        def call() -> None:
            try:
                function()
            except BaseException as failure:
                failures.append(failure)
            finally:
                done.set()

        self.call_soon(call)
        done.wait()
        if failures:
            raise failures[0]

    def _add_timer(self, timer: Timer) -> None:
        heapq.heappush(self._timers, (timer.when, next(self._order), timer))

    def _wake(self) -> None:
        if not self._awake:
            with self._wake_lock:
                if not self._awake:
                    os.eventfd_write(self._wake_fd, 1)

    def _woken(self, mask: int) -> None:
        os.eventfd_read(self._wake_fd)

    def _check_alive(self) -> None:
        if self._pid != os.getpid():
            raise RuntimeError('this event loop belongs to the parent process: '
                               'call acquire() to get one for this process')

    # Sockets

    def watch(self, sock: Watchable, events: int, handler: Callable[[int], object]) -> None:
        """Call ``handler(events)`` whenever the socket is ready, broken or hung up.

        Any thread may add a new socket.
        """
        fd = sock.fileno()
        self._handlers[fd] = handler
        self._watched[fd] = sock
        self._epoll.register(fd, events)

    def modify(self, sock: Watchable, events: int) -> None:
        self._epoll.modify(sock.fileno(), events)

    def forget(self, sock: Watchable) -> None:
        """Stop watching a socket; do this before you close it."""
        fd = sock.fileno()
        if self._watched.pop(fd, None) is not None:
            del self._handlers[fd]
            self._epoll.unregister(fd)

    def listen(self, path: str, accept: Callable[[socket.socket], object]) -> Listener:
        """Listen on a UNIX socket of mode 0600, and call ``accept`` with each client's socket."""
        self._check_alive()
        return Listener(self, path, accept)

    def listen_tcp(self, endpoint: Endpoint, accept: Callable[[ClientSocket], object],
                   tls: ssl.SSLContext | None = None) -> TCPListener:
        """Listen on a TCP socket, and call ``accept`` with each client's socket."""
        self._check_alive()
        return TCPListener(self, endpoint, accept, tls)

    def _abandon(self) -> None:
        """Close this process's copies of the descriptors, in the child of a fork.

        Closing does not affect the parent. Unregistering would, because parent and child share the
        epoll interest list.
        """
        self._running = False
        self._awake = True
        self._wake_lock = threading.Lock()
        self._thread = None
        self.watchdog = Watchdog(self)
        self._epoll.close()
        os.close(self._wake_fd)
        for sock in self._watched.values():
            sock.close()
        self._watched.clear()
        self._handlers.clear()


_LOOPS: weakref.WeakSet[EventLoop] = weakref.WeakSet()
_SHARED_LOCK = threading.Lock()
_shared: EventLoop | None = None
_users = 0


def acquire() -> EventLoop:
    """Return the process's loop; the first user starts it."""
    global _shared, _users
    with _SHARED_LOCK:
        if _shared is None:
            _shared = EventLoop()
            _shared.start()
        _users += 1
        return _shared


def release(loop: EventLoop) -> None:
    """Release the loop; the last user stops it."""
    global _shared, _users
    with _SHARED_LOCK:
        if loop is not _shared:
            return      # it was acquired before a fork and belongs to the parent
        _users -= 1
        if _users == 0:
            _shared = None
            loop.stop()


@contextlib.contextmanager
def shared() -> Iterator[EventLoop]:
    """Use the process's loop for the duration of a ``with`` block."""
    loop = acquire()
    try:
        yield loop
    finally:
        release(loop)


def _after_fork_in_child() -> None:
    global _shared, _users, _SHARED_LOCK
    _SHARED_LOCK = threading.Lock()
    _shared = None
    _users = 0
    for loop in list(_LOOPS):
        loop._abandon()
    _LOOPS.clear()


def _at_exit() -> None:
    """Disconnect the remaining clients when the interpreter exits.

    The loop's thread no longer runs when the remaining objects are destroyed. A libvirt connection
    that was not closed would wait for its reply forever.
    """
    for loop in list(_LOOPS):
        for sock in list(loop._watched.values()):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
