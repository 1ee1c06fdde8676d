"""The connection between a nova-compute and the control process."""

from __future__ import annotations

import importlib.util
from multiprocessing import connection

import testtools

from tests import base


@testtools.skipUnless(importlib.util.find_spec('oslo_messaging'), 'nova is not installed')
class LinkTest(base.TestCase):

    def test_a_call_to_a_process_that_is_gone(self) -> None:
        """It fails as one does whose process ends before it has answered."""
        from vpmem_harness.cloud.nova.link import Link

        ours, theirs = connection.Pipe()
        theirs.close()
        link = Link(ours, lambda service, method, args, kwargs: None)
        self.addCleanup(link.closed)
        self.assertRaises(EOFError, link.call, 'service', 'method')
