"""Masks secrets that follow a keyword, and secrets with a form of their own."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import urllib.parse
from collections.abc import Callable

from vpmem_harness.safelog import patterns, prose
from vpmem_harness.safelog.secret import MASK
from vpmem_harness.safelog.text import Text

#: Programs whose option ``-p`` is not a password.
_OTHER_P = re.compile(
    r'(?<![\w-])(?:mkdir|cp|mv|ps|ssh|scp|sftp|rsync|pytest|py\.test|stestr|tox|tar|install|top'
    r'|htop|lsof|strace|ltrace|gdb|pgrep|pidof|unzip|patch|make|parted|partprobe|sfdisk|sgdisk|mount|umount'
    r'|read|export|declare|bash|sh|qemu-img|qemu-nbd|git|diff|netstat|ss|lsblk|blkid|nmap|perf'
    r'|taskset|chrt|renice|ionice|prlimit|nsenter|unshare|perl|python[\d.]*|dpkg|apt|pip|nc|touch'
    r'|systemctl|loginctl|screen|tmux|iptables|ip6?tables-save|ceph|rados|rbd|ndctl|daxctl|virsh'
    r'|vpmem-harness|(?:docker|podman)\s+(?:run|create|port))(?![\w-])')
#: Variables of shells that end like a secret. A directory in one is the current or the last one.
_DIRECTORY = re.compile(r'(?<![\w-])(?:old)?pwd\Z')
_END_OF_COMMAND = re.compile(r'[\n|;]|&&')
#: Placeholders of format strings.
FORMAT = re.compile(r'%s|%r|%\(\w+\)s|\{\w*\}')
#: Values of ``-p`` that are not passwords: a port, path, file, pytest plugin or metavariable.
_NO_PASSWORD = re.compile(
    r'[\d.:/-]+(?:/(?:tcp|udp))?|[/.~$%{<].*|no:.*|[\w.]+\]'
    r'|.*\.(?:py|conf|xml|json|img|raw|log|qcow2|patch|txt)')


def introduces_prose(found: re.Match[str]) -> bool:
    """Return whether a key is followed by prose instead of a value: see the module ``prose``.

    :param found: a match in a text in lower case, with the group ``value`` and, if the key can be
        quoted, ``keyquote`` and ``quote``.
    """
    lower, key, start = found.string, found.start(), found.start('value')
    if not lower[start - 1].isspace() or lower[key:start].rstrip()[-1:] != ':':
        return False
    if group(found, 'keyquote') or group(found, 'quote'):
        return False
    if key > 1 and lower[key - 1] == '-' and lower[key - 2].isalnum():
        return False
    return prose.is_prose(lower, start)


def group(found: re.Match[str], name: str) -> str | None:
    """Return the text of a group, or None if the pattern has no such group."""
    return found[name] if name in found.re.groupindex else None


def mask(text: Text, met: Callable[[str], None]) -> None:
    """Mask the secrets of a text.

    :param met: called with each value that was masked because of the keyword before it.
    """
    lower = text.lower
    # Written out, because this is the fastest way to find that a text has nothing to mask.
    if ('pass' in lower or 'key' in lower or 'token' in lower or 'secret' in lower
            or 'credential' in lower or 'kek' in lower or 'wd' in lower or 'cookie' in lower
            or 'configdrive' in lower or 'swifthash' in lower or 'data' in lower
            or 'authorization' in lower or 'bearer' in lower or 'value' in lower
            or '-p' in lower or '-u' in lower):
        _mask_keyed(text, met)
    plain = text.text
    if ('gh' in plain or 'eyJ' in plain or 'AAAA' in plain or 'AKIA' in plain or 'ASIA' in plain
            or 'xox' in plain or 'AQ' in plain or 'SHA256:' in plain):
        plain = patterns.TOKEN.sub(MASK, plain)
    if plain.count(':') >= 15:
        plain = patterns.FINGERPRINT.sub(MASK, plain)
    if '-----BEGIN' in plain:
        plain = patterns.PEM.sub(rf'\1{MASK}\3', plain)
    text.set(plain)


def _mask_keyed(text: Text, met: Callable[[str], None]) -> None:
    def masked(value: str, found: re.Match[str]) -> str:
        if (value.lower() in patterns.HARMLESS or FORMAT.fullmatch(value)
                or introduces_prose(found)):
            return value
        if value != MASK:
            met(value)
        return MASK

    def keyed(value: str, found: re.Match[str]) -> str:
        if found['pair'] and re.match(r'\\*["\']\s*:', found.string[found.end('value'):][:8]):
            return value                    # the next key of a dict
        if len(value) == 1 and not value.isalnum():
            return value                    # an unexpected token '}'
        if (value.startswith('/') and _DIRECTORY.search(found.string[:found.start() + 2][-7:])
                and os.path.isdir(value)):
            return value                    # hidden as a path, if it needs to be
        stars = masked(value, found)
        if stars is MASK and found['keyquote'] and not found['quote']:
            # A number in JSON becomes a string, so that it stays JSON.
            return f'{found["keyquote"]}{MASK}{found["keyquote"]}'
        return stars

    def argument(value: str, found: re.Match[str]) -> str:
        is_prose = prose.is_prose(found.string, found.start('value'))
        return value if is_prose else masked(value, found)

    def option(value: str, found: re.Match[str]) -> str:
        return masked(value, found) if _is_password(found) else value

    lower = text.lower
    stems = list(filter(lower.__contains__, patterns.SECRET_STEMS))
    if stems:
        text.replace(patterns.keyed_secret(*stems if len(stems) == 1 else ()), keyed)
        if '</' in lower:
            text.replace(patterns.KEYED_SECRET_ELEMENT, masked)
        if '--' in lower:
            text.replace(patterns.KEYED_SECRET_ARGUMENT, argument)
    if ' -p' in lower or "'-p'" in lower or '"-p"' in lower:
        text.replace(patterns.KEYED_SHORT_OPTION, option)
        if 'mysql' in lower or 'mariadb' in lower:
            text.replace(patterns.KEYED_ATTACHED_OPTION, masked)
    if ' -u' in lower or '--user' in lower or "'-u'" in lower:
        text.replace(patterns.KEYED_USER_OPTION, option)
    if 'authorization' in lower or 'cookie' in lower:
        text.replace(patterns.KEYED_HEADER, masked)
    if 'bearer' in lower:
        text.replace(patterns.KEYED_BEARER, masked)
    if 'value' in lower:
        text.replace(patterns.KEYED_LIBVIRT_SECRET, masked)
        text.replace(patterns.KEYED_LIBVIRT_CALL, masked)


def _is_password(found: re.Match[str]) -> bool:
    """Return whether the value of a short option is a password, or a user with a password."""
    lower, start = found.string, found.start()
    if _NO_PASSWORD.fullmatch(found['value']) or prose.is_prose(lower, found.start('value')):
        return False
    *_, command = _END_OF_COMMAND.split(lower[max(0, start - 300):start])
    return bool(command.strip()) and not _OTHER_P.search(command)


def spellings(secret: str) -> set[str]:
    """Return the secret in the encodings that a text may use."""
    raw = secret.encode()
    return {
        secret, repr(secret)[1:-1], repr(raw)[2:-1], json.dumps(secret)[1:-1],
        html.escape(secret), html.escape(secret, quote=False),
        urllib.parse.quote(secret), urllib.parse.quote(secret, safe=''),
        urllib.parse.quote_plus(secret), base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(), raw.hex()}
