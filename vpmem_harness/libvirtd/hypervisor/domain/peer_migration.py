"""Peer-to-peer migration: the source's daemon drives it over a connection to the destination's.

It takes the same steps as a client, see ``client_migration``: begin, prepare, perform, finish and
confirm, with cookies.
Source: libvirt 9.0.0, src/qemu/qemu_migration.c (qemuMigrationSrcPerformPeer2Peer3).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import libvirt
from oslo_log import log as logging

from vpmem_harness.libvirtd.errors import LibvirtError, internal, system_error
from vpmem_harness.libvirtd.hypervisor.domain.client_migration import Outgoing
from vpmem_harness.libvirtd.hypervisor.domain.domain import Domain
from vpmem_harness.libvirtd.hypervisor.domain.migration import Request
from vpmem_harness.libvirtd.values import TypedParameter
from vpmem_harness.serving.deferred import Deferred
from vpmem_harness.serving.steps import Steps, run_steps

# For annotations only: the hypervisor imports this module.
if TYPE_CHECKING:
    from vpmem_harness.libvirtd.hypervisor.hypervisor import Hypervisor

LOG = logging.getLogger(__name__)

#: VIR_DRV_FEATURE_MIGRATION_P2P, _V3, _OFFLINE and _PARAMS.  Source: src/libvirt_internal.h.
_P2P, _V3, _OFFLINE, _PARAMS = 4, 6, 12, 13
_LOST: Final = 'Lost connection to destination host'
#: Parameters that the source replaces, or uses itself.
_REPLACED: Final = frozenset((
    libvirt.VIR_MIGRATE_PARAM_DEST_XML, libvirt.VIR_MIGRATE_PARAM_DEST_NAME,
    libvirt.VIR_MIGRATE_PARAM_PERSIST_XML))


class Peer(Protocol):
    """A connection to another daemon, as ``libvirtd/peers`` has it."""

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""

    def call(self, name: str, *arguments: Any) -> Deferred:
        """Call a procedure; the result completes with its result or its error."""

    def copying(self) -> Deferred:
        """Announce that memory is copied from now on; the result completes when it can begin."""

    def when_closed(self, callback: Callable[[], object]) -> None:
        """Call a function when the connection ends."""

    def close(self) -> Deferred:
        """End the connection; the result completes when it has ended."""


class Peers(Protocol):
    """The daemons that can be reached from this host."""

    def open(self, uri: str) -> Deferred:
        """Connect to a daemon; the result completes with a :class:`Peer`."""


class NoPeers:
    """Stands for the network of a machine that has none."""

    def open(self, uri: str) -> Deferred:
        """Refuse to connect."""
        later = Deferred()
        later.fail(system_error(errno.ENETUNREACH, f"unable to connect to server at '{uri}'",
                                domain=libvirt.VIR_FROM_RPC))
        return later


class PeerMigration:
    """One migration to the daemon of a URI."""

    def __init__(self, source: Hypervisor, domain: Domain, request: Request) -> None:
        self._source, self._domain, self._request = source, domain, request
        self._outgoing = Outgoing(source, domain, request, None)

    def start(self) -> Deferred:
        """Start the migration; the result completes with an empty cookie, or fails.

        :raises LibvirtError: the guest cannot be migrated.
        """
        request = self._request
        if request.has(libvirt.VIR_MIGRATE_TUNNELLED) and request.text(
                libvirt.VIR_MIGRATE_PARAM_URI):
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               'migration URI is not supported by tunnelled migration')
        with self._source.lock:
            self._outgoing.check()
            self._outgoing.reserve()
        return run_steps(self._steps())

    def _steps(self) -> Steps:
        try:
            peer = yield self._source.peers.open(self._request.uri)
        except LibvirtError:
            self._give_up()
            raise
        try:
            yield from self._check_features(peer)
            prepared, parameters = yield from self._prepare(peer)
        except LibvirtError:
            self._give_up()
            yield peer.close()
            raise
        try:
            yield from self._move(peer, prepared, parameters)
        except LibvirtError:
            yield peer.close()
            raise
        yield peer.close()
        return b''

    def _give_up(self) -> None:
        """End the job of a migration that has not begun to copy."""
        with self._source.lock:
            self._outgoing.abandon()

    def _check_features(self, peer: Peer) -> Steps:
        for feature in (_P2P, _V3, _PARAMS):
            if not (yield peer.call('connect_supports_feature', feature)):
                raise LibvirtError(
                    libvirt.VIR_ERR_OPERATION_FAILED,
                    'Destination libvirt does not support peer-to-peer migration protocol')
        if self._request.has(libvirt.VIR_MIGRATE_OFFLINE) and not (
                yield peer.call('connect_supports_feature', _OFFLINE)):
            raise LibvirtError(libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
                               'offline migration is not supported by the destination host')

    def _prepare(self, peer: Peer) -> Steps:
        with self._source.lock:
            self._check_reserved()
            cookie, xml = self._outgoing.describe()
        request = self._request
        parameters = [
            TypedParameter.string(libvirt.VIR_MIGRATE_PARAM_DEST_XML, xml),
            *([TypedParameter.string(libvirt.VIR_MIGRATE_PARAM_DEST_NAME, request.name)]
              if request.name else []),
            *(one for one in request.typed if one.name not in _REPLACED)]
        prepared = yield peer.call('domain_migrate_prepare3_params', parameters, cookie,
                                   self._flags())
        if not (prepared[1] or request.text(libvirt.VIR_MIGRATE_PARAM_URI)):
            raise internal('domainMigratePrepare3 did not set uri')
        return prepared, parameters

    def _flags(self) -> int:
        """Return the flags; a guest that does not run here stays paused at the destination."""
        flags = self._request.flags
        return flags if self._outgoing.was_running else flags | libvirt.VIR_MIGRATE_PAUSED

    def _check_reserved(self) -> None:
        """Raise the error of a job that has ended meanwhile."""
        if self._outgoing.later.done:
            self._outgoing.later.result()

    def _move(self, peer: Peer, prepared: tuple[bytes, str | None],
              parameters: Sequence[TypedParameter]) -> Steps:
        """Perform, finish and confirm."""
        outgoing, request = self._outgoing, self._request
        uri = prepared[1] or request.text(libvirt.VIR_MIGRATE_PARAM_URI)
        failure: LibvirtError | None = None
        cookie = b''
        if not request.has(libvirt.VIR_MIGRATE_OFFLINE):
            try:
                yield from self._begin_copying(peer)
                cookie = yield self._perform(peer, prepared[0], uri)
            except LibvirtError as error:
                failure = error
        finished = b''
        cancelled = failure is not None
        if not (cancelled and peer.closed):
            try:
                _, finished = yield peer.call(
                    'domain_migrate_finish3_params',
                    self._finish_parameters(parameters, uri), cookie, self._flags(), int(cancelled))
            except LibvirtError as error:
                failure = _reason(failure, error)
        with self._source.lock:
            try:
                outgoing.confirm(request, finished, failure is not None)
            except LibvirtError as error:
                LOG.warning('A migration of %s was not confirmed: %s', self._domain.name, error)
        if failure is not None:
            raise failure

    @staticmethod
    def _begin_copying(peer: Peer) -> Steps:
        try:
            yield peer.copying()
        except LibvirtError:
            raise _lost() from None

    def _finish_parameters(self, parameters: Sequence[TypedParameter],
                           uri: str | None) -> list[TypedParameter]:
        """Return the parameters of the prepare, with the URI and the name at the destination."""
        replaced = (libvirt.VIR_MIGRATE_PARAM_URI, libvirt.VIR_MIGRATE_PARAM_DEST_NAME)
        finish = [one for one in parameters if one.name not in replaced]
        if uri is not None:
            finish.append(TypedParameter.string(libvirt.VIR_MIGRATE_PARAM_URI, uri))
        name = self._request.name or self._domain.name
        return [*finish, TypedParameter.string(libvirt.VIR_MIGRATE_PARAM_DEST_NAME, name)]

    def _perform(self, peer: Peer, cookie: bytes, uri: str | None) -> Deferred:
        outgoing = self._outgoing
        with self._source.lock:
            self._check_reserved()
            if peer.closed:
                raise _lost()
            later = outgoing.perform(self._request, cookie, uri)
        peer.when_closed(lambda: outgoing.end(libvirt.VIR_DOMAIN_JOB_FAILED, _LOST))
        return later


def _lost() -> LibvirtError:
    return LibvirtError(libvirt.VIR_ERR_OPERATION_FAILED, _LOST)


def _reason(failure: LibvirtError | None, finish: LibvirtError) -> LibvirtError:
    """Return the error of a migration whose finish has failed.

    The destination knows best why its guest died, if the source only knows that it failed.
    """
    if failure is None or (failure.code == libvirt.VIR_ERR_OPERATION_FAILED and finish.code not in (
            libvirt.VIR_ERR_RPC, libvirt.VIR_ERR_MIGRATE_FINISH_OK)):
        return finish
    return failure
