"""Joins the procedure table with a hypervisor's connection: the contract between the two.

**What the hypervisor gives.**  ``hypervisor.connect(readonly: bool)`` returns one connection per
client, when the client opens it.  Dispatch then sets ``connection.emit`` and, when the client has
gone for whatever reason, calls ``connection.close()`` once.

**Names.**  A procedure is answered by the connection's method of the same name in lower case:
``REMOTE_PROC_DOMAIN_CREATE_WITH_FLAGS`` by ``domain_create_with_flags(dom, flags)``, and the QEMU
program's ``QEMU_PROC_DOMAIN_MONITOR_COMMAND`` by ``qemu_domain_monitor_command(dom, cmd, flags)``.
``wire/table.py`` has every name with its arguments and results.  Without such a method the answer
is ``VIR_ERR_NO_SUPPORT`` with the name of the public function, as from a driver that lacks it.

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

**Results** take the same forms, and some that are easier to have at hand:

- a procedure without results returns ``None``; one with a single result that value itself; one
  with several a ``tuple`` in the table's order;
- where a struct is due, a tuple of its fields or any object with attributes of these names will
  do: a domain object with ``.name``, ``.uuid`` and ``.id`` is a handle; a ``uuid`` may be 16
  ``bytes``, a ``uuid.UUID`` or its string;
- typed parameters: a list of ``TypedParameter``;
- **count and list**: a client asks with ``nparams``, ``need_results``, ``maxnames`` and the like,
  and is answered with the list and its length.  A method may ignore all of that and return the
  plain ``list``: dispatch leaves the list out where the client only asked for the number, cuts it
  where it wanted fewer, and fills in the count.  (``connect_list_all_domains(need_results, flags)``
  returns every domain that fits the flags; ``domain_get_blkio_parameters(dom, nparams, flags)`` all
  parameters.)  A method that returns the whole ``tuple`` is taken at its word.

**Errors**: a ``LibvirtError`` goes to the client as it is.  Any other exception is logged with its
traceback and reaches the client as ``VIR_ERR_INTERNAL_ERROR`` without it.

**Waiting**: methods run in the one thread that serves every host and must not block; one that has
to wait returns a ``Deferred``.

**Events**: ``connection.emit(name, *fields)``, from any thread, sends the message of that name:
``connection.emit('domain_event_callback_lifecycle', callback_id, (dom, event, detail))``, with
the fields as in the table. Messages leave in the order of the calls, those that a call causes
after its reply. The connection keeps the registrations:
``connect_domain_event_callback_register_any(eventID, dom)`` returns the callback's id,
``connect_domain_event_callback_deregister_any(callbackID)`` forgets it.

**What dispatch answers itself**, because it is about the session and not the host: authentication
(``auth_list``: none is needed), ``connect_open``, ``connect_close``, the features of the daemon
in ``connect_supports_feature`` (keepalive, file descriptor passing, event and close callbacks;
for the rest it asks the connection's ``connect_supports_feature(feature)``), the close callback's
registration, ``connect_set_identity``, and the refusal of what a read-only connection may not do,
with libvirt's error (the table's column; flags that are refused to readers, such as
``VIR_DOMAIN_XML_SECURE``, too). So a connection need not look at ``readonly`` for these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, Protocol

import libvirt
from oslo_log import log as logging

from vpmem_harness.libvirtd import access
from vpmem_harness.libvirtd.errors import LibvirtError
from vpmem_harness.libvirtd.wire import shapes, xdr
from vpmem_harness.libvirtd.wire.procedures import BY_NAME, Procedure
from vpmem_harness.libvirtd.wire.session import Call, Session
from vpmem_harness.serving.deferred import Deferred

LOG = logging.getLogger(__name__)


class Connection(Protocol):
    """What ``Hypervisor.connect`` returns; its methods are found by name."""

    emit: Callable[..., None]

    def close(self) -> None:
        """Forgets what the client has registered."""


class Hypervisor(Protocol):
    """What a daemon serves."""

    def connect(self, readonly: bool) -> Connection:
        """Opens a connection for one client."""


class DropConnection(Exception):
    """Raised by an ``Intercept`` to cut the client off without an answer."""


#: Stands between a call and its execution: ``intercept(call, execute)`` returns what the call's
#: result shall be, most simply ``execute()``.  It may raise a ``LibvirtError`` in its place, before
#: or after executing; raise ``DropConnection``, before or after; or return a ``Deferred`` and
#: complete it when it likes, with ``deferred.run(execute)`` in the loop's thread
#: (``EventLoop.call_soon``).
Intercept = Callable[[Call, Callable[[], Any]], Any]

#: VIR_DRV_FEATURE_* that hold for every driver: descriptor passing, strings in typed parameters,
#: event and close callbacks, the order of virNetworkUpdate.  Source: src/driver.c,
#: remoteDispatchConnectSupportsFeature, src/libvirt_internal.h.
_DAEMON_FEATURES: Final = frozenset((8, 9, 14, 15, 16))

#: The arguments by which a client says how much it wants of a list.
_WANTED: Final = frozenset((
    'need_results', 'nparams', 'maxnames', 'maxids', 'maxuuids', 'maxcells', 'maxerrors',
    'maxStats'))


class Dispatcher:
    """Executes the calls of one session."""

    def __init__(self, session: Session, hypervisor: Hypervisor, *, readonly: bool,
                 flush: Callable[[], None], drop: Callable[[], None],
                 call_soon: Callable[[Callable[[], object]], None]) -> None:
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
        """Executes a call and answers it, now or when its ``Deferred`` is done."""
        try:
            if intercept is None:
                result = self._invoke(call)
            else:
                result = intercept(call, functools.partial(self._invoke, call))
        except Exception as error:
            self._fail(call, error)
            return
        if isinstance(result, Deferred):
            result.when_done(lambda later: self._call_soon(lambda: self._complete(call, later)))
        else:
            self._answer(call, result)

    def close(self) -> None:
        """Ends the session's connection; what comes for it later is dropped."""
        if not self._ended:
            self._ended = True
            if self._connection is not None:
                self._connection.close()

    def emit(self, name: str, *fields: Any) -> None:
        """Sends a message; from any thread, in the order of the calls."""
        if not self._ended:
            self._session.emit(BY_NAME[name], fields)
            self._flush()

    def _invoke(self, call: Call) -> Any:
        handler = self._handlers.get(call.procedure.method)
        if handler is None:
            handler = self._find(call.procedure)
            self._handlers[call.procedure.method] = handler
        return handler(*call.arguments)

    def _find(self, procedure: Procedure) -> Callable[..., Any]:
        """What answers a procedure on this connection, refusals included."""
        if self._readonly and procedure.refused_to_readers:
            return functools.partial(access.refuse, procedure)
        method: Callable[..., Any] | None = getattr(self._connection, procedure.method, None)
        method = (functools.partial(_unsupported, procedure) if method is None
                  else _counted(procedure, method))
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
        try:
            self._session.reply(call, (result,) if count == 1 else result if count else ())
        except xdr.XDRError as error:
            LOG.error('%s: the result cannot be encoded: %s', call.procedure.name, error)
            self._session.fail(call, LibvirtError(
                libvirt.VIR_ERR_RPC, 'Unable to encode message payload',
                domain=libvirt.VIR_FROM_RPC))

    def _fail(self, call: Call, error: Exception) -> None:
        if isinstance(error, DropConnection):
            self._drop()
            return
        if not isinstance(error, LibvirtError):
            LOG.error('%s failed', call.procedure.name, exc_info=error)
            error = LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR,
                                 f'{call.procedure.function} failed in the simulated daemon',
                                 domain=libvirt.VIR_FROM_RPC)
        self._session.fail(call, error)

    # What is about the session and not the host

    def _own_handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            'connect_open': self._connect_open,
            'connect_close': lambda: None,
            'connect_supports_feature': self._connect_supports_feature,
            # A connection to this hypervisor never breaks while its daemon lives.
            'connect_register_close_callback': lambda: None,
            'connect_unregister_close_callback': lambda: None,
            'connect_set_identity': lambda parameters, flags: None,
        }

    def _connect_open(self, name: str | None, flags: int) -> None:
        if self._connection is not None:
            raise LibvirtError(libvirt.VIR_ERR_INTERNAL_ERROR, 'connection already open',
                               domain=libvirt.VIR_FROM_RPC)
        access.check_uri(name)
        self._readonly = self._readonly or bool(flags & libvirt.VIR_CONNECT_RO)
        connection = self._hypervisor.connect(self._readonly)
        connection.emit = self.emit
        self._connection = connection
        self._session.opened = True

    def _connect_supports_feature(self, feature: int) -> int:
        if feature in _DAEMON_FEATURES:
            return 1
        ask = getattr(self._connection, 'connect_supports_feature', None)
        return int(ask(feature)) if ask is not None else 0


_CLOSE: Final = BY_NAME['connect_close']


def _unsupported(procedure: Procedure, *arguments: Any) -> Any:
    raise LibvirtError(libvirt.VIR_ERR_NO_SUPPORT, procedure.function,
                       domain=procedure.error_domain)


def _counted(procedure: Procedure, method: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a method that may return a plain list where a list and its length are due."""
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
