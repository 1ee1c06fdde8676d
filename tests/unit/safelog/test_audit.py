"""The audit log says who did what to which host, and gives nothing away."""

from __future__ import annotations

import datetime
import errno
import json
import os
import stat
import threading
from unittest import mock

import fixtures
import testtools

from vpmem_harness import safelog
from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.fixtures.seeds import TestSeed

NOON = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)


# These begin a run of safe logging themselves: the check would begin one before.
class AuditLogTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_UNSAFE_LOGS'))
        run = safelog.activated()
        run.__enter__()
        self.addCleanup(run.__exit__, None, None, None)
        self.path = self.useFixture(fixtures.TempDir()).join('audit')

    def test_a_file_that_cannot_be_is_refused_by_name(self) -> None:
        """The error names the option and what is in the way."""
        for path in (os.path.dirname(self.path), '/nowhere/audit'):
            error = self.assertRaises(InvalidInputError, safelog.AuditLog, path)
            self.assertEqual('audit_log', error.what)

    def test_a_full_file_system(self) -> None:
        """The calls go on, and one error names the file and the first entry that is missing."""
        audit = self.audit_log()
        log = self.useFixture(fixtures.FakeLogger())
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with mock.patch('os.write', side_effect=full):
            audit.record('client', 'a')
            audit.record('client', 'b')
        self.assertEqual(1, log.output.count('(No space left on device): entry 1 and later'))
        self.assertEqual(['a', 'b'], [entry['what'] for entry in audit.entries])

    def audit_log(self) -> safelog.AuditLog:
        audit = safelog.AuditLog(self.path, now=lambda: NOON)
        self.addCleanup(audit.close)
        return audit

    def lines(self) -> list[dict[str, object]]:
        with open(self.path) as stream:
            return [json.loads(line) for line in stream]

    def test_one_object_a_line(self):
        """Who, what, where, when, and how it ended."""
        self.audit_log().record('client', 'domainDestroy', host='node', outcome='failed', code=42)
        self.assertEqual([{
            'seq': 1, 'time': '2026-01-02T12:00:00+00:00', 'who': 'client', 'what': 'domainDestroy',
            'host': '<host:1>', 'outcome': 'failed', 'code': 42}], self.lines())

    def test_identifiers_and_secrets(self):
        """The rules are the log's, in details as deep as they go."""
        uuid = self.useFixture(TestSeed()).randomness.uuid()
        self.audit_log().record('client', 'define', xml=f'<uuid>{uuid}</uuid>',
                                arguments={'password': 'geheim', 'ids': [uuid]})
        line, = self.lines()
        self.assertEqual('<uuid><uuid:a></uuid>', line['xml'])
        self.assertEqual({'password': '***', 'ids': ['<uuid:a>']}, line['arguments'])

    def test_order_across_threads(self):
        """The numbers count up line by line, whoever records."""
        audit = self.audit_log()
        threads = [threading.Thread(target=lambda: [audit.record('a', 'b') for _ in range(50)])
                   for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(list(range(1, 201)), [line['seq'] for line in self.lines()])

    def test_file_is_appended_to_and_private(self):
        """A second run goes on where the first ended; nobody else can read it."""
        self.audit_log().record('a', 'b')
        self.audit_log().record('a', 'c')
        self.assertEqual(['b', 'c'], [line['what'] for line in self.lines()])
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.path).st_mode))

    def test_in_memory(self):
        """Without a file the entries are there to be asserted on."""
        audit = safelog.AuditLog()
        audit.record('a', 'b', host='node')
        self.assertEqual(['<host:1>'], [entry['host'] for entry in audit.entries])

    def test_closing_twice(self):
        """Closing is done once, and harmless after that."""
        audit = self.audit_log()
        audit.close()
        audit.close()
