r"""The forms of sensitive values in a text: in prose, reprs, JSON, XML.

Each pattern takes time linear in the text. Patterns whose name begins with ``KEYED`` look for a
word that introduces a value. They are written in lower case and matched against the text in lower
case; the group ``value`` is replaced. A pattern begins with a literal or a set, and a look-behind
follows it, so that the search skips text that cannot match.

The words that introduce a secret are those of ``oslo_utils.strutils.mask_password``. A word counts
only as the last part of a name, so that ``secret_uuid`` and ``token_type`` introduce none.
"""

from __future__ import annotations

import functools
import re

_PASS = ('admin', 'new', 'old', 'user', 'root', 'db', 'rescue', 'image')
_KEY = ('private', 'api', 'access', 'secret', 'encryption', 'encrypted', 'ssl', 'ssh', 'fernet',
        'auth', 'authentication', 'hmac', 'shared', 'client', 'signing', 'rndc', 'mds',
        'cephmon', 'heartbeat', 'rgw', 'admin', 'master', 'storage')


def _behind(uses: tuple[str, ...], joints: tuple[str, ...], word: str) -> str:
    """What lets a word pass only with one of the uses before it; it takes no characters."""
    return '|'.join(f'(?<={use}{joint}{word})' for use in uses for joint in joints)


#: The words that announce a secret, by a part that each text with one of them has.
_WORDS = {
    'pass': f'pass(?:word|wd|phrase|code|{_behind(_PASS, ("", "_"), "pass")})',
    'key': f'key(?:{_behind(_KEY, ("", "_", "-"), "key")})',
    'token': 'token', 'secret': 'secret', 'credential': 'credential', 'kek': 'kek',
    'wd': 'wd(?:(?<=pwd)|(?<=pswd))', 'cookie': 'cookie(?<=rabbitcookie)',
    'configdrive': 'configdrive', 'swifthash': 'swifthashsuffix',
    # What a server runs when it first boots: passwords, in base64.
    'data': f'data(?:{_behind(("user",), ("", "_"), "data")})',
}
SECRET_STEMS = tuple(_WORDS)
_NUMBERED = '(?:[_-]?hash)?(?:_?\\d+)?'
_WORD = f'(?:{"|".join(_WORDS.values())}){_NUMBERED}'

#: A bare value ends where a list, a call or a query goes on, not at every comma or bracket.
_BARE = r'''(?:\{sha\d+\})?
    (?:[^\s"'<>{}()\[\],;&\\] | \\(?!["'nrt]) | [,;&](?![\s"'{\[(]|[\w.%-]+\s*[=:]|$)
     | [({\[]\w | [)\]}](?=\w))+'''
#: A quote may be escaped, as in JSON within JSON, and a quoted value hold escapes; one that is cut
#: off goes on to the end of its line.
_VALUE = rf'''(?:[ub]{{0,2}}(?P<quote>\\*["']))?
    (?P<value>(?(quote)(?:(?:\\.|[^\\])*?(?=(?P=quote))|[^\n]+)|{_BARE}))'''

#: ``password = 'x'``, ``"adminPass": "x"``, ``passwd='x'``, ``('X-Auth-Token', 'x')``,
#: ``token 'x'``.
_KEYED = rf'''(?![\w-])
    (?: (?P<keyquote>\\*["'])?\s*(?:=>?|:(?!//)|%3[ad])\s*
      | \\*["']\s*(?P<pair>,)\s*(?=[ub]{{0,2}}\\*["'])
      | \s+(?=["']) )
    {_VALUE}'''


@functools.cache
def keyed_secret(stem: str | None = None) -> re.Pattern[str]:
    """Return the pattern of a secret behind a word that introduces it.

    Compiled when it is used, because together these patterns take ten milliseconds.

    :param stem: the only stem in the text: the search then skips what does not have it.
    """
    words = _WORD if stem is None else _WORDS[stem] + _NUMBERED
    return re.compile(words + _KEYED, re.VERBOSE | re.DOTALL)


#: ``--os-password x``; ``<password>x</password>``.
KEYED_SECRET_ARGUMENT = re.compile(rf'--[\w-]{{0,60}}?{_WORD}\s+(?!-)(?P<value>[^\s"\']+)')
KEYED_SECRET_ELEMENT = re.compile(
    rf'<[\w:.-]{{0,60}}?{_WORD}(?:\s[^<>]*)?>(?P<value>[^<]+)(?=</)')

