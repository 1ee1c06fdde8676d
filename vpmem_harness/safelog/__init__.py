"""Logs that can be published: redaction, pseudonyms, the audit log."""
