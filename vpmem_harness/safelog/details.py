"""Redacted details of tests and fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vpmem_harness.safelog import active
from vpmem_harness.safelog.redaction import Redactor

if TYPE_CHECKING:
    from testtools.content import Content


def redacted(content: Content, redactor: Redactor | None = None) -> Content:
    """Return the content, redacted when it is read. Content that is not text stays as it is."""
    # Imported here because redacting a text does not need testtools.
    from testtools.content import Content

    kind = content.content_type
    if kind.type != 'text' and (kind.type, kind.subtype) != ('application', 'json'):
        return content
    charset = kind.parameters.get('charset', 'utf-8')
    redactor = redactor or active.current()

    def chunks() -> Iterator[bytes]:
        # As a whole, because a value may extend across two chunks.
        try:
            whole = b''.join(content.iter_bytes()).decode(charset, 'replace')
        except Exception as error:
            # A detail that fails must not hide the failure of the test, or other details.
            whole = f'cannot be had: {type(error).__name__}: {error}'
        yield redactor.redact(whole).encode(charset, 'replace')

    return Content(kind, chunks)


def text_detail(text: Callable[[], str]) -> Content:
    """Return a detail whose text is computed when it is read; non-UTF-8 characters are escaped."""
    from testtools.content import Content
    from testtools.content_type import UTF8_TEXT

    return Content(UTF8_TEXT, lambda: [text().encode('utf-8', 'backslashreplace')])


class SafeDetails:
    """Mixin that redacts each added detail; put it before the test case's or fixture's class."""

    def addDetail(self, name: str, content_object: Content) -> None:  # noqa: N802
        """Add a detail with its text redacted."""
        base: Any = super()
        base.addDetail(name, redacted(content_object))