#: ``mysql -u nova -p x``, ``['sshpass', '-p', 'x']``; ``curl -u user:x``. Many programs have an
#: option ``-p`` of another meaning: see :mod:`vpmem_harness.safelog.masking`.
KEYED_SHORT_OPTION = re.compile(
    r'''(?:(?<=\s)-p(?:\s+|=)(?P<quote>["'])? | (?<=["'])-p["'],\s*(?P<item>["']))
        (?P<value>(?(item)[^"'\n]+|(?(quote)[^"'\n]+|[^\s"'-][^\s"']*)))''', re.VERBOSE)
KEYED_ATTACHED_OPTION = re.compile(
    r'''(?:mysql|mariadb)[\w-]*\s(?:[^\n|;]{0,200}?\s)?-p(?P<value>[^\s"'-][^\s"']*)''')
KEYED_USER_OPTION = re.compile(
    r'''(?<=[\s"'])(?:-u|--user|--proxy-user)(?:["'],)?[\s=]\s*["']?
        (?P<value>[^\s"':]+:[^\s"':]+)(?=[\s"']|\Z)''', re.VERBOSE)

#: HTTP headers whose whole value is a secret, and the value of a bearer without its header.
KEYED_HEADER = re.compile(
    r'''(?:authorization|cookie)(?:\\*["'])?\s*[:=,]\s*(?:[ub]{0,2}\\*["'])?
        (?:(?:basic|bearer|digest|negotiate)\s+)?(?P<value>[^"'\\\n]+)''', re.VERBOSE)
KEYED_BEARER = re.compile(
    r'bearer\s+(?P<value>(?=[\w.~+/-]*\d|[\w.~+/-]{16})[\w.~+/-]{6,}=*)')

#: The body of a libvirt secret, on virsh's command line and in a call of the API.
KEYED_LIBVIRT_SECRET = re.compile(
    r'''secret-set-value\s+(?:--secret\s+)?\S+\s+(?:--base64\s+)?(?P<value>[^\s"',()]+)''')
KEYED_LIBVIRT_CALL = re.compile(r'(?:secret_?set|\.set)_?value\w*\((?P<value>[^()]+)')

#: What a tag holds before its end, pseudonyms included.
_TAG = r'(?:[^<>]|<\w+:\w+>)*?'

#: What introduces a key of several spellings: ``user=``, ``'user': u'``, ``\\"user\\": \\"``.
_IS = r'''(?P<keyquote>\\*["'])?\s*[:=]\s*(?:[bfru]{0,2}(?P<quote>\\*["']))?'''

#: What a user, a project or a host is called. A quoted user may have several words.
OWNER_STEMS = ('user', 'project', 'tenant', 'account', 'owner', 'logname')
_OWNER = (
    rf'''(?:_?id|_?name)?(?:_\d+)?{_IS}
        (?P<value>\w(?(quote)(?:[\w.@-]*(?:\ [\w.@-]+){{0,3}}(?=\\*["'])|[\w.@-]*)
                     |(?:[\w.@-]*\w)?))''')


@functools.cache
def keyed_owner(stem: str = f'(?:{"|".join(OWNER_STEMS)})') -> re.Pattern[str]:
    """Return the pattern of an owner behind a word that introduces it.

    :param stem: the only stem in the text.
    """
    return re.compile(stem + _OWNER, re.VERBOSE)


#: Who asked, in oslo.log's formats: ``[None req-<uuid:a> USER PROJECT - - -]``, ``user_identity``.
_IDENTITY = r'''(?P<value>[\w.@<>:-]+(?:\ [\w.@<>:-]+){1,5})(?=\s*[\]"'\\])'''
KEYED_IDENTITY = re.compile(r'req-\S+\s' + _IDENTITY)
KEYED_USER_IDENTITY = re.compile(
    r'''user_identity(?:\\*["'])?\s*[:=]\s*\\*["']''' + _IDENTITY)
KEYED_OWNER_ELEMENT = re.compile(rf'<nova:(?:user|project)\b{_TAG}>(?P<value>[^<]+)(?=<)')
KEYED_HOST = re.compile(
    rf'''host(?<![a-z]host)(?:_?name)?(?:_\d+)?{_IS}(?P<value>[a-z0-9](?:[\w.-]*\w)?)''',
    re.VERBOSE)
#: Nova's other words for a host; with a colon only as the key of a dictionary.
_NODE = r'''(?:(?P<keyquote>\\*["'])\s*:|\s*=)\s*(?:[bfru]{0,2}(?P<quote>\\*["'])|(?(keyquote)(?!)))
           (?P<value>[a-z](?:[\w.-]*\w)?)'''
