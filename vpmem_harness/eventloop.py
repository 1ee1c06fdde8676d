"""One thread that serves every socket of the process: hosts' daemons and their tools.

The loop runs in one daemon thread while anybody uses it: ``with shared() as loop``, or ``acquire``
and ``release``.  The first user starts the thread, the last one ends and joins it, and nothing is
left behind: no thread, no descriptor.  (A second thread comes and goes with it where clients of
this very process are served: see ``stall``.)

Callbacks run in that thread, one after the other, and must not block: everybody waits meanwhile.
What has to wait hands its work to another thread, or comes back with ``call_later``; a call of a
libvirt client that has to wait returns a ``Later``.  An exception in a callback is logged and
never ends the loop.

After ``fork`` the child has the objects but not the thread: the loop closes its copies of the
descriptors there, and whatever is asked of it raises ``RuntimeError``; a fresh loop starts with the
child's first ``acquire``.  The parent's sockets stay as they are.
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
from typing import Final

from oslo_log import log as logging

from vpmem_harness.listener import Listener
from vpmem_harness.stall import StallWatch

LOG = logging.getLogger(__name__)

READABLE: Final = select.EPOLLIN
WRITABLE: Final = select.EPOLLOUT

#: The signals that the thread, and those that it starts, leave to the main thread.
_MAIN_THREADS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM,
                        signal.SIGCHLD)

_EVENTS_AT_ONCE: Final = 64     # a small buffer; what is left comes with the next look


class Timer:
    """A call that is due later."""

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
    """A selector, timers, and calls from other threads.

    ``watch``, ``modify`` and ``forget`` belong to the loop's own thread, unless the loop does not
    run yet; ``call_soon``, ``call_later`` and ``run_and_wait`` are for any.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], object]] = {}
        self._watched: dict[int, socket.socket] = {}
        self._soon: collections.deque[Callable[[], object]] = collections.deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._handlers[self._wake_fd] = self._woken
        self._epoll.register(self._wake_fd, READABLE)
        self._wake_lock = threading.Lock()      # between a call and the end of the loop
        self._awake = True      # whether the loop will look at what is due before it sleeps
        self._running = False
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        #: The loop's clock, ``time.monotonic``, as of its last look.
        self.now = time.monotonic()
        #: Who wants to be called while the loop is held up.
        self.stalls = StallWatch(self)
        _LOOPS.add(self)

    # The thread

    def start(self) -> None:
        self._running = True
        self._thread = threading.Thread(target=self._run, name='vpmem-harness', daemon=True)
        # Signals are the main thread's, also those that it has blocked in order to wait for them.
        kept = signal.pthread_sigmask(signal.SIG_BLOCK, _MAIN_THREADS)
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, kept)

    def stop(self) -> None:
        """Ends and joins the thread, and closes what the loop owns; not from its own thread."""
        if self.in_thread:
            raise RuntimeError('the event loop cannot end itself: it would wait for itself')
        if self._pid != os.getpid():
            return      # the child of a fork has closed its copies already
        self._running = False
        self._wake()
        if self._thread is not None:
            self._thread.join()
        self.stalls.end()
        with self._wake_lock:
            self._awake = True      # for good: there is nobody to wake
            _LOOPS.discard(self)
            self._epoll.close()
            os.close(self._wake_fd)

    @property
    def in_thread(self) -> bool:
        return threading.current_thread() is self._thread

    @property
    def turn(self) -> float | None:
        """What tells the present turn from any other; None while the loop sleeps."""
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
                    continue    # a handler before it has forgotten it
                try:
                    handler(mask)
                except Exception:
                    LOG.exception('The handler of a socket failed')
            for _ in range(len(soon)):
                self._guard(soon.popleft())
            while timers and timers[0][0] <= self.now:
                self._guard(heapq.heappop(timers)[2]._fire)

    @staticmethod
    def _guard(function: Callable[[], object]) -> None:
        try:
            function()
        except Exception:
            LOG.exception('A callback of the event loop failed')

    # Calls

    def call_soon(self, function: Callable[[], object]) -> None:
        """Calls the function in the loop's thread, after those that were asked for before."""
        self._check_alive()
        self._soon.append(function)
        self._wake()

    def call_later(self, seconds: float, function: Callable[[], object]) -> Timer:
        """Calls the function in the loop's thread when the time has passed."""
        self._check_alive()
        timer = Timer(time.monotonic() + seconds, function)
        if self.in_thread:
            self._add_timer(timer)
        else:
            self.call_soon(lambda: self._add_timer(timer))
        return timer

    def run_and_wait(self, function: Callable[[], object]) -> None:
        """Calls the function in the loop's thread and returns when it has ended.

        In the loop's own thread, and where no loop runs, it is called at once.
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
            raise RuntimeError('the event loop stayed in the parent of this fork: acquire one')

    # Sockets

    def watch(self, sock: socket.socket, events: int, handler: Callable[[int], object]) -> None:
        """Calls ``handler(events)`` while the socket is ready, broken or hung up.

        Any thread may ask for a new socket to be watched; the rest is the loop's thread's.
        """
        fd = sock.fileno()
        self._handlers[fd] = handler
        self._watched[fd] = sock
        self._epoll.register(fd, events)

    def modify(self, sock: socket.socket, events: int) -> None:
        self._epoll.modify(sock.fileno(), events)

    def forget(self, sock: socket.socket) -> None:
        """Stops watching, which has to happen before the socket is closed."""
        fd = sock.fileno()
        if self._watched.pop(fd, None) is not None:
            del self._handlers[fd]
            self._epoll.unregister(fd)

    def listen(self, path: str, accept: Callable[[socket.socket], object]) -> Listener:
        """Listens on a UNIX socket, mode 0600, and hands each client's socket to ``accept``."""
        self._check_alive()
        return Listener(self, path, accept)

    def _abandon(self) -> None:
        """In the child of a fork: gives up the copies of the descriptors, and nothing else.

        Closing is harmless to the parent; unregistering would not be, the interest list is shared.
        """
        self._running = False
        self._awake = True
        self._wake_lock = threading.Lock()
        self._thread = None
        self.stalls = StallWatch(self)
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
    """Returns the process's loop, and starts it for its first user."""
    global _shared, _users
    with _SHARED_LOCK:
        if _shared is None:
            _shared = EventLoop()
            _shared.start()
        _users += 1
        return _shared


def release(loop: EventLoop) -> None:
    """Gives the loop back; the last user ends its thread."""
    global _shared, _users
    with _SHARED_LOCK:
        if loop is not _shared:
            return      # acquired before a fork: it stayed in the parent
        _users -= 1
        if _users == 0:
            _shared = None
            loop.stop()


@contextlib.contextmanager
def shared() -> Iterator[EventLoop]:
    """The process's loop, for as long as the block lasts."""
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
    """Hangs up on every client that is left when the interpreter ends.

    The thread does not run any more when the rest of the objects go, and a libvirt connection that
    somebody forgot to close would wait for its answer for ever.
    """
    for loop in list(_LOOPS):
        for sock in list(loop._watched.values()):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
