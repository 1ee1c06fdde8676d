"""A report about a cloud, on both backends."""

from __future__ import annotations

from tests import base
from vpmem_harness import report
from vpmem_harness.fixtures import CloudFixture


class ReportTest(base.TestCase):

    def test_what_a_report_shows_of_a_cloud(self):
        """Servers, allocations, holders and requests with their times are those of the backend."""
        cloud = self.useFixture(CloudFixture(hosts=1, pmem='SMALL:2x4GiB'))
        server = cloud.boot(pmem='SMALL')
        cloud.boot(pmem='SMALL').delete()
        cloud.settle()
        found = report.collect(clouds=[cloud], title='x')
        self.assertEqual((), found.problems)
        self.assertEqual([('server1', 'ACTIVE'), ('server2', 'DELETED')],
                         [(one.name, one.status) for one in found.servers])
        self.assertIn(('server1', 'CUSTOM_PMEM_NAMESPACE_SMALL', 1),
                      [(one.consumer, one.resource, one.amount) for one in found.allocations])
        holders = {part.name: part.holder for region in found.hosts[0].after
                   for part in region.parts if part.holder}
        self.assertEqual({server.namespaces[0].name: 'server1'}, holders)
        requests = [event for event in found.events if event.kind == 'request']
        self.assertEqual(['create server1', 'create server2', 'delete server2'],
                         [event.text for event in requests])
        started = next(event for event in found.events
                       if event.text == f'{server.instance_name} started')
        self.assertTrue(requests[0].time < started.time < requests[1].time)
