"""Configuration and transport of Nova's processes."""

from __future__ import annotations

import functools
import os
from typing import Any

import fixtures
import nova.conf
import oslo_messaging
from nova import rpc
from nova.tests import fixtures as nova_fixtures
from oslo_log import log as logging

from vpmem_harness.cloud.nova import messaging, workarounds

CONF = nova.conf.CONF


#: Cached, because finding the file reads the list of Nova's files.
_api_configuration = functools.cache(workarounds.api_configuration)


def use_api_configuration(directory: str) -> None:
    """Write api-paste.ini to a directory, and use it."""
    path = os.path.join(directory, 'api-paste.ini')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(_api_configuration())
    CONF.set_override('api_paste_config', path, 'wsgi')


class NovaProcess(fixtures.Fixture):
    """Configuration and transport of a process, for its whole lifetime."""

    def __init__(self, order: dict[str, Any], port: messaging.Port) -> None:
        super().__init__()
        self._order = order
        self._port = port

    def _setUp(self) -> None:
        workarounds.in_child(self._order['directory'])
        self.useFixture(nova_fixtures.ConfFixture(CONF))
        state_path = self._order['state_path']
        os.makedirs(state_path, exist_ok=True)
        CONF.set_override('state_path', state_path)
        CONF.set_override('lock_path', os.path.join(state_path, 'locks'), 'oslo_concurrency')
        for name, value in self._order['options'].items():
            group, _, option = name.rpartition('.')
            CONF.set_override(option, value, group or None)
        logging.setup(CONF, 'nova')
        if CONF.debug:
            # oslo.service does this when it starts services.
            CONF.log_opt_values(logging.getLogger('nova'), logging.DEBUG)
        workarounds.use_broker(self, self._transport)
        self.test = workarounds.TestCase(self, CONF)

    def _transport(self) -> Any:
        return oslo_messaging.transport.RPCTransport(
            messaging.Driver(CONF, self._port, rpc.get_allowed_exmods()))
