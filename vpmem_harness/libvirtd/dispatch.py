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
to wait returns a ``Later``.

**Events**: ``connection.emit(name, *fields)``, from any thread, sends the message of that name:
``connection.emit('domain_event_callback_lifecycle', callback_id, (dom, event, detail))``, with the
fields as in the table.  Messages leave in the order of the calls.  The connection keeps the
registrations: ``connect_domain_event_callback_register_any(eventID, dom)`` returns the callback's
id, ``connect_domain_event_callback_deregister_any(callbackID)`` forgets it.

**What dispatch answers itself**, because it is about the session and not the host: authentication
(``auth_list``: none is needed), ``connect_open``, ``connect_close``, the features of the daemon
in ``connect_supports_feature`` (keepalive, file descriptor passing, event and close callbacks;
for the rest it asks the connection's ``connect_supports_feature(feature)``), the close callback's
registration, ``connect_set_identity``, and the refusal of what a read-only connection may not do,
with libvirt's error (the table's column; flags that are refused to readers, such as
``VIR_DOMAIN_XML_SECURE``, too). So a connection need not look at ``readonly`` for these.
"""
