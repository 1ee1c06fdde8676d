"""URIs: each credential masked and each host hidden where it stands.

A URI may name several hosts, each with its own credentials, as ``transport_url`` of oslo.messaging
does: ``rabbit://nova:x@a:5672,nova:x@b:5672/``. What is between ``://`` and an ``@`` may hold
characters that should have been escaped; in doubt it is part of a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from vpmem_harness.safelog.secret import MASK

URI = re.compile(r'''://[^\s"'<>]+''')

#: Where the next URI begins, behind a comma or as the value of a query.
_NEXT = re.compile(r'(?<=[,;|&=(])(?=[A-Za-z][A-Za-z0-9+.-]{0,30}://)')
_CREDENTIALS = re.compile(r'[^/@:]{0,256}:.{0,512}@|[^/@:]{1,256}@', re.DOTALL)
_HOST = r'(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)'
_HOSTS = re.compile(rf'{_HOST}(?::\d+)?(?:,{_HOST}(?::\d+)?(?![\w=%]|:/))*')
#: What is between two @: the hosts of the first credentials, and the next ones.
_BETWEEN = re.compile(rf'(?P<hosts>{_HOST}(?::\d+)?(?:,{_HOST}(?::\d+)?)*),'
                      r'(?P<credentials>[^,/:]+(?::.*)?)', re.DOTALL)
_ONE_HOST = re.compile(rf'(?<![:\w]){_HOST}')


def redact(run: str, hide: Callable[[str], str], met: Callable[[str], None]) -> str:
    """What goes from a ``://`` to the next space or quote, with its credentials and hosts hidden.

    :param hide: gives what is shown for a host.
    :param met: is called with each password.
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
