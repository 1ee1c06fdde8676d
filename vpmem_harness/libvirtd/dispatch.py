"""Dispatcher of a client's calls, and the contract between it and a hypervisor.

**Connections.** ``hypervisor.connect(readonly, driver)`` returns a connection when a client opens
one. The dispatcher sets ``connection.emit`` and, when the client is gone for whatever reason,
calls ``connection.close()`` once.

**Procedures.** ``connection.find(name)`` returns the method that answers a procedure, or None. The
name is the procedure's in lower case: ``domain_create_with_flags`` for
``REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS``, and ``qemu_domain_monitor_command`` for the QEMU
program's ``QEMU_PROC_DOMAIN_MONITOR_COMMAND``. ``wire/table.py`` lists every name with its
arguments and results. If there is no method, the client gets ``VIR_ERR_NO_SUPPORT`` with the name
of the public function, as from a driver that lacks it.

The connection of ``hypervisor/connection.py`` is composed of procedure groups, such as
``connection.lifecycle``; ``find`` uses an index of their methods that is built once.  To add a
procedure, add its row to ``wire/table.py`` and, to a group, a method marked with ``@procedure``::

    @procedure
    def domain_create_with_flags(self, dom: DomainHandle, flags: int) -> Domain: ...

**Arguments** are positional, in the table's order:

=====================  ==========================================================================
on the wire            in Python
=====================  ==========================================================================
int, hyper, enum       ``int``; a flag or boolean is an ``int`` too
double                 ``float``
string                 ``str``; an optional one may be ``None``
opaque, uuid           ``bytes``; a UUID is its 16 bytes
char[], char<>         ``str``, without the zeroes that end it
domain, network, ...   a handle of ``libvirtd/values.py``, such as ``DomainHandle(name, uuid, id)``
typed parameters       ``list[TypedParameter(name, type, value)]``
list<>                 ``list``
other structs          ``tuple`` in the order of the fields
=====================  ==========================================================================

**Results** take the same forms, and some more convenient ones:

- a procedure without results returns ``None``; one with a single result returns that value; one
  with several returns a ``tuple`` in the table's order;
- a struct may be a tuple of its fields or any object with attributes of these names: a domain
  object with ``.name``, ``.uuid`` and ``.id`` is a handle; a ``uuid`` may be 16 ``bytes``, a
  ``uuid.UUID`` or its string;
- typed parameters are a list of ``TypedParameter``;
- **counted lists**: a client passes ``nparams``, ``need_results``, ``maxnames`` or the like and
  gets the list and its length.  A method may ignore these arguments and return the plain ``list``:
  the dispatcher adds the count, leaves out the list if the client only wants the count, and cuts it
  to the length that the client has room for.  (``connect_list_all_domains(need_results, flags)``
  returns every domain that matches the flags; ``domain_get_blkio_parameters(dom, nparams, flags)``
  all parameters.)  A ``tuple`` is sent as it is.

**Errors**: a ``LibvirtError`` is sent to the client.  Any other exception is logged with its
traceback, and the client gets ``VIR_ERR_INTERNAL_ERROR`` without it.

**Streams**: a method of a procedure with a stream returns ``Streamed(stream, results)``: see
``libvirtd/stream.py``. The stream is open once the call has been answered.

**Waiting**: methods run in the one thread that serves every host and must not block; a method that
has to wait returns a ``Deferred``.

**Events**: ``connection.emit(name, *fields)``, callable from any thread, sends the message of that
name: ``connection.emit('domain_event_callback_lifecycle', callback_id, (dom, event, detail))``,
with the fields of the table. Messages are sent in the order of the calls; messages that a call
causes are sent after its reply. The connection keeps the registrations:
``connect_domain_event_callback_register_any(eventID, dom)`` returns the callback ID,
``connect_domain_event_callback_deregister_any(callbackID)`` ends the registration.

**What the dispatcher answers itself**, because it concerns the session and not the host:
authentication (``auth_list``: none is needed), ``connect_open``, ``connect_close``, the daemon's
features in ``connect_supports_feature`` (keepalive, file descriptor passing, event and close
callbacks; the connection's method answers for the others), the registration of close callbacks,
and ``connect_set_identity``. It also refuses, with libvirt's errors, what a read-only connection
may not do: procedures marked in the table, and flags such as ``VIR_DOMAIN_XML_SECURE``. Before
it calls a method, the arguments have passed the checks of libvirt's public function: see
``argument_table.py``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import libvirt
from oslo_log import log as logging

from vpmem_harness.libvirtd import access, argument_checks
from vpmem_harness.libvirtd.drivers import DRIVERS
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.stream import Streamed, Terminal
from vpmem_harness.libvirtd.wire import shapes, xdr
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, Procedure
from vpmem_harness.libvirtd.wire.session import Call, Session
from vpmem_harness.releases import Release
from vpmem_harness.serving.deferred import Deferred

LOG = logging.getLogger(__name__)


class Connection(Protocol):
    """A client's connection to a hypervisor."""

    emit: Callable[..., None]

    def find(self, procedure: str) -> Callable[..., Any] | None:
        """Return the method that answers a procedure, or None."""

    def close(self) -> None:
        """Release what the client holds: the client is gone."""


