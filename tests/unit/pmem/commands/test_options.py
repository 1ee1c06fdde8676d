from __future__ import annotations

import testtools

from vpmem_harness.pmem.commands.options import Option, Options, Parsed, text
from vpmem_harness.pmem.commands.results import Transcript, UsageExit

_OPTIONS = Options(
    'tool command [<options>]',
    text('n', 'name', 'word', 'a name'),
    Option('s', 'size', 'a number', 'number'),
    Option('f', 'force', 'a flag'),
    Option('F', 'forget', 'another flag'),
    Option('v', 'verbose', 'a count', 'count'))
_NEGATIVE = Options('tool command [<options>]', Option('', 'no-movable', 'a flag'))


class OptionsTest(testtools.TestCase):
    """Command lines as git's parser reads them."""

    def _parse(self, *arguments: str, **defaults: bool) -> Parsed:
        return _OPTIONS.parse(arguments, Transcript(), defaults)

    def _refuse(self, *arguments: str) -> tuple[int, str]:
        transcript = Transcript()
        leaving = self.assertRaises(UsageExit, _OPTIONS.parse, arguments, transcript)
        return leaving.status, transcript.stderr

    def test_values_may_stick_to_their_option(self) -> None:
        """A value follows in the same word or in the next."""
        self.assertEqual(['a'] * 4, [self._parse(*words).text('name') for words in (
            ['-na'], ['-n', 'a'], ['--name=a'], ['--name', 'a'])])

    def test_letters_may_stick_together(self) -> None:
        """Flags and counts are joined."""
        parsed = self._parse('-fvv')
        self.assertEqual((True, 2), (parsed.flag('force'), parsed.counts['verbose']))

    def test_names_may_be_cut_short(self) -> None:
        """An option may be abbreviated while it is unambiguous."""
        self.assertTrue(self._parse('--forc').flag('force'))

    def test_an_unclear_name_is_refused(self) -> None:
        """The candidates are named."""
        status, message = self._refuse('--for')
        self.assertEqual(129, status)
        self.assertIn('could be --force or --forget', message)

    def test_no_takes_back(self) -> None:
        """A negated flag is off, a negated value is gone, a negated count is 0."""
        parsed = self._parse('-n', 'a', '-vv', '--no-name', '--no-verbose', '--no-force',
                             force=True)
        self.assertEqual((None, 0, False), (
            parsed.text('name'), parsed.counts['verbose'], parsed.flag('force')))

    def test_arguments_may_stand_between(self) -> None:
        """Two dashes end the options, one dash is an argument."""
        self.assertEqual(['a', '-', 'b', '-f'],
                         self._parse('a', '-', '-f', 'b', '--', '-f').arguments)

    def test_help_shows_all_options(self) -> None:
        """Long ones have their explanation on the next line."""
        self.assertEqual(
            (129, '\n usage: tool command [<options>]\n\n'
             '    -n, --name <word>     a name\n'
             '    -s, --size <n>        a number\n'
             '    -f, --force           a flag\n'
             '    -F, --forget          another flag\n'
             '    -v, --verbose         a count\n\n'), self._refuse('-h'))

    def test_a_missing_value_shows_its_option(self) -> None:
        """Only the option in question is explained."""
        self.assertEqual(
            (129, "  Error: switch `n' requires a value\n"
             '\n usage: tool command [<options>]\n\n    -n, --name <word>     a name\n'),
            self._refuse('-n'))

    def test_numbers_are_numbers(self) -> None:
        """Anything else is refused."""
        self.assertEqual(12, self._parse('-s', '12').number('size'))
        self.assertIn("option `size' expects a numerical value", self._refuse('--size=k')[1])

    def test_a_word_after_one_dash(self) -> None:
        """A long option after a single dash is reported as a typing error."""
        self.assertEqual((129, '  Error: did you mean `--force` (with two dashes ?)\n'),
                         self._refuse('-force'))

    def test_a_negated_name_with_a_value_may_not_be_cut_short(self) -> None:
        """The parser compares the rest of the word, with the value, with the option's name."""
        self.assertIn("unknown option `no-forc=1'", self._refuse('--no-forc=1')[1])
        self.assertIn("option `no-force' takes no value", self._refuse('--no-force=1')[1])

    def test_an_option_that_begins_with_no_has_an_opposite(self) -> None:
        """``--movable`` and its beginning take ``--no-movable`` back."""
        for opposite in ('--movable', '--mov', '--no-no-movable'):
            parsed = _NEGATIVE.parse(['--no-movable', opposite], Transcript())
            self.assertFalse(parsed.flag('no-movable'), opposite)

    def test_an_option_that_begins_with_no_is_explained(self) -> None:
        """The usage shows the option that takes no value."""
        transcript = Transcript()
        self.assertRaises(UsageExit, _NEGATIVE.parse, ['--no-movable=1'], transcript)
        self.assertIn('--no-movable      a flag', transcript.stderr)

    def test_a_dash_among_letters_begins_an_option(self) -> None:
        """The rest of the word is reported as a long option."""
        self.assertIn("unknown option `x'", self._refuse('-f-x')[1])

    def test_an_unknown_switch_is_a_byte(self) -> None:
        """Of a letter outside ASCII only the first byte is reported."""
        self.assertIn("unknown switch `\udcc3'", self._refuse('-fé')[1])
