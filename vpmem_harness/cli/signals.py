"""SIGINT, SIGTERM and SIGHUP during a command: clean up, then exit with 128 + the signal's number.

The first signal raises :class:`Ended` in the main thread, which unwinds the command. Later signals
change nothing, so that the clean-up completes. An exception that arrives between two instructions
can hit the moment after something was acquired and before its release was registered. So an
interrupted process ends with a last pass over what it may have left: its child processes, and the
directories whose names contain its process id. For the same reason the clean-up can hang. After
:data:`LIMIT` seconds it is aborted, and the same pass runs.

Code that must not be interrupted in the middle runs under :class:`deferred`: no such moment exists
there, and the clean-up takes as long as it takes.

SIGINT ends a command even if it was ignored when the command began: a shell starts the background
jobs of a script that way, and ``kill -INT`` is how the script ends them. SIGHUP stays ignored if
it was, as ``nohup`` intends.

Before the first line of :func:`run_to_end` the signal has its default effect: the process dies
before it has acquired anything. That interval is kept short: this module is the first to be
imported, and imports nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # not in typeshed; `signal` takes longer to import
import _thread
import atexit
import os
import sys
import time

TYPE_CHECKING = False       # without typing, which takes a while to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from vpmem_harness.cli.leftovers import Leftovers

#: Seconds that a clean-up may take after an exception between two instructions.
LIMIT = 30.0

_ENDING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)


class Ended(KeyboardInterrupt):
    """A signal ends the command.

    A subclass, because the interpreter remembers a plain KeyboardInterrupt that passes through
    ``exec``, and then kills itself with SIGINT in place of returning the exit status.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class _Command:
    """State of the running command.

    :param whole_process: whether the process belongs to the command and ends with it.
    """

    def __init__(self, whole_process: bool) -> None:
        self.received: int | None = None
        self.deferrals = 0
        self.relay: Callable[[int], object] | None = None
        self._over = False
        self._lost = False
        self._pending = False
        self._whole_process = whole_process
        self._kept: dict[int, object] = {}
        self._leftovers: Leftovers | None = None

    def install(self) -> None:
        """Handle the signals; raises ValueError unless this is the main thread."""
        if self._whole_process:
            # atexit calls the first registered function last.
            atexit.register(self._at_exit)
        for number in _ENDING:
            if number == _signal.SIGHUP and _signal.getsignal(number) == _signal.SIG_IGN:
                continue
            self._kept[number] = _signal.signal(number, self._handle)
        # A signal that was blocked when the process began is delivered now.
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, self._kept)
        if self._whole_process:
            from vpmem_harness.cli.leftovers import Leftovers

            self._leftovers = Leftovers()

    def restore(self) -> None:
        """Restore the previous signal handlers."""
        for number, handler in self._kept.items():
            if handler is not None:
                _signal.signal(number, handler)

    def handled(self) -> list[int]:
        """The signals that end this command."""
        return list(self._kept)

    def end(self) -> None:
        """From now on, record signals without interruption."""
        self._over = True

    def raise_pending(self) -> None:
        """Raise :class:`Ended` if a signal arrived while that was deferred."""
        if self._pending and self.received is not None:
            self._pending = False
            raise Ended(self.received)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.relay is not None:
            self.relay(number)
            return
        if self.received is None:
            self.received = number
            if self._whole_process:
                self._watch_for_loss()
        elif not self._lost:
            return
        self._lost = False
        if self._over:
            return
        if self.deferrals:
            self._pending = True
            return
        if self._whole_process:
            _thread.start_new_thread(self._cut_short, ())
        raise Ended(self.received)

    def _watch_for_loss(self) -> None:
        """Repeat the interruption if Python drops the exception, as it does in ``__del__``."""
        previous = sys.unraisablehook

        def hook(unraisable: sys.UnraisableHookArgs) -> None:
            if isinstance(unraisable.exc_value, Ended):
                self._lost = True
                _thread.start_new_thread(self._repeat, ())
            else:
                previous(unraisable)

        sys.unraisablehook = hook

    def _repeat(self) -> None:
        time.sleep(0.01)    # lets the main thread return from the hook
        assert self.received is not None  # noqa: S101 - set before the hook
        os.kill(os.getpid(), self.received)

    def _cut_short(self) -> None:
        time.sleep(LIMIT)
        self._exit()

    def _at_exit(self) -> None:
        # Only the interpreter's own shutdown remains, and its exit status is decided now: a signal
        # that arrives from here on comes too late.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, self._kept)
        for number in _ENDING:
            if number in self._kept and number in _signal.sigpending():
                self.received = self.received or number
        if self.received is not None:
            self._exit()

    def _exit(self) -> None:
        """End the process at once and leave nothing behind."""
        assert self.received is not None  # noqa: S101 - both callers know
        try:
            if self._leftovers is not None:
                self._leftovers.remove()
        finally:
            os._exit(128 + self.received)


_current: _Command | None = None


def run_to_end(command: Callable[[], int], *, whole_process: bool) -> int:
    """Run a command and return its exit status: 128 + n if signal n interrupted it.

    :param whole_process: whether the process belongs to the command. Signals then stay handled
        until it ends, and a final cleanup removes what it has left behind.
    """
    global _current
    state = _Command(whole_process)
    status = 1
    try:
        try:
            try:
                state.install()
            except ValueError:      # not the main thread, which alone handles signals
                return command()
            _current = state
            status = command()
        finally:
            state.end()
    except BaseException:
        # The interruption may have turned into another error on its way.
        if state.received is None:
            raise
    finally:
        if not whole_process:
            state.restore()
            _current = None
    return status if state.received is None else 128 + state.received


class deferred:  # noqa: N801 - a context manager
    """Context manager that holds an interruption back until the block ends."""

    def __enter__(self) -> None:
        if _current is not None:
            _current.deferrals += 1

    def __exit__(self, *error: object) -> None:
        if _current is not None:
            _current.deferrals -= 1
            if not _current.deferrals:
                _current.raise_pending()


class allowed:  # noqa: N801 - a context manager
    """Context manager for a block within :class:`deferred` that can be interrupted."""

    def __enter__(self) -> None:
        self._deferrals = 0
        if _current is not None:
            self._deferrals, _current.deferrals = _current.deferrals, 0
            _current.raise_pending()

    def __exit__(self, *error: object) -> None:
        if _current is not None:
            _current.deferrals = self._deferrals


def check() -> None:
    """Raise :class:`Ended` within :class:`deferred` if a signal has arrived."""
    if _current is not None:
        _current.raise_pending()


class relayed:  # noqa: N801 - a context manager
    """Context manager that has ``relay`` called with a signal's number; nothing is interrupted.

    Yields the relayed signals; there are none outside the main thread.

    :raises Ended: if a signal has arrived before.
    """

    def __init__(self, relay: Callable[[int], object]) -> None:
        self._relay = relay

    def __enter__(self) -> list[int]:
        if _current is None:
            return []
        _current.relay = self._relay
        if _current.received is not None:
            _current.relay = None
            raise Ended(_current.received)
        return _current.handled()

    def __exit__(self, *error: object) -> None:
        if _current is not None:
            _current.relay = None
