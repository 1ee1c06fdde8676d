"""Hides the names of hosts and users in one text."""

from __future__ import annotations

import re
from functools import partial

from vpmem_harness.safelog import domains, masking, names, patterns, prose, tracebacks
from vpmem_harness.safelog.known_names import KnownNames
from vpmem_harness.safelog.pseudonyms import Pseudonyms
from vpmem_harness.safelog.secret import MASK
from vpmem_harness.safelog.text import Text

#: A shorter secret is hidden only after its key, because it may be part of another word.
_SHORTEST = 4
#: A longer secret is a document.
_LONGEST = 256


class TextNames:
    """Hides the names of one text, by the rule in :mod:`vpmem_harness.safelog.names`.

    A value that is hidden in one place of the text is hidden everywhere in it: call
    :meth:`by_place` for each piece of the text, then :meth:`by_word` for each piece.
    """

    def __init__(self, known: KnownNames, pseudonyms: Pseudonyms) -> None:
        self._known = known
        self._pseudonyms = pseudonyms
        self._hidden: dict[str, str] = {}
        self._literals: dict[str, str] = {}

    def met_secret(self, value: str) -> None:
        """Hide a masked value in the rest of the text, too."""
        if _SHORTEST <= len(value) <= _LONGEST and value.split() == [value] and (
                names.is_distinctive(value)):
            self._hidden[value] = 'secret'
            if len(value) > _SHORTEST and names.has_distinctive_form(value):
                self._known.remember(value, 'secret')

    def uri_host(self, host: str) -> str:
        """Return what is shown for the host of a URI."""
        bare = host.rstrip('.')
        if bare.startswith('[') or bare.replace('.', '').isdigit():
            return host
        if domains.is_public(bare.lower()):
            return host
        return self._host(bare) + host[len(bare):]

    def by_place(self, text: Text, source: bool) -> None:
        """Hide names by their place, in a piece of the text that may be source."""
        if '@' in text.text and patterns.AT.search(text.text):
            text.set(patterns.USER_AT_HOST.sub(
                self._user_at_host, patterns.EMAIL.sub(self._email, text.text)))
        if '.' in text.text:
            places = domains.places(text.text)
            if places:
                text.set(self._without_domains(text.text, places, source))
        lower = text.lower
        if 'host' in lower:
            host = partial(self._keyed, 'host', source)
            text.replace(patterns.KEYED_HOST, host)
            if 'host ' in lower:
                text.replace(patterns.NUMBERED_HOST, host)
            if '<host' in lower:
                text.replace(patterns.KEYED_HOST_ELEMENT, host)
        if 'node' in lower:
            host = partial(self._keyed, 'host', source)
            text.replace(patterns.KEYED_NODE, host)
            if 'node ' in lower:
                text.replace(patterns.NUMBERED_NODE, host)
        if '_compute' in lower:
            text.replace(patterns.KEYED_COMPUTE, partial(self._keyed, 'host', source))
        if ']: ' in lower:
            text.replace(patterns.SYSLOG_HOST, partial(self._keyed, 'host', source))
        if 'server ' in lower:
            text.replace(patterns.SERVER_ON_HOST, partial(self._keyed, 'host', source))
        if ') ram:' in lower:
            for pattern in patterns.HOST_STATE:
                text.replace(pattern, partial(self._keyed, 'host', source))
        if '<target ' in lower:
            text.replace(patterns.TARGET_HOST, partial(self._keyed, 'host', source))
        if 'req-' in lower:
            text.replace(patterns.KEYED_IDENTITY, self._identity)
        if ('user' in lower or 'project' in lower or 'tenant' in lower or 'owner' in lower
                or 'account' in lower or 'logname' in lower):
            self._owners(text, source)
        if 'id=' in lower:
            text.replace(patterns.UNIX_USER, partial(self._keyed, 'id', source))

    def _owners(self, text: Text, source: bool) -> None:
        lower = text.lower
        if 'user_identity' in lower:
            text.replace(patterns.KEYED_USER_IDENTITY, self._identity)
        owner = partial(self._keyed, 'id', source)
        stems = list(filter(lower.__contains__, patterns.OWNER_STEMS))
        text.replace(patterns.keyed_owner(*stems if len(stems) == 1 else ()), owner)
        if '<nova:' in lower:
            text.replace(patterns.KEYED_OWNER_ELEMENT, owner)

    def by_word(self, text: str, source: bool) -> str:
        """Return a piece of the text, which may be source, without the known names."""
        words = self._known.words_in(text)
        if self._hidden:
            words = {**self._hidden, **words}
        # The longest name first: a fully qualified name holds the short one.
        for word in sorted(words, key=len, reverse=True) if words else ():
            if word in text:
                text = names.word_pattern(word).sub(partial(self._word, words[word], source), text)
        for kind, name, pattern in self._known.places:
            if name in text and not (kind == 'host' and self._known.shows(name)):
                text = pattern.sub(partial(self._ordinary, kind), text)
        for literal, shown in self._literals.items():
            if literal in text:
                text = re.sub(rf'''(["']){re.escape(literal)}\1(?!\s*:)''',
                              rf'\g<1>{shown}\g<1>', text)
        return text

    def _name(self, kind: str, value: str, *, literal: bool = False, quoted: bool = True) -> str:
        """Return what is shown for a value that is a name according to its place."""
        if value.lower() in patterns.HARMLESS or value.isdigit():
            return value
        if kind == 'host' and (self._known.shows(value) or value.replace('.', '').isdigit()):
            return value
        kind = self._known.kind_of(value, kind)
        shown = self._pseudonyms.of(kind, value)
        if names.is_distinctive(value):
            self._hidden[value] = kind
            if quoted or names.has_distinctive_form(value):
                self._known.remember(value, kind)
        elif literal:
            self._literals[value] = shown
        return shown

    def _keyed(self, kind: str, source: bool, value: str, found: re.Match[str]) -> str:
        if value.startswith('<') or masking.introduces_prose(found):
            return value
        quoted = bool(masking.group(found, 'quote'))
        if quoted and (' ' in value or found.string[found.end('value'):][:1] == ' ') and (
                prose.is_prose(found.string, found.start('value'))):
            return value
        if source and tracebacks.is_name(found.string, *found.span('value')):
            return value
        return self._name(kind, value, literal=source, quoted=quoted)

    def _identity(self, value: str, found: re.Match[str]) -> str:
        return ' '.join(name if name == 'default' or name.startswith('<')
                        else self._name('id', name) for name in value.split(' '))

    def _without_domains(self, text: str, places: list[tuple[int, int]], source: bool) -> str:
        parts: list[str] = []
        done = 0
        for start, end in places:
            is_name = source and tracebacks.is_name(text, start, end)
            host = text[start:end]
            parts += text[done:start], host if is_name else self._host(host)
            done = end
        return ''.join((*parts, text[done:]))

    def _host(self, host: str) -> str:
        """Return what is shown for a host; its first label is hidden in this text, too."""
        label, dot, _ = host.partition('.')
        shown = self._name('host', host)
        if dot and shown != host and names.has_distinctive_form(label) and (
                not self._known.shows(label)):
            self._hidden[label] = 'host'
        return shown

    def _email(self, found: re.Match[str]) -> str:
        user, _, domain = found[0].partition('@')
        if not domains.is_domain(domain):
            return found[0]
        if user.lower() in patterns.HARMLESS:
            return f'{user}@{self._name("host", domain)}'
        return self._pseudonyms.of('email', found[0])

    def _user_at_host(self, found: re.Match[str]) -> str:
        start, end = found.span('user')
        text = found[0]
        shown = text[:start - found.start()] + self._name('id', found['user'])
        if found['host'] is None:
            return shown + text[end - found.start():]
        begins, ends = found.span('host')
        return (shown + text[end - found.start():begins - found.start()]
                + self._name('host', found['host']) + text[ends - found.start():])

    def _word(self, kind: str, source: bool, found: re.Match[str]) -> str:
        if not names.stands_there(source, found):
            return found[0]
        return MASK if kind == 'secret' else self._pseudonyms.of(kind, found[1])

    def _ordinary(self, kind: str, found: re.Match[str]) -> str:
        if names.follows_a_noun(kind, found):
            return self._pseudonyms.of(kind, found[0])
        return found[0]
