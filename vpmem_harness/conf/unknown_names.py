"""Misspelled names of options in the environment and in configuration files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from oslo_config import cfg

#: What the names of the harness's environment variables begin with.
PREFIX = 'VPMEM_HARNESS_'

#: Variables besides the options that a user may set.
USER_VARIABLES = tuple(PREFIX + name for name in (
    'AS_USER', 'CONFIG', 'FLEET', 'HOST', 'NOVA_NEXT_MINIMUM'))

#: Variables that the harness sets for the programs that it starts.
INTERNAL_VARIABLES = tuple(PREFIX + name for name in ('DEPLOYMENT', 'PATH', 'PYTHON', 'RUN'))

#: What also the names with a misspelled prefix begin with, and how similar they are to a known one.
_STEM, _SIMILAR = 'VPMEM', 0.85


def in_environment(environ: Mapping[str, str], options: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the variables that seem meant for the harness and have no effect, with a text for each.

    :param options: the names of all options.
    """
    found = sorted(name for name in environ if name.startswith(_STEM))
    if not found:
        return
    known = [*(PREFIX + option.upper() for option in options), *USER_VARIABLES]
    for name in found:
        if name in known or name in INTERNAL_VARIABLES:
            continue
        if name.startswith(PREFIX):
            endings = [one.removeprefix(PREFIX) for one in known]
            close = [PREFIX + one for one in difflib.get_close_matches(
                name.removeprefix(PREFIX), endings, 1)]
        else:
            close = difflib.get_close_matches(name, known, 1, _SIMILAR)
            if not close:
                continue    # it belongs to something else
        yield name, _text(f'environment variable {name}', close, known)


def in_files(files: Iterable[str], group: str, options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options in configuration files that do not exist, with a text for each.

    Files that cannot be read are left out.
    """
    for file in files:
        sections: dict[str, dict[str, list[str]]] = {}
        try:
            cfg.ConfigParser(file, sections).parse()
        except (OSError, UnicodeDecodeError, cfg.ParseError):
            continue
        for name in sections.get(group, {}):
            if name.replace('-', '_') not in options:
                close = difflib.get_close_matches(name, options, 1)
                yield f'{file}:{name}', _text(f'option {name} in [{group}] of {file}', close,
                                              options)


def _text(what: str, close: Sequence[str], known: Iterable[str]) -> str:
    remedy = f'did you mean {close[0]}?' if close else f'known are {", ".join(sorted(known))}'
    return f'the {what} is unknown and has no effect; {remedy}'
