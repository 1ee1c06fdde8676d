r"""The forms in which sensitive values stand in a text, whatever wrote it: prose, reprs, JSON, XML.

Each takes time linear in the text. Those whose names begin with ``KEYED`` look for a word that
announces a value; they are written in lower case, are matched against the text in lower case, and
what is to be replaced is their group ``value``. A pattern begins with a literal or a set, and its
look-behind follows on that, because then the search skips what cannot match.

What they have in common with ``oslo_utils.strutils.mask_password`` are the words that announce a
secret; a word counts only as the last part of a name, so that ``secret_uuid`` and ``token_type``
announce none.
"""

from __future__ import annotations

import re

_PASS = ('admin', 'new', 'old', 'user', 'root', 'db', 'rescue', 'image')
_KEY = ('private', 'api', 'access', 'secret', 'encryption', 'encrypted', 'ssl', 'ssh', 'fernet',
        'auth', 'authentication', 'hmac', 'shared', 'client', 'signing', 'rndc', 'mds',
        'cephmon', 'heartbeat', 'rgw', 'admin', 'master', 'storage')
_WORD = '(?:' + '|'.join((
    'password', 'passwd', 'passphrase', 'passcode', 'pswd', 'pwd', 'secret', 'token', 'credential',
    'kek', 'rabbitcookie', 'configdrive', 'swifthashsuffix',
    'user_?data',       # what a server runs when it first boots: passwords, in base64
    *(f'{owner}_?pass' for owner in _PASS),
    *(f'{use}[_-]?key' for use in _KEY),
)) + r')(?:[_-]?hash)?\d*'

#: Of these one is in a text with a keyed secret.
SECRET_STEMS = ('pass', 'pswd', 'pwd', 'secret', 'token', 'credential', 'key', 'kek', 'cookie',
                'configdrive', 'swifthash', 'user_data', 'userdata')

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
KEYED_SECRET = re.compile(
    rf'''{_WORD}(?![\w-])
         (?: (?P<keyquote>\\*["'])?\s*(?:=>?|:(?!//)|%3[ad])\s*
           | \\*["']\s*,\s*(?=[ub]{{0,2}}\\*["'])
           | \s+(?=["']) )
         {_VALUE}''', re.VERBOSE | re.DOTALL)

#: ``--os-password x``; ``<password>x</password>``.
KEYED_SECRET_ARGUMENT = re.compile(rf'--[\w-]{{0,60}}?{_WORD}\s+(?!-)(?P<value>[^\s"\']+)')
KEYED_SECRET_ELEMENT = re.compile(
    rf'<[\w:.-]{{0,60}}?{_WORD}(?:\s[^<>]*)?>(?P<value>[^<]+)(?=</)')

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

#: What a user, a project or a host is called.
OWNER_STEMS = ('user', 'project', 'tenant', 'owner', 'account')
KEYED_OWNER = re.compile(
    r'''(?:user|project|tenant|account|owner)(?:_?id|_?name)?(?:\\*["'])?\s*[:=]\s*
        (?:[bfru]{0,2}\\*["'])?(?P<value>\w[\w.@-]*)''', re.VERBOSE)
#: Who asked, in oslo.log's formats: ``[None req-<uuid:a> USER PROJECT - - -]``, ``user_identity``.
KEYED_IDENTITY = re.compile(
    r'''(?:req-\S+\s | user_identity(?:\\*["'])?\s*[:=]\s*\\*["'])
        (?P<value>[\w.@<>:-]+(?:\ [\w.@<>:-]+){1,5})(?=\s*[\]"'\\])''', re.VERBOSE)
KEYED_OWNER_ELEMENT = re.compile(rf'<nova:(?:user|project)\b{_TAG}>(?P<value>[^<]+)(?=<)')
KEYED_HOST = re.compile(
    r'''host(?<![a-z]host)(?:_?name)?(?:\\*["'])?\s*[:=]\s*
        (?:[bfru]{0,2}\\*["'])?(?P<value>[a-z0-9][\w.-]*)''', re.VERBOSE)
KEYED_HOST_ELEMENT = re.compile(rf'<host(?:\s{_TAG}\bname=["\']|name>)(?P<value>[^<>"\']+)')

#: Secrets that are known by their own form, and what a text with one of them holds. An SSH key
#: that is public is none, but it has one owner.
TOKEN_STEMS = ('AKIA', 'ASIA', 'eyJ', 'AAAA', 'gh', 'xox', 'AQ', 'SHA256:')
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

#: ``scheme://user:password@host:port``; the credentials may hold what should have been escaped.
URI = re.compile(
    r'''://
        (?P<credentials>[^\s"'<>/@:]{0,256}:[^\s"'<>]{0,512}@ | [^\s"'<>/@:]{1,256}@)?
        (?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]*)''', re.VERBOSE)
#: Hosts that public texts name: namespaces of XML documents, documentation.
PUBLIC_HOST = re.compile(
    r'(?:^|\.)(?:libvirt\.org|openstack\.org|opendev\.org|launchpad\.net|w3\.org|relaxng\.org'
    r'|qemu\.org|python\.org|kernel\.org|pmem\.io)$')

UUID = re.compile(r'[0-9a-fA-F](?<![0-9A-Za-z].)[0-9a-fA-F]{7}'
                  r'(?:-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{24})(?![0-9A-Za-z])')
MAC = re.compile(r'[0-9a-fA-F](?<![0-9A-Za-z:].)[0-9a-fA-F]'
                 r'(?:(?::[0-9a-fA-F]{2}){5}|(?:-[0-9a-fA-F]{2}){5})(?![0-9A-Za-z:])')
#: Not a package's or a requirement's version; a version of four parts is told by what goes before.
IPV4 = re.compile(r'[0-9](?<![\w.].)(?<![=<>~]=.)(?<![A-Za-z]-.)\d{0,2}(?:\.\d{1,3}){3}'
                  r'(?!\w|\.\d)')
IPV6 = re.compile(r'[0-9a-fA-F:](?<![\w:.].)(?:(?<!:)[0-9a-fA-F]{0,3}:|:)(?:[0-9a-fA-F]{0,4}:){0,6}'
                  r'(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{0,4})(?:%[\w-]+)?(?![\w:])')
VERSION_BEFORE = re.compile(r'(?:version|release|\bv|\bver\.?)["\']?\s*[:=]?\s*["\']?$',
                            re.IGNORECASE)

#: Values that stand for themselves: nothing is gained by hiding them.
HARMLESS = frozenset({
    '', 'root', 'none', 'null', 'nil', 'true', 'false', '***', '-', 'localhost', 'undefined',
    'unknown'})
HARMLESS_UUIDS = frozenset({32 * '0', 32 * 'f'})
HARMLESS_MACS = frozenset({12 * '0', 12 * 'f'})
