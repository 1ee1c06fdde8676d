"""The command line parser of ndctl and daxctl, with its error messages.

Options may be abbreviated, negated with ``--no-`` and mixed with arguments; help ends with exit
status 129 (ndctl: util/parse-options.c).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from vpmem_harness.pmem.commands.results import USAGE, Transcript, UsageExit
from vpmem_harness.pmem.kernel import sizes

_COLUMN = 24


@dataclasses.dataclass(frozen=True)
class Option:
    """One option: ``kind`` is flag, count, text or number; ``argument`` is shown for its value."""

    short: str
    long: str
    help: str
    kind: str = 'flag'
    argument: str = 'n'

    @property
    def takes_value(self) -> bool:
        """True for text and numbers."""
        return self.kind in ('text', 'number')


def text(short: str, long: str, argument: str, help: str) -> Option:
    """An option with a value."""
    return Option(short, long, help, 'text', argument)


class Options:
    """The options of one command and its usage line."""

    def __init__(self, usage: str, *options: Option) -> None:
        self.usage = usage
        self.options = options

    def parse(self, arguments: Sequence[str], transcript: Transcript,
              defaults: dict[str, bool] | None = None) -> Parsed:
        """Parses ``arguments``, which do not include the command's name.

        :raises UsageExit: after help, or an error that is written to ``transcript``
        """
        return _Reader(self, transcript, Parsed(self, dict(defaults or {}))).read(list(arguments))

    def show_usage(self, transcript: Transcript) -> None:
        """Writes the usage text."""
        transcript.say(f'\n usage: {self.usage}\n')
        for option in self.options:
            transcript.say(_describe(option))
        transcript.say('')

    def fail(self, transcript: Transcript) -> UsageExit:
        """Writes the usage text and returns the exception to raise."""
        self.show_usage(transcript)
        return UsageExit(USAGE)


@dataclasses.dataclass
class Parsed:
    """A parsed command line: flags and counts, texts, numbers, and the other arguments."""

    options: Options
    flags: dict[str, bool] = dataclasses.field(default_factory=dict)
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    texts: dict[str, str | None] = dataclasses.field(default_factory=dict)
    numbers: dict[str, int] = dataclasses.field(default_factory=dict)
    arguments: list[str] = dataclasses.field(default_factory=list)

    def flag(self, name: str) -> bool:
        """Whether the flag is set."""
        return self.flags.get(name, False)

    def text(self, name: str) -> str | None:
        """The option's value, None when it was not given."""
        return self.texts.get(name)

    def number(self, name: str) -> int:
        """The option's value, 0 when it was not given."""
        return self.numbers.get(name, 0)


