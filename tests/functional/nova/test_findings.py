"""Known defects of Nova, checked in the installed Nova."""

from __future__ import annotations

import importlib.util
import inspect
import re

import testtools

from tests import base
from vpmem_harness import findings
from vpmem_harness.cloud.nova import series


def by_name(name: str) -> findings.Finding:
    [found] = [finding for finding in findings.FINDINGS if finding.name == name]
    return found


class StubFindingsTest(base.TestCase):

    def test_the_stub_has_no_finding(self) -> None:
        """The stub has none of Nova's defects."""
        affected = [finding.name for finding in findings.FINDINGS
                    if findings.run(finding, 'stub').affected]
        self.assertEqual([], affected)

    def test_each_finding_is_checked_in_nova(self) -> None:
        """Every finding has a test below."""
        tested = re.findall(r"self\.assertAffected\('(.+)'\)", inspect.getsource(NovaFindingsTest))
        self.assertEqual(sorted(finding.name for finding in findings.FINDINGS), sorted(tested))


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class NovaFindingsTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        if untested := series.note(series.installed()):
            self.skipTest(untested)

    def assertAffected(self, name: str) -> None:
        finding = by_name(name)
        self.assertEqual(series.of(str(series.installed())) in finding.series,
                         findings.run(finding).affected)

    def test_a_confirmed_resize_leaves_data(self) -> None:
        """A confirmed resize does not wipe the old namespaces."""
        self.assertAffected('confirm-keeps-data')

    def test_a_hard_reboot_wipes(self) -> None:
        """A hard reboot wipes the server's namespaces."""
        self.assertAffected('hard-reboot-wipes')

    def test_a_start_wipes(self) -> None:
        """A start wipes the server's namespaces."""
        self.assertAffected('start-wipes')

    def test_a_failed_resume(self) -> None:
        """A failed resume wipes the server's namespaces."""
        self.assertAffected('failed-resume-wipes')

    def test_a_label_in_different_case(self) -> None:
        """A label in different case gives the guest no memory."""
        self.assertAffected('label-case')

    def test_a_namespace_removed_from_the_configuration(self) -> None:
        """A server whose namespace is no longer configured cannot be deleted."""
        self.assertAffected('removed-namespace')

    def test_claims_after_a_delete(self) -> None:
        """A resized server keeps its claims after its deletion."""
        self.assertAffected('claims-outlive-server')

    def test_a_host_restarted_after_its_evacuation(self) -> None:
        """A service whose host was evacuated fails to start."""
        self.assertAffected('evacuated-host')

    def test_a_restarted_host_wipes_namespaces_of_its_neighbours(self) -> None:
        """A host that was evacuated wipes its namespaces with the names that the server has now."""
        self.assertAffected('evacuated-host-wipes')

    def test_the_allocation_on_a_failed_host(self) -> None:
        """A server moved after an evacuation keeps its first host's allocation forever."""
        self.assertAffected('evacuated-allocation')

    def test_a_server_deleted_while_its_service_is_down(self) -> None:
        """The next server gets the namespace of the guest that still runs."""
        self.assertAffected('deleted-while-down')

    def test_a_label_removed_from_the_configuration(self) -> None:
        """A service fails to start when a label in use was removed from its configuration."""
        self.assertAffected('label-in-use')

    def test_a_namespace_with_a_new_label(self) -> None:
        """A namespace in use is claimed again under its new label."""
        self.assertAffected('relabelled-namespace')

    def test_a_renumbered_namespace(self) -> None:
        """A namespace in use is claimed again after a reboot has renumbered it."""
        self.assertAffected('renumbered-namespace')

    def test_a_guest_resumed_after_a_reboot(self) -> None:
        """A guest resumed after a reboot runs on other servers' namespaces."""
        self.assertAffected('resumed-after-reboot')

    def test_a_resize_that_fails_on_the_destination(self) -> None:
        """A failed resize leaves data on the source, which the next server can read."""
        self.assertAffected('failed-resize')

    def test_a_hard_reboot_after_a_failed_resize(self) -> None:
        """A hard reboot after a failed resize starts a guest without its memory."""
        self.assertAffected('recovered-resize')

    def test_a_rebuild_after_a_refused_resize(self) -> None:
        """The rebuilt server gets other servers' namespaces."""
        self.assertAffected('rebuild-after-refused-resize')

    def test_a_failed_rebuild(self) -> None:
        """A server whose rebuild failed keeps running without an allocation in Placement."""
        self.assertAffected('failed-rebuild')

    def test_a_refused_live_migration(self) -> None:
        """A server that stays on its host after a refused live migration is in ERROR."""
        self.assertAffected('refused-live-migration')

    def test_a_live_migration_with_a_lost_connection(self) -> None:
        """The allocation of a live migration on the source is kept forever."""
        self.assertAffected('lost-live-migration')

    def test_a_failed_revert(self) -> None:
        """The migration's allocation on the source is kept forever."""
        self.assertAffected('failed-revert')

    def test_a_migration_whose_source_is_killed(self) -> None:
        """The migration's allocation on the source is kept forever."""
        self.assertAffected('interrupted-move')

    def test_a_live_migration_that_completes_without_its_source(self) -> None:
        """Nova loses track of the migrated guest, and assigns its namespace again."""
        self.assertAffected('abandoned-live-migration')

    def test_a_live_migration_queued_while_its_destination_reboots(self) -> None:
        """The guest arrives on namespaces on which another guest runs."""
        self.assertAffected('queued-live-migration')

    def test_a_start_queued_for_a_failed_host(self) -> None:
        """A queued start starts a second guest, on namespaces that are free."""
        self.assertAffected('queued-start')

    def test_a_stop_queued_for_a_failed_host(self) -> None:
        """A queued stop stops the server that runs on another host."""
        self.assertAffected('queued-stop')

    def test_a_rebuild_queued_for_its_service(self) -> None:
        """A queued rebuild frees the server's claims."""
        self.assertAffected('queued-rebuild')

    def test_a_refused_resize(self) -> None:
        """The server's namespaces are assigned again while its guest runs on them."""
        self.assertAffected('refused-resize')

    def test_system_ram_offered(self) -> None:
        """A namespace that the host uses as memory is offered to servers."""
        self.assertAffected('system-ram-offered')

    def test_bad_blocks_offered(self) -> None:
        """A namespace with bad blocks is offered to servers."""
        self.assertAffected('bad-blocks-offered')

    def test_no_room_for_label(self) -> None:
        """A namespace that its alignment fills is offered to servers."""
        self.assertAffected('no-room-for-label')
