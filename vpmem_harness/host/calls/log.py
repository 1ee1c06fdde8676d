"""The calls of one host, newest last, in bounded memory."""

from __future__ import annotations

import collections
import itertools
import threading
from collections.abc import Callable, Sequence

from vpmem_harness.host.calls.caller import Caller
from vpmem_harness.host.calls.record import Call, CommandCall, LibvirtCall
from vpmem_harness.host.calls.selection import Calls, Mark, by_name
from vpmem_harness.host.calls.tool_call import ToolCall
from vpmem_harness.libvirtd.wire.session import Call as WireCall
from vpmem_harness.pmem import CommandResult
from vpmem_harness.serving.deferred import Deferred

#: How many calls a host keeps at most, and how many bytes of arguments and results.
CALLS_KEPT = 10_000
BYTES_KEPT = 16 << 20

#: How many calls are recorded between two looks at the limits.
_BATCH = 32

#: How many clients the log knows the command lines of.
_CLIENTS_KNOWN = 256


class CallLog(Calls):
    """Every call that reached a host, oldest first.

    It is live: each method sees the calls made until then, and returns a selection that does not
    change any more. The log keeps the last 10,000 calls of a host, or fewer when their arguments
    and results exceed 16 MiB; ``dropped`` counts the calls that it had to drop.

    :param now: the host's clock.
    :param ended: called with each call when it has ended.
    :param sync: called before the calls are read, to collect those that were reported but not
        recorded yet.
    """

    # The thread that answers calls must not wait for a lock. So it only tries to take it, and
    # leaves the limits to the thread that has it.

    def __init__(self, now: Callable[[], float], *, ended: Callable[[Call], None] | None = None,
                 sync: Callable[[], None] | None = None, calls_kept: int = CALLS_KEPT,
                 bytes_kept: int = BYTES_KEPT) -> None:
        super().__init__()
        self._now = now
        self._ended = ended
        self._sync = sync
        self._calls_kept = calls_kept
        self._bytes_kept = bytes_kept
        self._numbers = itertools.count(1)
        self._newest = 0
        self._records: collections.deque[Call] = collections.deque()
        self._limiting = threading.Lock()
        self._unmeasured: collections.deque[Call] = collections.deque()
        self._bytes = 0
        self._dropped: collections.Counter[str] = collections.Counter()
        self._callers: dict[int, tuple[object, Caller]] = {}

    def _calls(self) -> Sequence[Call]:
        if self._sync is not None:
            self._sync()
        return tuple(self._records.copy())

    def __len__(self) -> int:
        if self._sync is not None:
            self._sync()
        return len(self._records)

    def mark(self) -> Mark:
        """The present end of the log, for :meth:`since`."""
        if self._sync is not None:
            self._sync()
        return Mark(self._newest)

    def clear(self) -> None:
        """Forget all calls."""
        if self._sync is not None:
            self._sync()
        with self._limiting:
            self._records.clear()
            self._unmeasured.clear()
            self._dropped.clear()
            self._bytes = 0

    @property
    def dropped(self) -> int:
        """How many of the oldest calls are no longer kept."""
        return self._dropped.total()

    def dropped_named(self, name: str, subcommand: str | None = None) -> int:
        """How many calls of a function or a tool are no longer kept."""
        applies = by_name(name, subcommand)
        tool = name.partition(' ')[0]
        return sum(times for dropped, times in list(self._dropped.items())
                   if dropped == tool or applies(Call(0, dropped, Caller(0), 0.0)))

    # Recording

    def begin_procedure(self, call: WireCall) -> LibvirtCall:
        """Record a call to libvirt that has just arrived."""
        number = next(self._numbers)
        record = LibvirtCall(number, call, self._caller(call.peer), self._now())
        self._append(record)
        return record

    def begin_command(self, call: ToolCall, caller: Caller) -> CommandCall:
        """Record a command that has just arrived."""
        record = CommandCall(next(self._numbers), call, caller, self._now())
        self._append(record)
        return record

    def add_command(self, call: ToolCall, caller: Caller, result: CommandResult) -> None:
        """Record a command that has been answered already."""
        self.finish(self.begin_command(call, caller), result)

    def end(self, record: Call, error: Exception | None = None) -> None:
        """Note that a call has ended."""
        if record.ended is None:
            record.end(self._now(), error)
            if self._ended is not None:
                self._ended(record)

    def finish(self, record: CommandCall, result: CommandResult) -> None:
        """Note the result of a command."""
        if record.ended is None:
            record.finish(self._now(), result)
            if self._ended is not None:
                self._ended(record)

    def end_later(self, record: LibvirtCall, later: Deferred) -> None:
        """Note that a call to libvirt has ended once its result is there."""
        def done(later: Deferred) -> None:
            try:
                later.result()
            except Exception as error:
                self.end(record, error)
            else:
                self.end(record)
        later.when_done(done)

    def _caller(self, peer: object) -> Caller:
        known = self._callers.get(id(peer))
        if known is not None and known[0] is peer:
            return known[1]
        caller = Caller.of(getattr(peer, 'pid', 0))
        if len(self._callers) >= _CLIENTS_KNOWN:
            self._callers.clear()
        self._callers[id(peer)] = peer, caller
        return caller

    def _append(self, record: Call) -> None:
        self._records.append(record)
        self._unmeasured.append(record)
        self._newest = record.number
        if len(self._unmeasured) >= _BATCH and self._limiting.acquire(blocking=False):
            try:
                self._keep_limits()
            finally:
                self._limiting.release()

    def _keep_limits(self) -> None:
        while self._unmeasured:
            record = self._unmeasured.popleft()
            record.weight = record.measure()
            self._bytes += record.weight
        while self._records and (
                len(self._records) > self._calls_kept or self._bytes > self._bytes_kept):
            record = self._records.popleft()
            self._bytes -= record.weight
            self._dropped[record.name] += 1
