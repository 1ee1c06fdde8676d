"""Logs that can be published: redaction, pseudonyms, the audit log.

``SafeLoggingFixture`` makes a test's logs safe, :func:`activated` a command's, and a fixture that
logs keeps them so between :func:`acquire` and :func:`release`. UUIDs, host names,
addresses, ids of users and projects, and paths below a home or a temporary directory become
pseudonyms that are stable within a run, secrets become ``***``.
"""

from __future__ import annotations

from vpmem_harness.safelog.active import acquire, activated, current, protect, redact, release
from vpmem_harness.safelog.audit import AuditLog
from vpmem_harness.safelog.audit import shared as shared_audit_log
from vpmem_harness.safelog.details import SafeDetails, redacted, text_detail
from vpmem_harness.safelog.pseudonyms import Pseudonyms
from vpmem_harness.safelog.redaction import Redactor
from vpmem_harness.safelog.secret import MASK, Secret

__all__ = [
    'MASK',
    'AuditLog',
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
