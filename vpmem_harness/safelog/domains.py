"""Finds host names with a domain among the other names with dots in a log.

``compute-17.rack3.corp.example.com`` is a host name; ``nova.compute.manager``, ``self.host.name``,
``libvirt.so.0``, ``nova.conf``, ``34.0.0`` and ``org.qemu.guest_agent.0`` are not. The last label
decides. If it is also a common end of modules, attributes or files, the other labels decide: a
dash, or a number as in ``node7``, is typical of host names.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache

from vpmem_harness.safelog import names

#: Top-level domains that are rarely the end of another name.
_TOP = frozenset('''
    com org edu gov mil biz arpa example invalid localdomain novalocal openstacklocal lan intranet
    corp local internal net
    '''.split())  # noqa: SIM905
#: Top-level domains that are also the end of modules, attributes and files.
_AMBIGUOUS = frozenset('''
    io dev cloud info name test site host home private app tech online systems network software
    solutions services hosting cluster lab prod production staging dc domain office work zone svc
    int pro mobi aero asia coop jobs museum tel travel cat post eu
    ac ad ae af ag ai al am ao aq ar at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv
    bw by bz ca cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cz de dj dk dm do dz ec ee eg er es et
    fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu
    ie il im iq ir je jm jo jp ke kg kh ki km kn kp kr kw ky kz lb lc li lk lr ls lt lu lv ly
    ma mc me mg mh mk mm mn mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz
    om pa pe pf pg ph pk pn pr pt pw qa re ro ru rw sa sb sc sd se sg si sj sk sl sm sn sr ss
    st su sv sx sy sz tc td tf tg th tj tk tl tm tn tr tt tv tw tz ua ug uk us uy uz va vc ve vg
    vi vn vu wf ws ye yt za zm zw
    '''.split())  # noqa: SIM905
#: Country codes that are also usual file name extensions.
_FILE_LIKE = frozenset('cc gz id in is it la md ml mo pl pm ps rs sh so to as hs vb cs'.split())  # noqa: SIM905
#: Extensions of files and units, which are never the end of a host name.
_ENDINGS = frozenset('''
    py pyc pyi so log conf cfg ini json jsonl yaml yml xml html htm txt rst md toml lock sock socket
    pid service timer slice scope target mount path device img iso qcow raw vmdk vhd vdi
    bak orig rej tmp swp sample template tmpl j2 jinja diff patch tar tgz zip xz zst bz2 gz
    deb rpm whl egg ko bin fd rng xsd dtd css js ts map crt pem key csr cer pub der p12 db sqlite
    ovs fifo dump core out err ppk sql csv tsv po pot mo
    '''.split())  # noqa: SIM905
_LAST = _TOP | _AMBIGUOUS | _FILE_LIKE | _ENDINGS
#: First labels of attribute chains, modules and reversed names.
_FIRST_OF_CODE = frozenset('''
    self cls conf lib nova placement oslo oslo_messaging keystoneauth1 urllib3 sqlalchemy eventlet
    greenlet corolocal lxml libvirt stevedore fixtures testtools requests webob paste jsonschema
    com org net io edu gov fr de iqn nqn eui naa rfc obj instance context
    '''.split())  # noqa: SIM905

#: Sites and XML namespaces of public projects, which identify nobody. A name below them with a
#: digit or a dash is a machine's and does not match.
_PUBLIC = re.compile(
    r'(?:[a-z]+\.)*(?:libvirt\.org|openstack\.org|opendev\.org|launchpad\.net|w3\.org|relaxng\.org'
    r'|qemu\.org|python\.org|kernel\.org|pmem\.io|sqlalche\.me|sqlalchemy\.org)'
    r'|urllib3\.readthedocs\.io|docs\.sqlalchemy\.org')

#: The last label of a name with dots, if it begins with a letter.
_END = re.compile(r'\.(?<=[A-Za-z0-9]\.)([A-Za-z][A-Za-z0-9-]*+)(?![\w-]|\.\w)')
_IDENTIFIER = re.compile(r'[a-z_][a-z0-9_]*')
_NUMBERED = re.compile(r'[a-z][a-z-]*\d+[a-z]?')
_NUMBERED_WITH_DASH = re.compile(r'(?!instance-)[a-z][a-z0-9]*(?:-[a-z0-9]+)*-\d+[a-z]?')

#: The longest name that DNS allows.
_LONGEST = 253


def is_public(host: str) -> bool:
    """Return whether a host, in lower case, is the site of a public project."""
    return bool(_PUBLIC.fullmatch(host))


def places(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each host name with a domain in a text."""
    found: list[tuple[int, int]] = []
    done = 0
    for last in _END.finditer(text):
        end = last.end()
        if last[1].lower() not in _LAST and '-' not in text[text.rfind(' ', done, end) + 1:end]:
            continue
        lowest = max(done, end - _LONGEST)
        if text[end:end + 1] == '(':
            continue                    # a call
        start = last.start()
        while start > lowest and (text[start - 1].isalnum() or text[start - 1] in '.-'):
            start -= 1
        length = host_part(text[start:end])
        if length and not (start > 0 and text[start - 1] in '_<'):
            done = start + length
            found.append((start, done))
    return found


@lru_cache(maxsize=4096)
def host_part(name: str) -> int:
    """Return the length of the host name at the start of a name with dots: all, a part or 0."""
    while '.' in name:
        if is_host(name):
            return len(name)
        name, _, last = name.rpartition('.')
        if last.lower() not in _ENDINGS:
            break
    return 0


def is_host(name: str) -> bool:
    """Return whether a name with dots is a host name."""
    labels = name.lower().split('.')
    last = labels[-1]
    if not all(labels) or labels[0][0] == '-' or last in _ENDINGS or is_public('.'.join(labels)):
        return False
    is_code = all(map(_IDENTIFIER.fullmatch, labels))
    if labels[0] in _FIRST_OF_CODE or (is_code and labels[0] in sys.stdlib_module_names):
        return False
    dashed = any('-' in label for label in labels[:-1])
    if last in _TOP:
        # After an ordinary word these are attributes and files: vif.net, disk.local.
        return not (last in ('net', 'local') and is_code and len(labels) == 2
                    and labels[0] != 'example' and not names.is_distinctive(labels[0]))
    if any(map(str.isdigit, labels)):
        return False
    if last in _AMBIGUOUS:
        return dashed or (len(labels) > 2 and bool(_NUMBERED.fullmatch(labels[0])))
    if last in _FILE_LIKE:
        return len(labels) > 2 and (dashed or bool(_NUMBERED.fullmatch(labels[0])))
    return (len(labels) > 2 and name == name.lower() and '-' not in last
            and bool(_NUMBERED_WITH_DASH.fullmatch(labels[0])))


def is_domain(name: str) -> bool:
    """Return whether the part of an address after the @ can be a domain."""
    last = name.rpartition('.')[2].lower()
    return last.isalpha() and len(last) > 1 and last not in ('service', 'socket', 'timer', 'slice',
                                                             'scope', 'target', 'mount')
