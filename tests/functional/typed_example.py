"""Example of user code, with the types that editors and type checkers must infer."""

from __future__ import annotations

import subprocess
from typing import assert_type

import libvirt

from vpmem_harness import fixtures, testcase
from vpmem_harness.cloud.api import Fault
from vpmem_harness.cloud.server import Server
from vpmem_harness.host.calls import Call, CallLog, Calls
from vpmem_harness.host.faults.fault import Fault as HostFault
from vpmem_harness.host.faults.faults import Faults
from vpmem_harness.host.machine import Host
from vpmem_harness.pmem import CommandResult, Namespace


class TypedTest(testcase.VPMEMTestCase):

    def check_hosts_of_a_cloud(self) -> None:
        cloud = self.useFixture(fixtures.CloudFixture(hosts=2))
        assert_type(cloud.hosts, list[Host])
        host = cloud.hosts[0]
        assert_type(host.faults, Faults)
        assert_type(host.calls, CallLog)
        assert_type(host.namespaces, list[Namespace])
        assert_type(host.run('ndctl', 'list'), CommandResult)
        assert_type(host.env, dict[str, str])
        assert_type(host.uri, str)
        host.connection.getHostname()
        host.reboot()
        subprocess.run(['virsh', 'list'], env=host.env, check=True)
        assert_type(cloud.host('host1'), Host)
        cloud.compute(host).restart()
        assert_type(cloud.compute('host1').host, Host)

    def check_servers(self) -> None:
        with fixtures.CloudFixture() as cloud:
            refused = cloud.boot(pmem='SMALL', expect='ERROR')
            assert_type(refused, Server)
            assert_type(refused.fault.message, str)
            assert_type(refused.fault_or_none, Fault | None)
            moved = cloud.boot(pmem='SMALL', host=cloud.hosts[0]).resize(pmem='LARGE')
            assert_type(moved.confirm_resize(), Server)
            assert_type(moved.delete(), None)
            self.assertAllocated(moved, {}, host=cloud.hosts[0])
            self.assertWiped(cloud.hosts[0], moved.old_namespaces)

    def check_calls(self) -> None:
        host = self.useFixture(fixtures.HostFixture(pmem='SMALL:1x4GiB'))
        assert_type(host.calls.named('defineXML'), Calls)
        assert_type(host.calls.last, Call)
        assert_type(host.calls.last.xml, str | None)
        assert_type(host.calls.last.duration, float | None)
        for call in host.calls.named('ndctl', 'list').since(host.calls.mark()):
            assert_type(call, Call)
        self.assertCalled(host, 'domainDefineXML', times=1)
        self.assertNotCalled(host, 'daxio')

    def check_faults(self) -> None:
        host = self.useFixture(fixtures.HostFixture(pmem='SMALL:1x4GiB'))
        with host.faults.failing('createWithFlags', libvirt.VIR_ERR_NO_MEMORY, times=1) as fault:
            assert_type(fault, HostFault)
        host.faults.tool_failing('ndctl', 'list', when='after')
        host.faults.tool_slow('ndctl', 'list', seconds=5, skip=1)
        host.faults.tool_slow('ndctl', seconds=5)
        host.faults.tool_slow('ndctl', 5, subcommand='list')
