"""Logs that are safe to publish: redaction, pseudonyms, the audit log.

``SafeLoggingFixture`` redacts the logs of a test, :func:`activated` those of a command. A fixture
that logs keeps redaction on between :func:`acquire` and :func:`release`. UUIDs, host names,
addresses, names and ids of users and projects, serial numbers, and paths below a home or a
temporary directory are replaced with pseudonyms that stay the same within a run, and secrets with
``***``.

A text is redacted in these steps: ``masking`` masks secrets, ``uris`` hides credentials and hosts
of URIs, ``paths`` hides paths, ``identifiers`` hides values known by their form, and ``text_names``
hides the names of hosts and users, by the rule in ``names``.
"""

from __future__ import annotations

from vpmem_harness.safelog.active import acquire, activated, current, protect, redact, release
from vpmem_harness.safelog.audit import AuditLog
from vpmem_harness.safelog.audit import shared as shared_audit_log
from vpmem_harness.safelog.details import SafeDetails, redacted, text_detail
from vpmem_harness.safelog.machine import Machine
from vpmem_harness.safelog.pseudonyms import Pseudonyms
from vpmem_harness.safelog.redaction import Redactor
from vpmem_harness.safelog.secret import MASK, Secret

__all__ = [
    'MASK',
    'AuditLog',
    'Machine',
    'Pseudonyms',
    'Redactor',
    'SafeDetails',
    'Secret',
    'acquire',
    'activated',
    'current',
    'protect',
    'redact',
    'redacted',
    'release',
    'shared_audit_log',
    'text_detail',
]
