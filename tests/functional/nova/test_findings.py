"""What is known to be wrong in Nova, looked for in the Nova that is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import re

import testtools

from tests import base
from vpmem_harness import findings


def by_name(name: str) -> findings.Finding:
    [found] = [finding for finding in findings.FINDINGS if finding.name == name]
    return found


class StubFindingsTest(base.TestCase):

    def test_the_stub_has_none(self) -> None:
        """The stub does what Nova means to do."""
        affected = [finding.name for finding in findings.FINDINGS
                    if findings.run(finding, 'stub').affected]
        self.assertEqual([], affected)

    def test_each_is_looked_for_in_nova(self) -> None:
        """Every finding has its test below."""
        tested = re.findall(r"self\.assertAffected\('(.+)'\)", inspect.getsource(NovaFindingsTest))
        self.assertEqual(sorted(finding.name for finding in findings.FINDINGS), sorted(tested))


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class NovaFindingsTest(base.TestCase):

    def setUp(self) -> None:
        super().setUp()
        version = importlib.metadata.version('nova')
        if not version.startswith('34.0.'):
            self.skipTest(f'it is not known what nova {version} has')

    def assertAffected(self, name: str) -> None:
        self.assertTrue(findings.run(by_name(name)).affected)

    def test_a_confirmed_resize_leaves_data(self) -> None:
        """Confirming a resize does not wipe the old namespaces."""
        self.assertAffected('confirm-keeps-data')

    def test_a_hard_reboot_wipes(self) -> None:
        """A hard reboot wipes."""
        self.assertAffected('hard-reboot-wipes')

    def test_a_start_wipes(self) -> None:
        """A start wipes."""
        self.assertAffected('start-wipes')

    def test_a_resume_that_fails(self) -> None:
        """A resume that fails wipes."""
        self.assertAffected('failed-resume-wipes')

    def test_a_label_in_another_case(self) -> None:
        """A label in another case gives no memory."""
        self.assertAffected('label-case')

    def test_a_namespace_out_of_the_configuration(self) -> None:
        """A server whose namespace is no longer configured cannot be deleted."""
        self.assertAffected('removed-namespace')

    def test_claims_after_a_deletion(self) -> None:
        """A server that was resized keeps its claims when it is deleted."""
        self.assertAffected('claims-outlive-server')

    def test_a_host_after_its_evacuation(self) -> None:
        """A host that was evacuated cannot come back."""
        self.assertAffected('evacuated-host')

    def test_a_host_after_its_evacuation_and_its_neighbours(self) -> None:
        """A host that was evacuated wipes what it has of the names that the server has now."""
        self.assertAffected('evacuated-host-wipes')

    def test_what_a_server_held_of_a_lost_host(self) -> None:
        """A server that moved on after an evacuation holds its first host's namespace for good."""
        self.assertAffected('evacuated-allocation')

    def test_a_server_that_is_deleted_while_its_compute_is_down(self) -> None:
        """The next server is on the namespace of the guest that still runs."""
        self.assertAffected('deleted-while-down')

    def test_a_label_out_of_the_configuration(self) -> None:
        """A nova-compute whose label in use is gone does not start."""
        self.assertAffected('label-in-use')

    def test_a_namespace_that_gets_another_label(self) -> None:
        """A namespace in use is given away under its new label."""
        self.assertAffected('relabelled-namespace')

    def test_a_namespace_that_gets_another_number(self) -> None:
        """A namespace in use is given away after a reboot has renumbered it."""
        self.assertAffected('renumbered-namespace')

    def test_a_guest_that_is_resumed_after_a_reboot(self) -> None:
        """It goes on with the namespaces of others."""
        self.assertAffected('resumed-after-reboot')

    def test_a_resize_that_fails_on_the_destination(self) -> None:
        """Data stay on the source, and the next server meets them."""
        self.assertAffected('failed-resize')

    def test_a_rebuild_after_a_resize_that_is_refused(self) -> None:
        """The server gets its neighbours' namespaces."""
        self.assertAffected('rebuild-after-refused-resize')

    def test_a_rebuild_that_fails(self) -> None:
        """Its server holds nothing in Placement any more, and runs."""
        self.assertAffected('failed-rebuild')

    def test_a_live_migration_that_is_refused(self) -> None:
        """A server that stays where it was is in ERROR."""
        self.assertAffected('refused-live-migration')

    def test_a_live_migration_whose_connection_is_lost(self) -> None:
        """What it holds of the source is held for good."""
        self.assertAffected('lost-live-migration')

    def test_a_revert_that_fails(self) -> None:
        """What the move holds of the source is held for good."""
        self.assertAffected('failed-revert')

    def test_a_move_whose_source_dies(self) -> None:
        """What it holds of the source is held for good."""
        self.assertAffected('interrupted-move')

    def test_a_live_migration_that_ends_without_its_source(self) -> None:
        """Its guest is lost sight of, and its namespace given away."""
        self.assertAffected('abandoned-live-migration')

    def test_a_start_that_waited_for_a_lost_host(self) -> None:
        """It starts a second guest, on namespaces that are free."""
        self.assertAffected('queued-start')

    def test_a_stop_that_waited_for_a_lost_host(self) -> None:
        """It stops the server that runs on another."""
        self.assertAffected('queued-stop')

    def test_a_rebuild_that_waited_for_its_service(self) -> None:
        """It frees what the server holds."""
        self.assertAffected('queued-rebuild')

    def test_a_resize_that_is_refused(self) -> None:
        """The server's namespaces are given away while its guest runs on them."""
        self.assertAffected('refused-resize')
