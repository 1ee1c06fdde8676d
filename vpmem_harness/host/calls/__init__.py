"""The calls that reach a host: libvirt procedures, and commands of ndctl, daxctl and daxio."""

from __future__ import annotations

from vpmem_harness.host.calls.caller import Caller
from vpmem_harness.host.calls.log import BYTES_KEPT, CALLS_KEPT, CallLog
from vpmem_harness.host.calls.record import Call, CommandCall, LibvirtCall
from vpmem_harness.host.calls.selection import Calls, Mark
from vpmem_harness.host.calls.tool_call import ToolCall

__all__ = [
    'BYTES_KEPT',
    'CALLS_KEPT',
    'Call',
    'CallLog',
    'Caller',
    'Calls',
    'CommandCall',
    'LibvirtCall',
    'Mark',
    'ToolCall',
]
