"""Distinguishes prose from a key with a value.

``user: alice`` is a key with a value, ``user: not found`` is prose, and both have the same form:

* Only an unquoted key followed by a colon and a space can introduce prose. A key that is part of
  a name with dashes (``X-Auth-Token: x``) is a header and cannot.
* A quoted value of a secret is never prose. A quoted value of another key is prose if it has
  several words and begins like prose.
* Prose begins with a word that is rarely a name or a password, such as an article, a preposition or
  an auxiliary verb (``OPENERS``), and continues after it; or it begins with the name of a state or
  type (``STATES``), which may be the only word: ``token: expired``.

If none of this applies, the text is a value and is hidden.
"""

from __future__ import annotations

from functools import lru_cache

#: Words that begin prose if more words follow. The last lines are nouns with which messages of
#: Nova and its libraries begin.
OPENERS = frozenset('''
    a about above according across added after again against all almost alone already also although
    always among an and another any anybody anyone anything apart are aren't around as ask assuming
    at available bad became because become been before begin begins behind being below beneath
    beside besides between beyond both but by came can can't cannot cause choose come comes consider
    contact correct could couldn't did didn't do does doesn't doing don't done down due during each
    either else enough enter even every everybody everyone everything except exists expected expects
    failed fails few fewer following for forget found from further gave get gets give given gives go
    goes going gone got had hadn't has hasn't have haven't having he hence her here herself him
    himself his how however i if in inside instead into is isn't it it's its itself just keep keeps
    kept last later latest least leave leaves less let like look looks made make makes many may
    maybe me mere might mine more moreover most much must my name names near needs neither never
    next no nobody none nor not nothing now nowhere of off often old on once one only onto or other
    others otherwise our ours out outside over own per perhaps permission please possibly
    previously provide put quite rather really received remember same say says see seems seen set
    several shall she should shouldn't show shows simply since so some somebody someone something
    sometimes somewhere soon still such supply take taken takes tell than that that's the their
    theirs them themselves then there there's therefore these they thing things this those though
    three through throughout thus till to together too took toward towards tried tries try trying
    twice two unable under unless until up upon use used uses using usually various very via want
    wants was wasn't we well went were weren't what whatever when whenever where whereas wherever
    whether which whichever while who whoever whole whom whose why will with within without won't
    would wouldn't write yet you your yours yourself zero
    access aggregate argument authentication authorization character characters communication
    connection details directory duration error errors exception field file files flavor
    identity image instance instances interface key keypair length migration network operation
    path policy quota reason request resource response snapshot value values version volume
    '''.split())  # noqa: SIM905

#: States and types, which begin prose or are all of it.
STATES = frozenset('''
    absent accepted allowed ambiguous authenticated authorized banned blank blocked broken busy
    cancelled changed checked cleared closed compromised configured corrupt corrupted created
    deactivated defined deleted denied deprecated different disabled disallowed disconnected
    discarded down duplicate duplicated empty enabled encrypted exceeded excluded existing expired
    expiring failing forbidden forced forgotten generated gone hidden identical ignored illegal
    inaccessible incompatible incomplete inconsistent incorrect ineligible insufficient invalid
    irrelevant known limited locked lost malformed masked mandatory mismatch mismatched misspelled
    missing needed nonexistent obsolete offline omitted optional overloaded overridden outdated
    parsed pending present private prohibited protected public read-only recognized redacted refused
    registered rejected removed renamed repeated replaced required reset resolved restricted
    revoked rotated scheduled skipped specified stale suspended timeout truncated unauthenticated
    unauthorized unavailable unchanged undecided undefined unencrypted unexpected unhealthy unique
    unknown unlocked unmasked unnecessary unneeded unreachable unreadable unrecognized unregistered
    unreliable unresolvable unresolved unresponsive unset unspecified unsuitable unsupported
    untrusted unusable unused unverified unwanted updated valid verified weak withheld wrong
    yes no
    str int bool bytes dict list tuple object float callable any
    '''.split())  # noqa: SIM905

def is_prose(lower: str, start: int) -> bool:
    """Return whether a text in lower case continues with prose at ``start``.

    >>> is_prose('user: not found', 6), is_prose('user: alice was not found', 6)
    (True, False)
    """
    return _is_prose(lower[start:start + 40].partition('\n')[0])


@lru_cache(maxsize=1024)
def _is_prose(text: str) -> bool:
    words = text.split(None, 1)
    if not words:
        return False
    first = words[0].rstrip('.,;:!?)]}"\'\\').replace('\u2019', "'")
    if first in STATES:
        return True
    return first in OPENERS and (len(words) > 1 or words[0][len(first):][:1] in (',', ':'))