class _Reader:

    def __init__(self, options: Options, transcript: Transcript, parsed: Parsed) -> None:
        self._options = options
        self._transcript = transcript
        self._parsed = parsed
        self._rest: list[str] = []

    def read(self, arguments: list[str]) -> Parsed:
        self._rest = arguments
        while self._rest:
            word = self._rest.pop(0)
            if not word.startswith('-') or word == '-':
                self._parsed.arguments.append(word)
            elif word == '--':
                self._parsed.arguments += self._rest
                break
            elif word.startswith('--'):
                self._long(word[2:])
            else:
                self._short(word[1:])
        return self._parsed

    def _short(self, letters: str) -> None:
        whole, first = letters, True
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter == 'h':
                raise self._options.fail(self._transcript)
            option = next((o for o in self._options.options if o.short == letter), None)
            if option is None and letter == '-' and not first:
                raise self._unknown_option(letters)
            if option is None:
                self._transcript.error(f'unknown switch `{_first_byte(letter)}\'')
                raise self._options.fail(self._transcript)
            if option.takes_value:
                self._value(option, letters or None, f'switch `{letter}\'', f'-{letter}')
                return
            self._set(option, True)
            if first and letters:
                self._check_typo(whole)
            first = False

    def _check_typo(self, word: str) -> None:
        if len(word) >= 3 and (word.startswith('no-') or any(
                option.long.startswith(word) for option in self._options.options)):
            self._transcript.error(f'did you mean `--{word}` (with two dashes ?)')
            raise UsageExit(USAGE)

    def _long(self, word: str) -> None:
        if word in ('help', 'help-all'):
            raise self._options.fail(self._transcript)
        if word == 'list-opts':
            self._transcript.print(''.join(f'--{o.long} ' for o in self._options.options))
            raise UsageExit(130)
        name, equals, value = word.partition('=')
        option, positive = self._find(word, name)
        if option is None:
            raise self._unknown_option(word)
        if not positive:
            if equals:
                self._transcript.error(f'option `no-{option.long}\' takes no value')
                raise self._short_usage(word)
            self._set(option, False)
        elif option.takes_value:
            self._value(option, value if equals else None, f'option `{option.long}\'', word)
        elif equals:
            self._transcript.error(f'option `{option.long}\' takes no value')
            raise self._short_usage(word)
        else:
            self._set(option, True)

    def _unknown_option(self, word: str) -> UsageExit:
        self._transcript.error(f'unknown option `{word}\'')
        return self._options.fail(self._transcript)

    def _find(self, word: str, name: str) -> tuple[Option | None, bool]:
        # The parser compares words with their values, except at the start of a name.
        begun: list[tuple[Option, bool]] = []
        for option in self._options.options:
            long = option.long
            if name == long:
                return option, True
            opposite = long.removeprefix('no-')
            if name == f'no-{long}' or (opposite != long and name == opposite):
                return option, False
            if opposite != long and opposite.startswith(word):
                begun.append((option, False))
            elif long.startswith(name):
                begun.append((option, True))
            elif 'no-'.startswith(word) or (
                    word.startswith('no-') and long.startswith(word[3:])):
                begun.append((option, False))
        if len(begun) > 1:
            (first, one), (second, two) = begun[-2:]
            self._transcript.error(
                f'Ambiguous option: {word} (could be --{"" if one else "no-"}{first.long} '
                f'or --{"" if two else "no-"}{second.long})')
            raise self._short_usage(word)
        return begun[0] if begun else (None, True)

    def _value(self, option: Option, value: str | None, what: str, given: str) -> None:
        if value is None:
            if not self._rest:
                self._transcript.error(f'{what} requires a value')
                raise self._short_usage(given)
            value = self._rest.pop(0)
        if option.kind == 'text':
            self._parsed.texts[option.long] = value
            return
        number = sizes.long_number(value)
        if number is None:
            self._transcript.error(f'{what} expects a numerical value')
            raise self._short_usage(given)
        self._parsed.numbers[option.long] = number % 2**32

    def _short_usage(self, given: str) -> UsageExit:
        # Given is a letter with its dash, or a long option without its dashes.
        self._transcript.say(f'\n usage: {self._options.usage}\n')
        shown = next((option for option in self._options.options
                      if (option.short and f'-{option.short}' == given)
                      or given.startswith(option.long)
                      or given.removeprefix('no-').startswith(option.long)), None)
        if shown:
            self._transcript.say(_describe(shown))
        return UsageExit(USAGE)

    def _set(self, option: Option, on: bool) -> None:
        if option.takes_value:
            self._parsed.texts[option.long] = None
            self._parsed.numbers[option.long] = 0
        elif option.kind == 'count':
            self._parsed.counts[option.long] = self._parsed.counts.get(option.long, 0) + 1 \
                if on else 0
        else:
            self._parsed.flags[option.long] = on


def _first_byte(letter: str) -> str:
    # A switch is a byte to the parser, also in the middle of a character.
    return os.fsencode(letter)[:1].decode('utf-8', 'surrogateescape')


def _describe(option: Option) -> str:
    argument = f' <{option.argument}>' if option.takes_value else ''
    letter = f'-{option.short}, ' if option.short else '    '
    left = f'    {letter}--{option.long}{argument}'
    if len(left) <= _COLUMN:
        return f'{left:{_COLUMN}}  {option.help}'
    return f'{left}\n{"":{_COLUMN}}  {option.help}'