class Hypervisor(Protocol):
    """A hypervisor that a daemon serves."""

    release: Release

    def connect(self, readonly: bool, driver: str) -> Connection:
        """Open a connection of a driver for one client: ``qemu``, ``network``, ..."""

    def daemon_started(self) -> None:
        """Do what a daemon does that starts on a machine that has been running."""


class DropConnection(Exception):
    """Raised by an ``Intercept`` to disconnect the client without an answer."""


#: Hook around the execution of each call: ``intercept(call, execute)`` returns the call's result,
#: usually ``execute()``.  It may raise a ``LibvirtError`` or ``DropConnection``, before or after
#: executing, or return a ``Deferred`` and complete it later with ``deferred.run(execute)`` in the
#: loop's thread (``EventLoop.call_soon``).
Intercept = Callable[[Call, Callable[[], Any]], Any]

#: VIR_DRV_FEATURE_* of the daemon, whatever the driver: file descriptor passing, strings in typed
#: parameters, event and close callbacks, the argument order of virNetworkUpdate.
#: Source: src/driver.c, src/remote/remote_daemon_dispatch.c
#: (remoteDispatchConnectSupportsFeature), src/libvirt_internal.h.
_DAEMON_FEATURES: Final = frozenset((8, 9, 14, 15, 16))

#: Procedures that are jobs of virsh. It calls them in a second thread, which ends the loop of the
#: first one. If the reply comes before the loop has begun, virsh 9.0.0 waits forever. Real daemons
#: need some time to save a guest's memory, so this does not happen there.
_JOBS: Final = frozenset(BY_NAME[f'domain_{name}'] for name in (
    'managed_save', 'save', 'save_flags', 'save_params', 'core_dump', 'core_dump_with_format',
    'migrate_perform', 'migrate_perform3', 'migrate_perform3_params'))

#: The arguments that say how many items of a list a client has room for.
_WANTED: Final = frozenset((
    'need_results', 'nparams', 'maxnames', 'maxids', 'maxuuids', 'maxcells', 'maxerrors',
    'maxStats'))