KEYED_NODE = re.compile(
    rf'''node(?:(?<![\w-]node)|(?<=source_node)|(?<=dest_node))(?:_?name)?{_NODE}''', re.VERBOSE)
KEYED_COMPUTE = re.compile(
    rf'''_compute(?:(?<=source_compute)|(?<=dest_compute)){_NODE}''', re.VERBOSE)
KEYED_HOST_ELEMENT = re.compile(
    rf'<host(?:\s{_TAG}\bname=["\']|name>|>(?=[^<>\s]+</host>))(?P<value>[^<>"\'\s]+)')
#: Places that have a host without a key: a line of syslog, a server that was not reached, Nova's
#: HostState, oslo.messaging's Target.
SYSLOG_HOST = re.compile(
    r'''^(?:[a-z]{3}\ [\ \d]\d\ \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dt[\d:.+-]+z?)[ ]
        (?P<value>[\w.-]+)\ [\w./@-]+\[\d+\]:\ ''', re.VERBOSE | re.MULTILINE)
SERVER_ON_HOST = re.compile(
    r'''server\ (?:on|at)\ (?P<quote>["'])?(?P<value>[a-z][\w.-]*)
        (?=(?(quote)(?::\d+)?["'][\s:,(]|:\d))''', re.VERBOSE)
#: ``host compute-17``, ``node 'db7'``: with a number a name is none of prose's words.
NUMBERED_HOST, NUMBERED_NODE = (re.compile(
    rf'''{noun}\ (?P<quote>["'])?(?!instance-)
        (?P<value>(?(quote)[a-z][a-z0-9-]*\d[a-z0-9-]*|[a-z][a-z0-9]*(?:-[a-z0-9]+)*-\d+))
        (?=(?(quote)["']|(?:[\s,;:)]|\.\s|\.?\Z)))''', re.VERBOSE) for noun in ('host', 'node'))
UNIX_USER = re.compile(r'id=(?<=[ug]id=)\d+\((?P<value>[\w.-]+)(?=\))')
HOST_STATE = (re.compile(r'\((?P<value>[\w.-]+)(?=, [\w.<>:-]+\) ram:)'),
              re.compile(r'\([\w.<>:-]+, (?P<value>[\w.-]+)(?=\) ram:)'))
TARGET_HOST = re.compile(r'<target [^>]{0,200}?\bserver=(?P<value>[\w.-]+)')

#: What every text with an address has.
AT = re.compile(r'''@(?<=[\w.+%"'`-]@)[\w"'`<]''')
#: ``alice@example.org``; ``alice@node7`` and MySQL's ``'nova'@'node7'``.
EMAIL = re.compile(
    r'(?<![\w.+%@/:-])\w[\w.+%-]{0,63}@(?P<domain>(?:[^\W_]|-)+(?:\.(?:[^\W_]|-)+)+)'
    r'(?![\w@-])')
USER_AT_HOST = re.compile(
    r'''(?<![\w.+%@/:-])(?P<quote>["'`])?(?P<user>[^\W\d][\w.-]*)(?(quote)(?P=quote))@
        (?:(?P<hostquote>["'`])?(?P<host>[^\W\d_][\w-]*)(?(hostquote)(?P=hostquote))
           (?=[\s:,;)\]"'~$>]|\.?\Z|\.\s)
         | (?=["'`]?<(?:ip|host|mac):))''', re.VERBOSE)

#: Serial numbers: of a DIMM (``ndctl list`` shows it as ``id``), of the set of DIMMs that a region
#: is interleaved over, of disks and machines.
#: The match begins behind the first four digits, because then the search skips what is no dash.
DIMM = re.compile(r'-(?<=[0-9a-fA-F]{4}-)(?<![\w-].{4}-)[0-9a-fA-F]{2}-[0-9a-fA-F]{4}-'
                  r'[0-9a-fA-F]{8}(?![\w-])')
KEYED_DIMM = re.compile(
    r'''id(?<=["']id)\\*["']\s*:\s*\\*["'](?P<value>[0-9a-f]{4}-[0-9a-f]{8})(?=\\*["'])''')
KEYED_SERIAL = re.compile(
    r'''(?:serial(?:[_ -]?(?:number|num|no))?|iset_?(?:id|cookie)|dimm_?uid|wwn|wwpn)
        (?P<keyquote>\\*["'])?\s*[:=]\s*(?:[bu]?(?P<quote>\\*["']))?
        (?P<value>(?(quote)[^"'\\\n<>]+|(?=[\w.-]*\d)[\w.-]{4,}))''', re.VERBOSE)
