"""Redactor: removes identifying values and secrets from texts."""

from __future__ import annotations

import functools
import os
import re
import uuid
from collections.abc import Mapping, Sequence

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.safelog import masking, patterns, tracebacks, uris
from vpmem_harness.safelog.identifiers import Identifiers
from vpmem_harness.safelog.known_names import KnownNames
from vpmem_harness.safelog.machine import Machine
from vpmem_harness.safelog.paths import Paths
from vpmem_harness.safelog.pseudonyms import Pseudonyms
from vpmem_harness.safelog.secret import MASK, Secret
from vpmem_harness.safelog.text import Text
from vpmem_harness.safelog.text_names import TextNames

#: Shorter secrets would be found in many other words.
SHORTEST_SECRET = 4

#: Replaces a text if redaction fails: no text is better than a leak.
WITHHELD = '<withheld: redaction failed>'

_SECRET_NAME = re.compile(
    r'(?:pass(?:word|wd|phrase)?|secret|token|credentials?|(?:private|api|access|secret)_key)$',
    re.IGNORECASE)


@functools.lru_cache(1024)      # each fixture of a host checks the whole environment
@functools.lru_cache(1024)
def _names_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


class Redactor:
    """Knows the pseudonyms and the secrets of one run.

    :param environ: environment variables; those with names of secrets are protected.
    :param unsafe: leave every text as it is.
    :param machine: the machine whose names are hidden; this machine if None.
    """

    def __init__(self, environ: Mapping[str, str] | None = None, *, unsafe: bool = False,
                 machine: Machine | None = None) -> None:
        machine = machine or Machine.here()
        self.unsafe = unsafe
        self.pseudonyms = Pseudonyms()
        self._secrets: tuple[str, ...] = ()
        self._known = KnownNames(machine)
        self._paths = Paths(self.pseudonyms, machine.home)
        self._identifiers = Identifiers(self.pseudonyms)
        self.protect_environment(os.environ if environ is None else environ)

    def protect_environment(self, environ: Mapping[str, str]) -> None:
        """Protect the values of variables with names of secrets, such as ``OS_PASSWORD``."""
        for name in environ:
            if _names_secret(name):
                self.protect(Secret(environ[name]))

    def protect(self, value: str | Secret, kind: str = 'secret') -> None:
        """Keep this value out of every text from now on.

        :param kind: a ``secret`` is masked wherever it appears, also inside of words and encoded; a
            ``host`` or ``user`` gets a pseudonym wherever it appears as a word, even if it is an
            ordinary word; a ``path`` gets a pseudonym, and names below it are shown.
        :raises InvalidInputError: for another kind.
        """
        text = value.reveal() if isinstance(value, Secret) else value
        if kind == 'secret' or isinstance(value, Secret):
            known = text in self._secrets
            if not known and len(text) >= SHORTEST_SECRET and text not in patterns.HARMLESS:
                found = {*self._secrets, *masking.spellings(text)}
                self._secrets = tuple(sorted(found, key=len, reverse=True))
        elif kind in ('host', 'user'):
            if len(text) > 1 and text.lower() not in patterns.HARMLESS:
                self._known.protect(text, kind)
        elif kind == 'path':
            self._paths.protect(text)
        else:
            raise InvalidInputError('kind of a protected value', got=repr(kind),
                                    expected='secret, host, user or path',
                                    remedy='UUIDs and addresses are known by their form')

    def simulate(self, host: str) -> None:
        """Show the name of a simulated host as it is, unless the user protected it."""
        self._known.simulate(host)

    def host_name(self, host: str) -> str:
        """Return what is shown for the name of a host."""
        if self.unsafe or self._known.shows(host):
            return host
        return self.pseudonyms.of('host', host)

    def sensitive(self) -> dict[str, str]:
        """Return each value that this run hides, with its kind. Never log it.

        Names that were hidden only because of a key before them are not included: they may be
        ordinary words elsewhere.
        """
        found = {**dict.fromkeys(self._secrets, 'secret'), **self._known.certain()}
        for name, value in self.pseudonyms.values().items():
            kind = name[1:].partition(':')[0]
            if kind == 'uuid':
                found[value] = found[str(uuid.UUID(value))] = kind
            elif kind == 'mac':
                found[':'.join(re.findall('..', value))] = kind
            elif kind in ('ip', 'path', 'email'):
                found[value] = kind
        return found

    def redact(self, text: str) -> str:
        """Redact a text. Redacting the result again changes nothing."""
        if self.unsafe:
            return text
        try:
            return self._redact(text)
        except Exception:
            return WITHHELD

    def redact_all(self, texts: Sequence[str]) -> list[str]:
        """Redact several texts; a value that a key reveals in one is hidden in all of them."""
        before = self._known.changes
        redacted = list(map(self.redact, texts))
        return redacted if self._known.changes == before else list(map(self.redact, texts))

    def _redact(self, plain: str) -> str:
        for secret in self._secrets:
            if secret in plain:
                plain = plain.replace(secret, MASK)
        text = Text(plain)
        names = TextNames(self._known, self.pseudonyms)
        masking.mask(text, names.met_secret)
        if '://' in text.text:
            text.set(uris.URI.sub(
                lambda found: uris.redact(found[0], names.uri_host, names.met_secret), text.text))
        text.set(self._paths.redact(text.text))
        self._identifiers.redact(text)
        if tracebacks.GUARD not in text.text:
            names.by_place(text, False)
            return names.by_word(text.text, False)
        pieces = [(Text(piece), source) for piece, source in tracebacks.pieces(text.text)]
        for piece, source in pieces:
            names.by_place(piece, source)
        return ''.join(names.by_word(piece.text, source) for piece, source in pieces)
