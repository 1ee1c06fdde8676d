"""Kinds of faults for the command line: each method of ``Faults`` that begins a fault is a kind."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import libvirt

from vpmem_harness.exceptions import InvalidInputError
from vpmem_harness.host.faults.fault import Fault
from vpmem_harness.host.faults.faults import Faults
from vpmem_harness.host.machine import Host


@dataclass(frozen=True)
class Argument:
    """An argument of a kind; ``positional`` if it can be given without its name."""

    name: str
    convert: Callable[[str, str], object]
    required: bool
    positional: bool


@dataclass(frozen=True)
class FaultKind:
    """A kind of fault; ``summary`` says what it does."""

    name: str
    method: str
    summary: str
    arguments: tuple[Argument, ...]

    @property
    def usage(self) -> str:
        """The kind with its arguments, as on a command line."""
        words = [self.name]
        for one in self.arguments:
            word = one.name.upper() if one.positional else f'--{_option(one.name)} VALUE'
            words.append(word if one.required else f'[{word}]')
        return ' '.join(words)


@functools.cache
def fault_kinds() -> Mapping[str, FaultKind]:
    """Return the kinds by name, without those that need a Python function."""
    kinds = {}
    for name, method in inspect.getmembers(Faults, inspect.isfunction):
        if name.startswith('_') or inspect.signature(method).return_annotation != 'Fault':
            continue
        arguments = _arguments(method)
        if arguments is not None:
            word = _option(name)
            summary = (inspect.getdoc(method) or '').partition('\n')[0].replace('``', '"')
            kinds[word] = FaultKind(word, name, summary, arguments)
    return kinds


def begin_fault(host: Host, kind: str, words: Sequence[str], options: Mapping[str, str]) -> Fault:
    """Begin a fault from the arguments of a command line.

    :param words: the positional arguments.
    :param options: the other arguments by name; dashes and underscores are the same.
    :raises InvalidInputError: for a kind, an argument or a value that cannot be used.
    """
    found = fault_kinds().get(_option(kind))
    if found is None:
        raise InvalidInputError('kind of a fault', expected=f'one of {", ".join(fault_kinds())}',
                                got=repr(kind), remedy='see "vpmem-harness fault --kinds"')
    positional = [one for one in found.arguments if one.positional]
    if len(words) > len(positional):
        raise InvalidInputError(
            f'arguments of {found.name}', expected=found.usage,
            got=f'{words[len(positional)]!r} as well', remedy='leave it out')
    given = {one.name: one.convert(one.name, word)
             for one, word in zip(positional, words, strict=False)}
    known = {_option(one.name): one for one in found.arguments}
    for name, value in options.items():
        argument = known.get(_option(name))
        if argument is None:
            raise InvalidInputError(
                f'option of {found.name}',
                expected=f'one of {", ".join(f"--{name}" for name in known)}',
                got=f'--{name}', remedy='leave it out')
        given[argument.name] = argument.convert(argument.name, value)
    missing = [one.name for one in found.arguments if one.required and one.name not in given]
    if missing:
        raise InvalidInputError(f'arguments of {found.name}', expected=found.usage,
                                got=f'no {missing[0]}', remedy='add it')
    fault: Fault = getattr(host.faults, found.method)(**given)
    return fault


def _option(name: str) -> str:
    return name.replace('_', '-')


def _arguments(method: Callable[..., Any]) -> tuple[Argument, ...] | None:
    """Return the arguments of a method; None if one of them cannot be written in words."""
    method = next(iter(typing.get_overloads(method)), method)
    hints = typing.get_type_hints(method)
    arguments: list[Argument] = []
    for one in list(inspect.signature(method).parameters.values())[1:]:
        hint = hints[one.name]
        if one.kind is one.VAR_KEYWORD:
            (options,) = typing.get_args(hint)      # Unpack[...] of a TypedDict
            arguments += [Argument(name, _converter(name, each), False, False)
                          for name, each in typing.get_type_hints(options).items()]
            continue
        if typing.get_origin(hint) is not None and 'Callable' in str(hint):
            return None
        arguments.append(Argument(
            one.name, _converter(one.name, hint), one.default is one.empty,
            one.kind is one.POSITIONAL_OR_KEYWORD))
    return tuple(arguments)


def _converter(name: str, hint: object) -> Callable[[str, str], object]:
    types = {hint, *typing.get_args(hint)}
    if name == 'error':
        return _error_code
    if bool in types:
        return _boolean
    if float in types:
        return _number(float, 'a number')
    if int in types:
        return _number(int, 'a whole number')
    return lambda _what, text: text


def _number(kind: Callable[[str], object], expected: str) -> Callable[[str, str], object]:
    def convert(what: str, text: str) -> object:
        try:
            return kind(text)
        except ValueError:
            raise InvalidInputError(f'{what} of a fault', expected=expected, got=repr(text),
                                    remedy='correct it') from None
    return convert


def _boolean(what: str, text: str) -> bool:
    if text not in ('yes', 'no', 'true', 'false'):
        raise InvalidInputError(f'{what} of a fault', expected='yes or no', got=repr(text),
                                remedy='correct it')
    return text in ('yes', 'true')


def _error_code(_what: str, text: str) -> int:
    """The number of an error code, given as number or as name with or without VIR_ERR_."""
    if re.fullmatch('[0-9]{1,4}', text):
        return int(text)
    name = text.upper().replace('-', '_').removeprefix('VIR_ERR_')
    code = getattr(libvirt, f'VIR_ERR_{name}', None)
    if not isinstance(code, int):
        raise InvalidInputError(
            'error of a fault', expected='the name of one of libvirt\'s VIR_ERR_*', got=repr(text),
            remedy='give one such as VIR_ERR_OPERATION_FAILED')
    return code
