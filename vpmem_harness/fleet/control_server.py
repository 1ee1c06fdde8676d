"""The control socket of a fleet: one thread accepts, one thread serves each client."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from oslo_log import log as logging

from vpmem_harness.exceptions import HarnessError, InvalidInputError
from vpmem_harness.fleet import protocol
from vpmem_harness.serving.listener import bind_private, is_own

LOG = logging.getLogger(__name__)

#: Methods that a client can call, by name; the arguments come from its request.
Methods = Mapping[str, Callable[..., Any]]

#: Seconds in which requests in progress may end when the server stops.
GRACE = 2.0

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD)


class ControlServer:
    """Serves the methods of a fleet to its user only.

    :param path: the path of the socket.
    """

    def __init__(self, path: Path, methods: Methods) -> None:
        self._path = path
        self._methods = methods
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._thread = threading.Thread(target=self._accept, name='vpmem-control', daemon=True)
        self._socket = bind_private(str(path))
        self._socket.setblocking(True)

    def start(self) -> None:
        """Start accepting clients."""
        # The main thread handles signals; the threads of clients inherit what is blocked.
        kept = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, kept)

    def stop(self) -> None:
        """Stop accepting clients, and close the existing connections."""
        if self._thread.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)
        with self._lock:
            clients = dict(self._clients)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RD)     # an answer can still be sent
        deadline = time.monotonic() + GRACE
        for thread in clients.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return      # the socket was shut down
            if not is_own(client):
                LOG.warning('Refused a client of %s: it runs as another user', self._path)
                client.close()
                continue
            thread = threading.Thread(
                target=self._serve, args=(client,), name='vpmem-control-client', daemon=True)
            with self._lock:
                self._clients[client] = thread
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        """Answer the requests of a client, one after the other."""
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                try:
                    for request in protocol.lines(client):
                        client.sendall(protocol.encode(self._answer(request)))
                except protocol.BadMessageError as error:
                    client.sendall(protocol.encode({'error': protocol.encode_error(error)}))
        except Exception:
            LOG.exception('A conversation on %s failed', self._path)
        finally:
            with self._lock:
                del self._clients[client]
            client.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        name, arguments = request.get('method'), request.get('arguments', {})
        try:
            method = self._methods.get(str(name))
            if method is None or not isinstance(arguments, dict):
                raise InvalidInputError(
                    'request', expected=f'one of {", ".join(self._methods)}, with arguments',
                    got=repr(name), remedy='use the version of vpmem-harness that runs the fleet')
            return {'result': method(**arguments)}
        except HarnessError as error:
            return {'error': protocol.encode_error(error)}
        except Exception as error:
            LOG.exception('The request %s failed', name)
            return {'error': {'message': f'{name} failed: {type(error).__name__}: {error}'}}
