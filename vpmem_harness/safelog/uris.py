"""Masks the credentials and hides the hosts of URIs, and keeps their structure.

A URI may have several hosts, each with its own credentials, such as ``transport_url`` of
oslo.messaging: ``rabbit://nova:x@a:5672,nova:x@b:5672/``. Passwords may contain characters that
should have been escaped; ambiguous text before an ``@`` is treated as part of a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vpmem_harness.safelog.secret import MASK

URI = re.compile(r'''://[^\s"'<>]+''')

#: The start of another URI, after a comma or as the value of a query.
_NEXT = re.compile(r'(?<=[,;|&=(])(?=[A-Za-z][A-Za-z0-9+.-]{0,30}://)')
_CREDENTIALS = re.compile(r'[^/@:]{0,256}:.{0,512}@|[^/@:]{1,256}@', re.DOTALL)
_HOST = r'(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)'
_HOSTS = re.compile(rf'{_HOST}(?::\d+)?(?:,{_HOST}(?::\d+)?(?![\w=%]|:/))*')
#: The text between two @: hosts, then the next credentials.
_BETWEEN = re.compile(rf'(?P<hosts>{_HOST}(?::\d+)?(?:,{_HOST}(?::\d+)?)*),'
                      r'(?P<credentials>[^,/:]+(?::.*)?)', re.DOTALL)
_ONE_HOST = re.compile(rf'(?<![:\w]){_HOST}')


def redact(run: str, hide: Callable[[str], str], met: Callable[[str], None]) -> str:
    """Redact the part of a text from ``://`` to the next space or quote.

    :param hide: returns what is shown for a host.
    :param met: called with each password.
    """
    if run.count('://') == 1:
        return '://' + _redact(run[3:], hide, met)
    parts = []
    for part in _NEXT.split(run):
        before, _, rest = part.partition('://')
        parts.append(f'{before}://{_redact(rest, hide, met)}')
    return ''.join(parts)


def _redact(rest: str, hide: Callable[[str], str], met: Callable[[str], None]) -> str:
    found = _CREDENTIALS.match(rest) if '@' in rest else None
    shown = ''
    if found:
        first, *between = found[0][:-1].split('@')
        given = [first]
        shown = _mask(first)
        for piece in between:
            both = _BETWEEN.fullmatch(piece)
            if both:
                given.append(both['credentials'])
                shown += f'{_hide(both["hosts"], hide)},{_mask(both["credentials"])}'
            else:
                given[-1] += f'@{piece}'
        for credentials in given:
            met(credentials.partition(':')[2])
        rest = rest[found.end():]
    hosts = _HOSTS.match(rest)
    if hosts is None:
        return shown + rest
    return shown + _hide(hosts[0], hide) + rest[hosts.end():]


def _mask(credentials: str) -> str:
    return f'{MASK}:{MASK}@' if ':' in credentials else f'{MASK}@'


def _hide(hosts: str, hide: Callable[[str], str]) -> str:
    return _ONE_HOST.sub(lambda found: hide(found[0]), hosts)
