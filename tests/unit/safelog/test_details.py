"""Details of tests are redacted when they are read."""

from __future__ import annotations

import testtools
from testtools import content, content_type

from vpmem_harness import safelog
from vpmem_harness.fixtures.seeds import TestSeed


class DetailsTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.uuid = self.useFixture(TestSeed()).randomness.uuid()

    def test_text_is_redacted(self):
        """A text, also where a value stands across two chunks."""
        chunks = [self.uuid[:10].encode(), self.uuid[10:].encode()]
        detail = content.Content(content_type.UTF8_TEXT, lambda: chunks)
        self.assertEqual('<uuid:a>', safelog.redacted(detail, safelog.Redactor({})).as_text())

    def test_json_is_redacted(self):
        """JSON is text here."""
        detail = content.json_content({'id': self.uuid})
        redacted = b''.join(safelog.redacted(detail, safelog.Redactor({})).iter_bytes())
        self.assertEqual(b'{"id": "<uuid:a>"}', redacted)

    def test_detail_that_fails(self):
        """It says so, and hides neither the failure nor the other details."""
        uuid = self.uuid

        def fail():
            raise ConnectionError(f'no answer from {uuid}')

        detail = content.Content(content_type.UTF8_TEXT, fail)
        self.assertEqual('cannot be had: ConnectionError: no answer from <uuid:a>',
                         safelog.redacted(detail, safelog.Redactor({})).as_text())

    def test_what_is_no_text_stays(self):
        """An image or an archive is left alone."""
        detail = content.Content(content_type.ContentType('application', 'gzip'), lambda: [b'\xff'])
        self.assertIs(detail, safelog.redacted(detail))

    def test_test_case_with_safe_details(self):
        """A failed test's traceback is a detail as well."""
        uuid = self.uuid

        class Failing(safelog.SafeDetails, testtools.TestCase):
            def test(self) -> None:
                self.addDetail('more', content.text_content(f'on {uuid}'))
                self.assertEqual('', uuid)

        case = Failing('test')
        case.run(testtools.TestResult())
        details = {name: detail.as_text() for name, detail in case.getDetails().items()}
        self.assertEqual({'more', 'traceback'}, set(details))
        self.assertNotIn(uuid, ''.join(details.values()))
