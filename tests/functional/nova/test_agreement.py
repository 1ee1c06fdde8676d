"""Random sequences of operations, on the stub and on real Nova, agree step by step.

``VPMEM_HARNESS_SEQUENCES`` sets how many sequences are run (20 unless set, 10 steps each)::

    VPMEM_HARNESS_SEQUENCES=200 stestr run tests.functional.nova.test_agreement
"""

from __future__ import annotations

import importlib.util
import os
import unittest

import testtools
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tests.functional.nova.agreement import Side, differences

SEQUENCES = int(os.environ.get('VPMEM_HARNESS_SEQUENCES', '20'))

flavors = st.sampled_from(['SMALL', 'LARGE', 'SMALL,SMALL', 'LARGE,SMALL', ''])
hosts = st.integers(0, 1)


class Agreement(RuleBasedStateMachine):
    """Two clouds that are asked for the same."""

    servers = Bundle('servers')

    @initialize(seed=st.integers(0, 1 << 30))
    def start(self, seed: int) -> None:
        self.stub, self.nova = Side('stub', seed), Side('nova', seed)
        self.count = 0
        self.stub.setUp()
        self.nova.setUp()

    def teardown(self) -> None:
        for side in (getattr(self, 'stub', None), getattr(self, 'nova', None)):
            if side is not None:
                side.cleanUp()

    def both(self, step) -> None:
        outcomes = [side.do(step) for side in (self.stub, self.nova)]
        assert outcomes[0] == outcomes[1], 'the stub: {}\nNova: {}'.format(*outcomes)

    def ask(self, number: int, method: str, *arguments: object, **named: object) -> None:
        def step(side: Side) -> None:
            server = side.servers[number]
            if server.exists:
                getattr(server, method)(*arguments, **named)
        self.both(step)

    @precondition(lambda self: self.count < 4)
    @rule(target=servers, pmem=flavors, host=hosts)
    def boot(self, pmem, host):
        def step(side: Side) -> None:
            server = side.cloud.boot(pmem=pmem, host=side.hosts[host], expect=None)
            side.servers.append(server)
            try:
                server.wait_for('ACTIVE')
            except Exception:
                server.wait_for('ERROR')
                raise
        self.both(step)
        self.count += 1
        return self.count - 1 if self.count else multiple()

    @rule(server=servers, pmem=flavors)
    def resize(self, server, pmem):
        self.ask(server, 'resize', pmem=pmem)

    @rule(server=servers)
    def confirm(self, server):
        self.ask(server, 'confirm_resize')

    @rule(server=servers)
    def revert(self, server):
        self.ask(server, 'revert_resize')

    @rule(server=servers)
    def migrate(self, server):
        self.ask(server, 'migrate')

    @rule(server=servers, method=st.sampled_from(
        ['stop', 'start', 'pause', 'unpause', 'rebuild', 'delete', 'shelve', 'rescue',
         'unrescue', 'suspend', 'resume']))
    def change(self, server, method):
        self.ask(server, method)

    @rule(server=servers, host=hosts)
    def unshelve(self, server, host):
        def step(side: Side) -> None:
            if side.servers[server].exists:
                side.servers[server].unshelve(side.hosts[host])
        self.both(step)

    @rule(server=servers, hard=st.booleans())
    def reboot(self, server, hard):
        self.ask(server, 'reboot', hard=hard)

    @rule(host=hosts)
    def restart_compute(self, host):
        self.both(lambda side: side.cloud.compute(side.hosts[host]).restart())

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, 'nova'):
            return
        found = differences(self.stub.seen().items(), self.nova.seen())
        assert not found, '\n'.join(found)
        for side in (self.stub, self.nova):
            assert not side.unexplained(), side.unexplained()


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class AgreementTest(Agreement.TestCase):
    """The stub and Nova agree."""

    settings = settings(max_examples=SEQUENCES, stateful_step_count=10, deadline=None,
                        suppress_health_check=list(HealthCheck), print_blob=True)


if __name__ == '__main__':
    unittest.main()
