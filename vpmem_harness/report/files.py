"""Where reports are saved, and the names of their files."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vpmem_harness.cloud.cloud import Cloud
from vpmem_harness.exceptions import unwritable
from vpmem_harness.host.machine import Host
from vpmem_harness.report.collect import collect
from vpmem_harness.report.model import Report
from vpmem_harness.report.page import check_jinja, page

#: The longest name of a file without its suffix; most file systems accept 255 bytes.
_NAME_LENGTH = 150


def check_directory(directory: str, what: str = 'directory of reports') -> Path:
    """Make the directory of reports if it is missing, and return it.

    :param what: the option that names it, for errors.
    :raises InvalidInputError: when it cannot be written to, and when Jinja is not installed.
    """
    check_jinja()
    path = Path(directory).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise unwritable(what, directory, error, kind='directory') from error
    return path


def file_name(test: str) -> str:
    """Return the name of the file for a test, given by its id: ``test_x.Case.test_y.html``.

    If characters are replaced, such as those of parameters, the name ends with a part of a hash,
    so that two tests never share a file.
    """
    base, bracket, values = test.partition('[')
    name = base.replace('.py::', '.').replace('::', '.').replace('/', '.') + bracket + values
    plain = re.sub(r'[^A-Za-z0-9_.]+|[.]{2,}', '-', name).strip('-.')
    if plain != name or len(plain) > _NAME_LENGTH:
        digest = hashlib.sha256(test.encode('utf-8', 'surrogatepass')).hexdigest()[:8]
        plain = f'{plain[:_NAME_LENGTH]}-{digest}'
    return f'{plain}.html'


def save(text: str, path: Path) -> None:
    """Write a page, in one step: a reader never sees a part of it.

    :raises InvalidInputError: when the file cannot be written.
    """
    partial = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        partial.write_text(text, encoding='utf-8')
        partial.replace(path)
    except OSError as error:
        raise unwritable('report', path, error) from error


def about(fixtures: Iterable[Any], *, title: str, failure: str = '') -> Report:
    """Return a report on fixtures that are set up; those without a host are left out."""
    fixtures = list(fixtures)
    clouds = [one for one in fixtures if isinstance(one, Cloud)]
    hosts = [host for one in fixtures if isinstance(host := vars(one).get('host'), Host)]
    seeds = [str(one.seed) for one in fixtures if hasattr(one, 'seed')]
    facts = {'seed': ', '.join(dict.fromkeys(seeds))} if seeds else {}
    for cloud in clouds:
        facts['backend'] = cloud.backend.name
    return collect(hosts, clouds, title=title, failure=failure, facts=facts)


def write(fixtures: Iterable[Any], directory: str, test: str, *, failure: str = '') -> Path:
    """Write the report of a failed test about its fixtures, and return the path.

    :raises InvalidInputError: when the page cannot be written.
    """
    path = check_directory(directory) / file_name(test)
    save(page(about(fixtures, title=test, failure=failure)), path)
    return path
