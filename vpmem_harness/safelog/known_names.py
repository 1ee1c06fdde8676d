"""The names of hosts and users that a run knows, and the secrets that it has seen after a key."""

from __future__ import annotations

import re
import threading

from vpmem_harness.safelog import names, patterns
from vpmem_harness.safelog.machine import Machine

#: Up to this number, each word is searched for; with more words, the text is split into tokens.
FEW_WORDS = 64

#: Number of values seen after a key that are searched for in later texts: the latest.
REMEMBERED = 256

_TOKEN = re.compile('[A-Za-z0-9]+')


class KnownNames:
    """Words to hide, and names to show: see :mod:`vpmem_harness.safelog.names`.

    ``places`` has the ordinary names of the machine and its user, with their patterns.
    Thread-safe.
    """

    def __init__(self, machine: Machine) -> None:
        self._lock = threading.RLock()
        #: Each word with its kind, by the rarest of its parts.
        self._words: dict[str, dict[str, str]] = {}
        self._protected: dict[str, str] = {}
        self._remembered: dict[str, str] = {}
        self._simulated: frozenset[str] = frozenset()
        self._host = machine.host.partition('.')[0]
        #: Number of words added so far.
        self.changes = 0
        self.places: list[tuple[str, str, re.Pattern[str]]] = []
        for kind, name in (('host', self._host), ('user', machine.user)):
            if names.is_distinctive(name):
                self._add(name, kind)
            elif len(name) > 1 and name.lower() not in patterns.HARMLESS:
                self.places.append((kind, name, names.ordinary_pattern(name)))
        if machine.host != self._host and machine.host.lower() not in patterns.HARMLESS:
            self._add(machine.host, 'host')

    def protect(self, word: str, kind: str) -> None:
        """Hide a word that the user protects, even if it is an ordinary word."""
        with self._lock:
            self._protected[word] = kind
            self._add(word, kind)

    def remember(self, word: str, kind: str) -> None:
        """Hide a value that was seen after a key in later texts, too."""
        if word in self._remembered:
            return
        with self._lock:
            if any(word in words for words in self._words.values()):
                return
            if len(self._remembered) >= REMEMBERED:
                self._remove(next(iter(self._remembered)))
            self._remembered[word] = kind
            self._add(word, kind)

    def simulate(self, host: str) -> None:
        """Show the name of a simulated host, unless the user protected it."""
        with self._lock:
            self._simulated |= {host}
            if host not in self._protected:
                self._remove(host)

    def shows(self, host: str) -> bool:
        """Return whether a host name is shown as it is, because the host is simulated."""
        if host in self._protected:
            return False
        return host in self._simulated or (
            host != self._host and names.SIMULATED.fullmatch(host) is not None)

    def kind_of(self, word: str, kind: str) -> str:
        """Return the kind of a word after a key for ``kind``: a known user is also an id."""
        known = self._protected.get(word) or self._remembered.get(word)
        return known if known and kind in ('id', 'user') and known in ('id', 'user') else kind

    def words_in(self, text: str) -> dict[str, str]:
        """Return the words that may be in a text, with their kinds."""
        words = self._words
        if len(words) <= FEW_WORDS:
            parts = [part for part in words if part in text]
        else:
            parts = list(words.keys() & _TOKEN.findall(text))
        if not parts:
            return {}
        return {word: kind for part in parts for word, kind in words[part].items()}

    def certain(self) -> dict[str, str]:
        """Return the words, with their kinds, that are hidden wherever they appear."""
        return {word: kind for words in self._words.values() for word, kind in words.items()
                if word not in self._remembered}

    def _add(self, word: str, kind: str) -> None:
        tokens = _TOKEN.findall(word)
        if not tokens:
            return
        with self._lock:
            # A text is searched for the word only if it contains the rarest of its parts.
            part = min(tokens, key=lambda token: (len(self._words.get(token, ())), -len(token)))
            self.changes += 1
            self._words = {**self._words, part: {**self._words.get(part, {}), word: kind}}

    def _remove(self, word: str) -> None:
        self._remembered.pop(word, None)
        kept = {part: {other: kind for other, kind in words.items() if other != word}
                for part, words in self._words.items()}
        self._words = {part: words for part, words in kept.items() if words}