class Dispatcher:
    """Executes the calls of one session.

    :param delay: calls a function after the shortest time that a job takes for this client; None if
        the reply may follow at once.
    """

    def __init__(self, session: Session, hypervisor: Hypervisor, *, readonly: bool,
                 flush: Callable[[], None], drop: Callable[[], None],
                 call_soon: Callable[[Callable[[], object]], None],
                 drivers: Sequence[str] = DRIVERS,
                 delay: Callable[[Callable[[], object]], object] | None = None) -> None:
        self._drivers = drivers
        self._delay = delay
        self._session = session
        self._hypervisor = hypervisor
        self._readonly = readonly
        self._flush = flush
        self._drop = drop
        self._call_soon = call_soon
        self._connection: Connection | None = None
        self._ended = False
        self._handlers: dict[str, Callable[..., Any]] = self._own_handlers()

    def execute(self, call: Call, intercept: Intercept | None = None) -> None:
        """Execute a call and answer it, now or when its ``Deferred`` is done."""
        if self._delay is not None and call.procedure in _JOBS:
            job = Deferred()
            job.run(functools.partial(self._invoke, call, intercept))
            self._delay(lambda: job.when_done(
                lambda later: self._call_soon(lambda: self._complete(call, later))))
            return
        try:
            result = self._invoke(call, intercept)
        except Exception as error:
            self._fail(call, error)
            return
        if isinstance(result, Deferred):
            result.when_done(lambda later: self._call_soon(lambda: self._complete(call, later)))
        else:
            self._answer(call, result)

    def close(self) -> None:
        """Close the session's connection; later results and events are dropped."""
        if not self._ended:
            self._ended = True
            self._session.streams.abort()
            if self._connection is not None:
                self._connection.close()

    def emit(self, name: str, *fields: Any) -> None:
        """Send a message to the client; callable from any thread."""
        if not self._ended:
            self._session.emit(BY_NAME[name], fields)
            self._flush()

    def _invoke(self, call: Call, intercept: Intercept | None = None) -> Any:
        if intercept is not None:
            return intercept(call, functools.partial(self._invoke, call))
        handler = self._handlers.get(call.procedure.method)
        if handler is None:
            handler = self._find(call.procedure)
            self._handlers[call.procedure.method] = handler
        try:
            return handler(*call.arguments)
        except LibvirtError as error:
            raise error.of(self._hypervisor.release) from None

    def _find(self, procedure: Procedure) -> Callable[..., Any]:
        """Return what answers a procedure on this connection, which may be its refusal."""
        method = None if self._connection is None else self._connection.find(procedure.method)
        method = (functools.partial(_unsupported, procedure) if method is None
                  else _counted(procedure, method))
        refusal = (functools.partial(access.refuse, procedure)
                   if self._readonly and procedure.refused_to_readers else None)
        method = argument_checks.guard(procedure, method, refusal=refusal)
        return access.guard(procedure, method) if self._readonly else method

    def _complete(self, call: Call, later: Deferred) -> None:
        if self._ended:
            return
        try:
            result = later.result()
        except Exception as error:
            self._fail(call, error)
        else:
            self._answer(call, result)
        self._flush()

    def _answer(self, call: Call, result: Any) -> None:
        if call.procedure is _CLOSE:
            self._session.close(call)
            return
        count = call.procedure.result_count
        stream = None
        if isinstance(result, Streamed):
            result, stream = result.results, result.stream
        try:
            self._session.reply(call, (result,) if count == 1 else result if count else ())
            if stream is not None:
                self._session.open_stream(call, stream)
                if isinstance(stream, Terminal):
                    stream.opened(functools.partial(self._hang_up, call))
                self._flush()
        except xdr.XDRError as error:
            LOG.error('%s: the result cannot be encoded: %s', call.procedure.name, error)
            self._session.fail(call, LibvirtError(
                libvirt.VIR_ERR_RPC, 'Unable to encode message payload',
                domain=libvirt.VIR_FROM_RPC))

    def _hang_up(self, call: Call, failed: bool) -> None:
        """End a stream from the daemon's side; callable from any thread."""
        def send() -> None:
            if not self._ended:
                self._session.end_stream(call, LibvirtError(
                    libvirt.VIR_ERR_RPC, 'stream had I/O failure',
                    domain=libvirt.VIR_FROM_STREAMS) if failed else None)
                self._flush()
        self._call_soon(send)

    def _fail(self, call: Call, error: Exception) -> None:
        if isinstance(error, DropConnection):
            self._drop()
            return
        if not isinstance(error, LibvirtError):
            LOG.error('%s failed', call.procedure.name, exc_info=error)
            error = LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR,
                                 f'{call.procedure.function} failed in the simulated daemon',
                                 domain=libvirt.VIR_FROM_RPC)
        self._session.fail(call, error.of(self._hypervisor.release))

    # Procedures that concern the session and not the host

    def _own_handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            'connect_open': self._connect_open,
            'connect_close': lambda: None,
            'connect_supports_feature': self._connect_supports_feature,
            # A connection to this hypervisor never breaks while its daemon runs.
            'connect_register_close_callback': lambda: None,
            'connect_unregister_close_callback': lambda: None,
            'connect_set_identity': lambda parameters, flags: None,
        }

    def _connect_open(self, name: str | None, flags: int) -> None:
        if self._connection is not None:
            raise LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR, 'connection already open',
                               domain=libvirt.VIR_FROM_RPC)
        driver = access.driver_of(name, self._drivers)
        self._readonly = self._readonly or bool(flags & libvirt.VIR_CONNECT_RO)
        connection = self._hypervisor.connect(self._readonly, driver)
        connection.emit = self.emit
        self._connection = connection
        self._session.opened = True

    def _connect_supports_feature(self, feature: int) -> int:
        if feature in _DAEMON_FEATURES:
            return 1
        connection = self._connection
        ask = None if connection is None else connection.find('connect_supports_feature')
        return int(ask(feature)) if ask is not None else 0


_CLOSE: Final = BY_NAME['connect_close']


def _unsupported(procedure: Procedure, *arguments: Any) -> Any:
    raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT, procedure.function,
                       domain=procedure.error_domain)


def _counted(procedure: Procedure, method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method that may return a plain list where the results are a list and its length."""
    results = procedure.results.fields
    if not results or not isinstance(results[0].type, shapes.ListOf) or len(results) > 2:
        return method
    names = [field.name for field in procedure.arguments.fields]
    wanted = next((at for at, name in enumerate(names) if name in _WANTED), None)
    with_count = len(results) == 2

    @functools.wraps(method)
    def call(*arguments: Any) -> Any:
        result = method(*arguments)
        if not isinstance(result, list):
            return result
        count = len(result)
        if wanted is not None:
            limit = arguments[wanted]
            if limit == 0 and with_count:
                result = []
            elif names[wanted] != 'need_results':
                result = result[:limit]
                count = len(result)
        return (result, count) if with_count else result

    return call
