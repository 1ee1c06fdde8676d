"""Whatever handler writes a record writes it redacted, from the first who asks to the last."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import sys
import threading
from unittest import mock

import fixtures
import testtools
from oslo_config import cfg
from oslo_context import context
from oslo_log import formatters, log

from vpmem_harness import safelog
from vpmem_harness.fixtures.seeds import TestSeed
from vpmem_harness.safelog import active


# These begin and end runs of safe logging themselves: the check would begin one before.
class LoggingTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_UNSAFE_LOGS'))
        self.randomness = self.useFixture(TestSeed()).randomness
        self.uuid = self.randomness.uuid()
        self.canary = f'Cn{self.randomness.bytes(5).hex()}'
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.logger = logging.getLogger(f'test.{self.canary[2:]}')
        self.logger.propagate = False
        self.logger.setLevel(logging.DEBUG)
        self.logger.addHandler(self.handler)
        self.addCleanup(self.logger.removeHandler, self.handler)

    @property
    def written(self) -> str:
        return self.stream.getvalue()

    def activate(self, *, unsafe: bool | None = None) -> safelog.Redactor:
        redactor = active.acquire(unsafe=unsafe)
        self.addCleanup(active.release)
        return redactor


class ActiveTest(LoggingTest):

    def test_message_and_arguments(self):
        """The finished message is redacted, whatever part of it came from where."""
        self.activate()
        self.logger.info('server %s: %r', self.uuid, {'adminPass': self.canary})
        self.assertEqual("server <uuid:a>: {'adminPass': '***'}\n", self.written)

    def test_tracebacks(self):
        """The message of an exception and its cause, and the source lines that show them."""
        self.activate()
        try:
            try:
                raise KeyError(self.uuid)
            except KeyError as error:
                raise ValueError(f'password={self.canary}') from error
        except ValueError:
            self.logger.exception('failed')
        self.assertIn('<uuid:a>', self.written)
        self.assertNotIn(self.canary, self.written)
        self.assertNotIn(self.uuid, self.written)

    def test_text_that_is_no_utf_8(self):
        """What a client has sent is written to a file, whatever it was, and masked all the same."""
        self.activate()
        path = self.useFixture(fixtures.TempDir()).join('log')
        handler = logging.FileHandler(path, encoding='utf-8')
        self.addCleanup(handler.close)
        self.logger.addHandler(handler)
        self.addCleanup(self.logger.removeHandler, handler)
        self.logger.info('name \udcff\xe9, password=%s', self.canary)
        with open(path, encoding='utf-8') as stream:
            self.assertEqual('name \\udcff\xe9, password=***\n', stream.read())

    def test_handler_that_was_there_before_and_one_that_comes_later(self):
        """Both are safe: no handler has to know."""
        self.activate()
        later = io.StringIO()
        handler = logging.StreamHandler(later)
        self.logger.addHandler(handler)
        self.addCleanup(self.logger.removeHandler, handler)
        self.logger.info(self.uuid)
        self.assertEqual(['<uuid:a>\n'] * 2, [self.written, later.getvalue()])

    def test_plain_before_and_after(self):
        """Logging is as it was when the last user has left."""
        with safelog.activated():
            pass
        self.logger.info(self.uuid)
        self.assertEqual(f'{self.uuid}\n', self.written)

    def test_run_lasts_until_the_last_has_left(self):
        """Those who come later share the pseudonyms of the first."""
        first = self.activate()
        with safelog.activated() as second:
            self.assertIs(first, second)
        self.logger.info(self.uuid)
        self.assertEqual('<uuid:a>\n', self.written)

    def test_next_run_has_pseudonyms_of_its_own(self):
        """What a run knew goes with it."""
        with safelog.activated() as first:
            safelog.redact(self.uuid)
        with safelog.activated() as second:
            self.assertIsNot(first, second)
            self.assertNotIn(self.uuid.replace('-', ''), second.pseudonyms.values().values())

    def test_unsafe_by_argument(self):
        """Unsafe logs are in clear, and say so."""
        root = io.StringIO()
        handler = logging.StreamHandler(root)
        logging.getLogger('vpmem_harness.safelog').addHandler(handler)
        self.addCleanup(logging.getLogger('vpmem_harness.safelog').removeHandler, handler)
        self.activate(unsafe=True)
        self.logger.info(self.uuid)
        self.assertEqual(f'{self.uuid}\n', self.written)
        self.assertIn('not safe to publish', root.getvalue())

    def test_unsafe_by_option(self):
        """The option decides when nobody else does."""
        self.useFixture(fixtures.EnvironmentVariable('VPMEM_HARNESS_UNSAFE_LOGS', 'true'))
        self.assertTrue(self.activate().unsafe)

    def test_protected_value(self):
        """safelog.protect() speaks to the run that goes on."""
        self.activate()
        safelog.protect(safelog.Secret(self.canary))
        self.logger.info('x%sy', self.canary)
        self.assertEqual('x***y\n', self.written)

    def test_record_that_cannot_be_formatted(self):
        """What Python says of a lost record shows none of its arguments."""
        self.activate()
        stderr = self.useFixture(fixtures.StringStream('stderr')).stream
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', stderr))
        self.logger.info('%d', f'password={self.canary}')
        stderr.seek(0)
        said = stderr.read()
        self.assertIn('was lost', said)
        self.assertNotIn(self.canary, said)

    def test_record_for_a_full_file_system(self):
        """One line names the log file and the remedy."""
        self.activate()
        handler = logging.FileHandler(self.useFixture(fixtures.TempDir()).join('log'))
        self.addCleanup(handler.close)
        stderr = io.StringIO()
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with (mock.patch.object(handler, 'flush', side_effect=full),
              mock.patch('sys.stderr', stderr)):
            handler.handle(logging.makeLogRecord({'msg': 'x'}))
        self.assertIn('was lost: log file: expected a writable file', stderr.getvalue())
        self.assertEqual(1, stderr.getvalue().count('\n'))

    def test_hooks_of_a_command(self):
        """An error that ends a command or a thread is shown redacted."""
        stderr = io.StringIO()

        def fail() -> None:
            raise ValueError(f'password={self.canary}')

        with fixtures.MonkeyPatch('sys.stderr', stderr), safelog.activated():
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            try:
                fail()
            except ValueError as error:
                sys.excepthook(ValueError, error, error.__traceback__)
        self.assertEqual(2, stderr.getvalue().count('ValueError: password=***'))
        self.assertNotIn(self.canary, stderr.getvalue())

    def test_hooks_are_put_back(self):
        """A command leaves the hooks of its process as they were."""
        before = sys.excepthook, threading.excepthook, sys.unraisablehook
        with safelog.activated():
            pass
        self.assertEqual(before, (sys.excepthook, threading.excepthook, sys.unraisablehook))


class OsloLogTest(LoggingTest):
    """The formats of oslo.log, with what a request's context adds."""

    def setUp(self) -> None:
        super().setUp()
        self.activate()
        self.context = context.RequestContext(
            user_id=self.canary, project_id=self.canary[::-1], auth_token='x' + self.canary,
            overwrite=False)

    def log(self, formatter: logging.Formatter) -> str:
        self.handler.setFormatter(formatter)
        try:
            raise ValueError(self.uuid)
        except ValueError:
            log.KeywordArgumentAdapter(self.logger, {}).exception(
                'instance %s', self.uuid, context=self.context)
        return self.written

    def test_json_formatter(self):
        """Message, arguments, traceback and context are redacted, and it is JSON still."""
        written = self.log(formatters.JSONFormatter())
        record = json.loads(written)
        self.assertEqual('instance <uuid:a>', record['message'])
        self.assertEqual(['<uuid:a>'], record['args'])
        for value in (self.uuid, self.canary, self.canary[::-1]):
            self.assertNotIn(value, written)

    def test_context_formatter(self):
        """The format of OpenStack's services."""
        conf = cfg.ConfigOpts()
        log.register_options(conf)
        conf([])
        written = self.log(formatters.ContextFormatter(config=conf))
        self.assertIn('<uuid:a> <id:1> <id:2> - - - -] instance <uuid:b>', written)
        self.assertNotIn(self.canary, written)
        self.assertNotIn(self.uuid, written)

    def test_fluent_formatter(self):
        """The format for Fluentd, whose record is a dictionary."""
        emitted = []
        self.handler.emit = lambda record: emitted.append(self.handler.format(record))
        self.log(formatters.FluentFormatter())
        self.assertEqual('instance <uuid:a>', emitted[0]['message'])
        self.assertNotIn(self.canary, repr(emitted))