KEYED_SERIAL_ELEMENT = re.compile(
    r'''<(?:serial|wwn|wwpn|entry\ name=["']serial["'])>(?P<value>[^<>\s]+)(?=</)''', re.VERBOSE)

#: Links to disks, whose names contain serial numbers or the identity of a file system.
DISK_LINK = re.compile(r'/dev/disk/by-(?:id|uuid|partuuid)/(?P<value>[\w.:+=@#-]*\w)')

#: Secrets that are known by their own form. An SSH key that is public is none, but has one owner.
TOKEN = re.compile(
    r'''(?<![A-Za-z0-9])(?:
        (?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])            # AWS access keys
      | eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?                # JSON web tokens
      | gAAAA[\w-]{20,}=*                                   # Fernet, Keystone's tokens
      | gh[oprsu]_\w{30,} | xox[abprs]-[\w-]{10,}           # GitHub, Slack
      | AQ[A-Za-z0-9+/]{36,40}={0,2}                        # cephx keys
      | AAAA[BCEIG][A-Za-z0-9+/]{40,}={0,2}                 # SSH keys
      | SHA256:[A-Za-z0-9+/]{43}(?![A-Za-z0-9+/])           # their fingerprints
    )''', re.VERBOSE)

#: The fingerprint that Nova has of a key, in MD5.
FINGERPRINT = re.compile(r'(?<![\w:])[0-9a-f]{2}(?::[0-9a-f]{2}){15}(?![\w:])')

PEM = re.compile(r'(-----BEGIN ([A-Z0-9 ]+)-----)(?:(?!-----BEGIN ).)*?(-----END \2-----|\Z)',
                 re.DOTALL)

UUID = re.compile(r'[0-9a-fA-F](?<![0-9A-Za-z].)[0-9a-fA-F]{7}'
                  r'(?:([-_])(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{24})(?![0-9A-Za-z])')
#: What pytest and reprlib leave of a UUID where they cut a text: its beginning, its end, or both.
CUT_UUID = re.compile(r'(?<![0-9A-Za-z-])[0-9a-fA-F]{8}-[0-9a-fA-F-]{0,26}\.\.\.'
                      r'(?:(?=[0-9a-fA-F-]*-)[0-9a-fA-F-]{0,22}[0-9a-fA-F]{12})?(?![0-9A-Za-z])'
                      r'|\.\.\.(?=[0-9a-fA-F-]*-)[0-9a-fA-F-]{0,22}[0-9a-fA-F]{12}(?![0-9A-Za-z])')
MAC = re.compile(r'[0-9a-fA-F](?<![0-9A-Za-z:].)[0-9a-fA-F]'
                 r'(?:(?::[0-9a-fA-F]{2}){5}|(?:-[0-9a-fA-F]{2}){5})(?![0-9A-Za-z:])')
#: Not a package's or a requirement's version; a version of four parts is told by what goes before.
IPV4 = re.compile(r'[0-9](?<![\w.].)(?<![=<>~]=.)(?<![A-Za-z]-.)\d{0,2}(?:\.\d{1,3}){3}'
                  r'(?!\w|\.\d)')
IPV6 = re.compile(r'[0-9a-fA-F:](?<![\w:.].)(?:(?<!:)[0-9a-fA-F]{0,3}:|:)(?:[0-9a-fA-F]{0,4}:){0,6}'
                  r'(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4})(?:%[\w-]+)?(?![\w:])')
#: A part of every MAC and IP address. These begin with a literal, so that a text without one is
#: searched in a fraction of the time.
MAC_PARTS = (re.compile(r':[0-9a-fA-F]{2}:[0-9a-fA-F]{2}:'),
             re.compile(r'-[0-9a-fA-F]{2}-[0-9a-fA-F]{2}-'))
IPV4_PART = re.compile(r'\.\d{1,3}\.\d{1,3}\.\d')
IPV6_PART = re.compile(r':[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:')
VERSION_BEFORE = re.compile(r'(?:version|release|\bv|\bver\.?)["\']?\s*[:=]?\s*["\']?$',
                            re.IGNORECASE)

#: Values that stand for themselves: nothing is gained by hiding them.
HARMLESS = frozenset({
    '', 'root', 'none', 'null', 'nil', 'true', 'false', '***', '-', 'localhost', 'undefined',
    'unknown', 'localhost.localdomain', 'localhost6', 'ip6-localhost'})
HARMLESS_UUIDS = frozenset({32 * '0', 32 * 'f'})
HARMLESS_MACS = frozenset({12 * '0', 12 * 'f'})
