"""What is known to be wrong in Nova, looked for in the Nova that is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util

import testtools

from vpmem_harness import findings


def by_name(name: str) -> findings.Finding:
    [found] = [finding for finding in findings.FINDINGS if finding.name == name]
    return found


class StubFindingsTest(testtools.TestCase):

    def test_the_stub_has_none(self) -> None:
        """The stub does what Nova means to do."""
        affected = [finding.name for finding in findings.FINDINGS
                    if findings.run(finding, 'stub').affected]
        self.assertEqual([], affected)


@testtools.skipUnless(importlib.util.find_spec('nova'), 'nova is not installed')
class NovaFindingsTest(testtools.TestCase):

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

    def test_each_has_its_test(self) -> None:
        """No finding is told that is not looked for here."""
        self.assertEqual(7, len(findings.FINDINGS))
