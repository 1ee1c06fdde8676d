"""Details of tests and fixtures with pseudonyms in place of what identifies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vpmem_harness.safelog import active
from vpmem_harness.safelog.redaction import Redactor

if TYPE_CHECKING:
    from testtools.content import Content


def redacted(content: Content, redactor: Redactor | None = None) -> Content:
    """The content, redacted when it is read; one that is no text stays as it is."""
    # Only here: who merely redacts a text does not need testtools.
    from testtools.content import Content

    kind = content.content_type
    if kind.type != 'text' and (kind.type, kind.subtype) != ('application', 'json'):
        return content
    charset = kind.parameters.get('charset', 'utf-8')
    redactor = redactor or active.current()

    def chunks() -> Iterator[bytes]:
        # As a whole: what is looked for may stand across two chunks.
        try:
            whole = b''.join(content.iter_bytes()).decode(charset, 'replace')
        except Exception as error:
            # A detail tells of a failure: it must not stand in its place, and in the others'.
            whole = f'cannot be had: {type(error).__name__}: {error}'
        yield redactor.redact(whole).encode(charset, 'replace')

    return Content(kind, chunks)


def text_detail(text: Callable[[], str]) -> Content:
    """A detail that is a text as of when it is read; what cannot be UTF-8 in it is escaped."""
    from testtools.content import Content
    from testtools.content_type import UTF8_TEXT

    return Content(UTF8_TEXT, lambda: [text().encode('utf-8', 'backslashreplace')])


class SafeDetails:
    """Redacts each detail that is added: a base, before the test case's or the fixture's own."""

    def addDetail(self, name: str, content_object: Content) -> None:  # noqa: N802
        """Add a detail, its text redacted."""
        base: Any = super()
        base.addDetail(name, redacted(content_object))
