"""Parent of all Nova processes: imports Nova once, and forks on request.

It has no threads and no configuration, so that each child starts with a freshly imported Nova. No
module state is carried over from one test to the next.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import traceback

from vpmem_harness.cloud.nova import workarounds

_ROLES = {'control': 'vpmem_harness.cloud.nova.control',
          'compute': 'vpmem_harness.cloud.nova.compute'}


def main() -> None:
    """Serve the socket whose descriptor is the first argument, until the other end closes.

    The second argument is a directory for temporary files of the preparation.
    """
    orders = socket.socket(fileno=int(sys.argv[1]))
    # Log messages of the preparation are not relevant for any cloud.
    logging.getLogger().addHandler(logging.NullHandler())
    tempfile.tempdir = sys.argv[2]
    # The modules stay: a collection during their import only costs time, a sixth of it.
    gc.disable()
    workarounds.before_import()
    workarounds.load_vif_plugins()
    roles = {name: importlib.import_module(module) for name, module in _ROLES.items()}
    workarounds.after_import()
    roles['control'].prepare()
    tempfile.tempdir = None
    if threading.active_count() > 1:
        raise RuntimeError(f'a thread before the first fork: {threading.enumerate()}')
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    gc.enable()
    orders.sendall(b'!')
    while True:
        line, descriptors = b'', list[int]()
        while not line.endswith(b'\n'):
            part, sent, _flags, _address = socket.recv_fds(orders, 1 << 20, 8)
            if not part:
                return
            line += part
            descriptors += sent
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                orders.close()
                _become(order, descriptors)
                roles[order['role']].main(order, descriptors)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        for descriptor in descriptors:
            os.close(descriptor)
        orders.sendall(json.dumps(child).encode() + b'\n')


def _become(order: dict[str, object], descriptors: list[int]) -> None:
    log = os.open(str(order['log']), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    faulthandler.register(signal.SIGUSR1)
    environment = order.get('environment')
    if isinstance(environment, dict):
        os.environ.update(environment)


if __name__ == '__main__':
    main()
