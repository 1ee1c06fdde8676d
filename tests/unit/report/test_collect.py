"""What a report collects from hosts and clouds."""

from __future__ import annotations

import libvirt

from tests import base
from vpmem_harness import report
from vpmem_harness.fixtures import CloudFixture, HostFixture
from vpmem_harness.host.calls import CallLog
from vpmem_harness.report import timeline
from vpmem_harness.report.model import Event, HostEntry, Part
from vpmem_harness.serving.clock import SteppedClock


def parts(host: HostEntry, *, before: bool = False) -> dict[str, Part]:
    """The namespaces of a host by name."""
    return {part.name: part for region in (host.before if before else host.after)
            for part in region.parts if not part.free}


class CloudReportTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.cloud = self.useFixture(
            CloudFixture(hosts=1, pmem='SMALL:2x4GiB', backend='stub'))
        self.host = self.cloud.hosts[0]

    def report(self) -> report.Report:
        return report.collect(clouds=[self.cloud], title='x')

    def events(self, kind: str) -> list[Event]:
        return [event for event in self.report().events if event.kind == kind]

    def test_the_holders_before_and_after(self) -> None:
        """A namespace was nobody's at the start, and is its server's now."""
        name = self.cloud.boot(pmem='SMALL').namespaces[0].name
        [host] = self.report().hosts
        self.assertEqual('', parts(host, before=True)[name].holder)
        self.assertEqual(('server1', ('server1',)), (
            parts(host)[name].holder, parts(host)[name].data_of))

    def test_servers(self) -> None:
        """The servers are listed with their state, deleted and failed ones included."""
        self.cloud.boot(pmem='SMALL').delete()
        self.cloud.boot(pmem='SMALL,SMALL,SMALL', expect='ERROR')
        deleted, failed = self.report().servers
        self.assertEqual(('server1', 'DELETED'), (deleted.name, deleted.status))
        self.assertIn('No valid host', failed.fault)

    def test_allocations(self) -> None:
        """The allocations name the server, the amount and the total."""
        self.cloud.boot(pmem='SMALL')
        held = {one.resource: one for one in self.report().allocations}
        small = held['CUSTOM_PMEM_NAMESPACE_SMALL']
        self.assertEqual(('server1', 1, 2), (small.consumer, small.amount, small.total))

    def test_requests_and_steps(self) -> None:
        """A request is on the cloud's lane, its steps are on that of their host."""
        self.cloud.boot(pmem='SMALL')
        [request] = self.events('request')
        self.assertEqual(('cloud', 'create server1'), (request.lane, request.text))
        self.assertIn(self.host.name, [step.lane for step in self.events('step')])

    def test_calls(self) -> None:
        """Calls that change the host have a kind of their own, and keep their XML."""
        self.cloud.boot(pmem='SMALL')
        calls = {event.text: event for event in self.events('call')}
        self.assertIn('<domain', calls['domain_define_xml'].detail)
        reads = {event.text for event in self.events('read')}
        self.assertIn('connect_get_capabilities', reads)

    def test_faults(self) -> None:
        """The begin and the end of a fault are events, and so is the call that it struck."""
        with self.host.faults.failing('domainDefineXML', libvirt.VIR_ERR_INTERNAL_ERROR, times=1):
            self.cloud.boot(pmem='SMALL', expect='ERROR')
        begun, ended = [event.text for event in self.events('fault')]
        self.assertEqual('fault: domain_define_xml fails with error 1', begun)
        self.assertEqual(
            'fault ended: domain_define_xml fails with error 1; calls struck: 1', ended)
        self.assertIn(True, [event.failed for event in self.events('call')])

    def test_reboots_and_states(self) -> None:
        """A reboot, what it did to a domain, and the end of a service are events."""
        server = self.cloud.boot(pmem='SMALL')
        self.cloud.compute(self.host).kill()
        self.host.reboot()
        self.assertEqual(1, len(self.events('reboot')))
        states = [event.text for event in self.events('state')]
        self.assertIn(f'{server.instance_name} started', states)
        self.assertIn('the compute service is killed', states)

    def test_events_are_in_order(self) -> None:
        """The events of all lanes are in the order of their times."""
        self.cloud.boot(pmem='SMALL')
        times = [event.time for event in self.report().events]
        self.assertEqual(sorted(times), times)

    def test_what_cannot_be_read(self) -> None:
        """A report of a broken cloud names what it could not read, and shows the rest."""
        self.cloud.boot(pmem='SMALL')
        self.patch(self.cloud.backend, 'consumers', lambda host: 1 / 0)
        found = self.report()
        self.assertEqual(1, len(found.servers))
        self.assertIn('allocations', ' '.join(found.problems))

    def test_the_page(self) -> None:
        """The page has the servers, but not their UUIDs."""
        server = self.cloud.boot(pmem='SMALL')
        text = report.page(self.report())
        self.assertIn('server1', text)
        self.assertNotIn(server.id, text)


class HostReportTest(base.TestCase):

    def test_the_holder_is_a_domain(self) -> None:
        """Without a cloud, the domain that has a device open holds the namespace."""
        cloud = self.useFixture(CloudFixture(hosts=1, pmem='SMALL:1x4GiB', backend='stub'))
        server = cloud.boot(pmem='SMALL')
        [host] = report.collect(cloud.hosts, title='x').hosts
        self.assertEqual(server.instance_name, parts(host)[server.namespaces[0].name].holder)

    def test_a_host_with_a_clock_of_its_own(self) -> None:
        """The events of a stepped clock are placed as if both clocks ran alike."""
        host = self.useFixture(HostFixture(clock=SteppedClock(start=5.0))).host
        host.run('ndctl', 'list')
        found = report.collect([host], title='x')
        [event] = found.events
        self.assertTrue(abs(found.created.timestamp() - event.time) < 60)

    def test_many_equal_calls(self) -> None:
        """The same call made repeatedly is one event with a number."""
        host = self.useFixture(HostFixture())
        for _ in range(5):
            host.run('ndctl', 'list')
        [event] = report.collect([host.host], title='x').events
        self.assertEqual(5, event.count)

    def test_too_many_events(self) -> None:
        """The last events are listed, and the others are counted."""
        self.patch(timeline, 'EVENTS_SHOWN', 2)
        host = self.useFixture(HostFixture())
        for options in ('-X', '-N', '-R', '-D'):
            host.run('ndctl', 'list', options)
        found = report.collect([host.host], title='x')
        self.assertEqual(['ndctl list -R', 'ndctl list -D'], [event.text for event in found.events])
        self.assertEqual(2, found.left_out)

    def test_a_log_that_dropped_calls(self) -> None:
        """Calls that the host no longer keeps are counted as left out."""
        host = self.useFixture(HostFixture()).host
        self.patch(CallLog, 'dropped', 7)
        self.assertEqual(7, report.collect([host], title='x').left_out)
