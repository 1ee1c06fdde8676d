"""Takes out of a text what identifies people and machines, and secrets."""

from __future__ import annotations

import base64
import getpass
import html
import ipaddress
import json
import os
import re
import socket
import string
import tempfile
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.safelog import patterns, tracebacks
from vpmem_harness.safelog.pseudonyms import PSEUDONYM, Pseudonyms
from vpmem_harness.safelog.secret import MASK, Secret

#: A secret shorter than this would be found in every other word.
SHORTEST_SECRET = 4

#: So many words are looked for one by one; with more the text is split into its parts.
FEW_WORDS = 64

#: What a text is replaced with when redaction itself fails: nothing is better than a leak.
WITHHELD = '<withheld: redaction failed>'

_TOKEN = re.compile('[A-Za-z0-9]+')
#: For texts whose lower case is longer than they are.
_ASCII_LOWER = {ord(letter): ord(letter.lower()) for letter in string.ascii_uppercase}
_SECRET_NAME = re.compile(
    r'(?:pass(?:word|wd|phrase)?|secret|token|credentials?|(?:private|api|access|secret)_key)$',
    re.IGNORECASE)


class Redactor:
    """Knows the pseudonyms and the secrets of one run.

    :param environ: the environment whose secrets are protected, by the names of the variables.
    :param unsafe: leave every text as it is.
    """

    def __init__(self, environ: Mapping[str, str] | None = None, *, unsafe: bool = False) -> None:
        self.unsafe = unsafe
        self.pseudonyms = Pseudonyms()
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()
        self._known: dict[str, dict[str, str]] = {}
        self._roots: tuple[tuple[str, str], ...] = ()
        self._path_guards, self._path = _path_pattern()
        self._code = tracebacks.code_roots()
        self._project = tracebacks.project()
        self._protect_machine()
        self.protect_environment(os.environ if environ is None else environ)

    def _protect_machine(self) -> None:
        host = socket.gethostname()
        for name in {host, host.partition('.')[0]}:
            self.protect(name, 'host')
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            return
        if user != 'root':
            self.protect(user, 'user')

    def protect_environment(self, environ: Mapping[str, str]) -> None:
        """Protect the values of the variables that are named for a secret."""
        for name, value in environ.items():
            if _SECRET_NAME.search(name):
                self.protect(Secret(value))

    def protect(self, value: str | Secret, kind: str = 'secret') -> None:
        """From now on keep this value out of every text.

        :param kind: ``secret`` is masked wherever it stands, also inside of words and encoded;
            ``host`` and ``user`` get a pseudonym where they stand as words; what stands below a
            ``path`` keeps the rest of its name behind the pseudonym of the path.
        """
        text = value.reveal() if isinstance(value, Secret) else value
        if kind == 'secret' or isinstance(value, Secret):
            known = text in self._secrets
            if not known and len(text) >= SHORTEST_SECRET and text not in patterns.HARMLESS:
                with self._lock:
                    found = {*self._secrets, *spellings(text)}
                    self._secrets = tuple(sorted(found, key=len, reverse=True))
        elif kind in ('host', 'user'):
            if len(text) > 1 and text.lower() not in patterns.HARMLESS:
                self._protect_word(text, kind)
        elif kind == 'path':
            name = self.pseudonyms.of('path', text.rstrip('/'))
            with self._lock:
                roots = {*self._roots, (text.rstrip('/'), name)}
                self._roots = tuple(sorted(roots, reverse=True))
        else:
            raise InvalidInputError('kind of a protected value', got=kind,
                                    expected='secret, host, user or path',
                                    remedy='UUIDs and addresses are known by their form')

    def _protect_word(self, word: str, kind: str) -> None:
        tokens = _TOKEN.findall(word)
        if not tokens:
            return
        with self._lock:
            # A text is searched for the word only when it has one of its parts: the rarest.
            part = min(tokens, key=lambda token: (len(self._known.get(token, ())), -len(token)))
            known = dict(self._known)
            known[part] = {**known.get(part, {}), word: kind}
            self._known = known

    def sensitive(self) -> dict[str, str]:
        """Each value that this run keeps out of its texts, with its kind. Never to be logged.

        Not among them are the names that were hidden for the word before them: elsewhere they may
        be plain words.
        """
        found = dict.fromkeys(self._secrets, 'secret')
        for words in self._known.values():
            found |= words
        for name, value in self.pseudonyms.values().items():
            kind = name[1:].partition(':')[0]
            if kind == 'uuid':
                found[value] = found[str(uuid.UUID(value))] = kind
            elif kind == 'mac':
                found[':'.join(re.findall('..', value))] = kind
            elif kind in ('ip', 'path'):
                found[value] = kind
        return found

    def redact(self, text: str) -> str:
        """The text with pseudonyms, and ``***`` for secrets. Twice changes nothing more."""
        if self.unsafe:
            return text
        try:
            return self._redact(text)
        except Exception:
            return WITHHELD

    def _redact(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        text = _mask_secrets(text)
        if '://' in text:
            text = patterns.URI.sub(self._uri, text)
        if any(guard in text for guard in self._path_guards):
            text = self._path.sub(self._path_name, text)
        for root, name in self._roots:
            if root in text:
                text = text.replace(root, name)
        text = patterns.UUID.sub(self._uuid, text)
        colons = text.count(':')
        if colons >= 5 or text.count('-') >= 5:
            text = patterns.MAC.sub(self._mac, text)
        if text.count('.') >= 3:
            text = patterns.IPV4.sub(self._ip, text)
        if colons >= 7 or '::' in text:
            text = patterns.IPV6.sub(self._ip, text)
        if tracebacks.GUARD not in text:
            return self._redact_words(self._redact_names(text, False), False)
        return ''.join(self._redact_words(self._redact_names(piece, source), source)
                       for piece, source in tracebacks.pieces(text))

    def _redact_words(self, text: str, source: bool) -> str:
        known = self._known
        if len(known) <= FEW_WORDS:
            parts = [part for part in known if part in text]
        else:
            parts = list(known.keys() & _TOKEN.findall(text))
        if not parts:
            return text
        # The longest name first: a fully qualified name holds the short one.
        words = {word: kind for part in parts for word, kind in known[part].items()}
        for word in sorted(words, key=len, reverse=True):
            if word in text:
                text = word_pattern(word).sub(partial(self._word, words[word], source), text)
        return text

    def _redact_names(self, text: str, source: bool) -> str:
        lower = _lower(text)
        if 'host' in lower:
            host = partial(self._named, 'host', source)
            text = _replace(patterns.KEYED_HOST, text, host)
            text = _replace(patterns.KEYED_HOST_ELEMENT, text, host)
        if 'req-' in lower or 'user_identity' in lower:
            text = _replace(patterns.KEYED_IDENTITY, text, self._identity)
        if any(stem in lower for stem in patterns.OWNER_STEMS):
            owner = partial(self._named, 'id', source)
            text = _replace(patterns.KEYED_OWNER, text, owner)
            text = _replace(patterns.KEYED_OWNER_ELEMENT, text, owner)
        return text

    def _named(self, kind: str, source: bool, value: str, found: re.Match[str]) -> str:
        if value.lower() in patterns.HARMLESS or value.isdigit() or value.startswith('<'):
            return value
        if source and tracebacks.is_name(found.string, *found.span('value')):
            return value
        return self.pseudonyms.of(kind, value)

    def _identity(self, value: str, found: re.Match[str]) -> str:
        return ' '.join(name if name == 'default' else self._named('id', False, name, found)
                        for name in value.split(' '))

    def _word(self, kind: str, source: bool, found: re.Match[str]) -> str:
        return self.pseudonyms.of(kind, found[1]) if _stands_there(source, found) else found[0]

    def _uri(self, found: re.Match[str]) -> str:
        credentials, host = found['credentials'], found['host']
        masked = ''
        if credentials:
            masked = f'{MASK}:{MASK}@' if ':' in credentials else f'{MASK}@'
        if host and not host.startswith('[') and not _is_number(host):
            lowered = host.rstrip('.').lower()
            if lowered not in patterns.HARMLESS and not patterns.PUBLIC_HOST.search(lowered):
                host = self.pseudonyms.of('host', host)
        return f'://{masked}{host}'

    def _uuid(self, found: re.Match[str]) -> str:
        digits = found[0].replace('-', '').lower()
        if digits in patterns.HARMLESS_UUIDS:
            return found[0]
        return self.pseudonyms.of('uuid', digits)

    def _mac(self, found: re.Match[str]) -> str:
        digits = found[0].replace('-', '').replace(':', '').lower()
        if digits in patterns.HARMLESS_MACS:
            return found[0]
        return self.pseudonyms.of('mac', digits)

    def _ip(self, found: re.Match[str]) -> str:
        address = _address(found[0])
        before = found.string[max(0, found.start() - 16):found.start()]
        if address is None or patterns.VERSION_BEFORE.search(before):
            return found[0]
        return self.pseudonyms.of('ip', address)

    def _path_name(self, found: re.Match[str]) -> str:
        path = found[0]
        if path.startswith('%'):
            return self.pseudonyms.of('path', urllib.parse.unquote(path))
        bare = path.rstrip('.')
        for root, name in (*self._roots, *self._code):
            if bare == root or bare.startswith(root + '/'):
                # In quotes this can be a command line, with more paths behind.
                return name + self._path.sub(self._path_name, path[len(root):])
        before = found.string[max(0, found.start() - 8):found.start()]
        name = tracebacks.place(bare, self._project, before) or self.pseudonyms.of('path', bare)
        return name + path[len(bare):]


@lru_cache(maxsize=4096)
def word_pattern(word: str) -> re.Pattern[str]:
    """The word on its own, or a pseudonym, in which it is not looked for."""
    return re.compile(rf'{PSEUDONYM.pattern}|(?<![A-Za-z0-9])({re.escape(word)})(?![A-Za-z0-9])')


def places_of(text: str, word: str) -> Iterator[int]:
    """Where in a text what is protected as a word stands as one, and not as a name in source."""
    offset = 0
    for piece, source in tracebacks.pieces(text):
        yield from (offset + found.start() for found in word_pattern(word).finditer(piece)
                    if _stands_there(source, found))
        offset += len(piece)


def _stands_there(source: bool, found: re.Match[str]) -> bool:
    return bool(found[1]) and not (source and tracebacks.is_name(found.string, *found.span(1)))


def _lower(text: str) -> str:
    """The text in lower case, each character where it was."""
    lower = text.lower()
    return lower if len(lower) == len(text) else text.translate(_ASCII_LOWER)


def _replace(pattern: re.Pattern[str], text: str,
             replacement: Callable[[str, re.Match[str]], str]) -> str:
    """The text with the group ``value`` of each match replaced, by what it is in the text."""
    parts: list[str] = []
    done = 0
    for found in pattern.finditer(_lower(text)):
        start, end = found.span('value')
        parts += text[done:start], replacement(text[start:end], found)
        done = end
    return ''.join((*parts, text[done:])) if parts else text


def _mask(value: str, found: re.Match[str]) -> str:
    return value if value.lower() in patterns.HARMLESS else MASK


def _mask_keyed(value: str, found: re.Match[str]) -> str:
    masked = _mask(value, found)
    if masked is MASK and found['keyquote'] and not found['quote']:
        # A number in JSON becomes a string, so that it stays JSON.
        return f'{found["keyquote"]}{MASK}{found["keyquote"]}'
    return masked


def _mask_secrets(text: str) -> str:
    lower = _lower(text)
    if any(stem in lower for stem in patterns.SECRET_STEMS):
        text = _replace(patterns.KEYED_SECRET_ELEMENT, text, _mask)
        text = _replace(patterns.KEYED_SECRET, text, _mask_keyed)
        text = _replace(patterns.KEYED_SECRET_ARGUMENT, text, _mask)
    if 'authorization' in lower or 'cookie' in lower:
        text = _replace(patterns.KEYED_HEADER, text, _mask)
    if 'bearer' in lower:
        text = _replace(patterns.KEYED_BEARER, text, _mask)
    if 'value' in lower:
        text = _replace(patterns.KEYED_LIBVIRT_SECRET, text, _mask)
        text = _replace(patterns.KEYED_LIBVIRT_CALL, text, _mask)
    if any(stem in text for stem in patterns.TOKEN_STEMS):
        text = patterns.TOKEN.sub(MASK, text)
    if text.count(':') >= 15:
        text = patterns.FINGERPRINT.sub(MASK, text)
    if '-----BEGIN' in text:
        text = patterns.PEM.sub(rf'\1{MASK}\3', text)
    return text


def spellings(secret: str) -> set[str]:
    """The secret in the encodings in which a text may hold it."""
    raw = secret.encode()
    return {
        secret, repr(secret)[1:-1], repr(raw)[2:-1], json.dumps(secret)[1:-1],
        html.escape(secret), html.escape(secret, quote=False),
        urllib.parse.quote(secret), urllib.parse.quote(secret, safe=''),
        urllib.parse.quote_plus(secret), base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(), raw.hex()}


def _is_number(host: str) -> bool:
    return host.replace('.', '').isdigit()


@lru_cache(maxsize=1024)
def _address(text: str) -> str | None:
    """The address in its canonical form; None for what is none, or what every machine has."""
    bare = text.partition('%')[0]
    if ':' in bare and sum(map(bool, bare.split(':'))) < 2:
        return None
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if address.is_loopback or address.is_unspecified or str(address).startswith('255.255.'):
        return None
    return str(address)


def _path_pattern() -> tuple[tuple[str, ...], re.Pattern[str]]:
    """What is below a home or a temporary directory, and what a text with such a path holds."""
    roots = {'/home', '/root', '/Users', '/tmp', '/var/tmp', '/dev/shm', '/run/user',  # noqa: S108
             tempfile.gettempdir(), os.path.expanduser('~')}
    roots = {root.rstrip('/') for root in roots if root.startswith('/') and root != '/'}
    either = '|'.join(re.escape(root) for root in sorted(roots, key=len, reverse=True))
    quoted = '|'.join(re.escape(urllib.parse.quote(root, safe='')) for root in sorted(roots))
    pattern = re.compile(
        rf'''(?<=")(?:{either})/[^"\n\\]+(?=\\*") | (?<=')(?:{either})/[^'\n\\]+(?=\\*')
          | (?<![\w.~-])(?:{either})/[^\s'"<>:,;()\[\]{{}}|\\&?\#*]+
          | (?:{quoted})%2F[\w.%~+-]+''', re.VERBOSE)
    return (*(root + '/' for root in roots), '%2F'), pattern
