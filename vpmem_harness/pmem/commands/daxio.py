"""daxio: copies to and from devdax namespaces, and zeroes them (PMDK 1.12: tools/daxio).

It prints all messages to standard error.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
from collections.abc import Iterable, Sequence

from vpmem_harness.pmem.commands.files import Files
from vpmem_harness.pmem.commands.results import CommandResult, InputWanted, Transcript, UsageExit
from vpmem_harness.pmem.kernel import sizes
from vpmem_harness.pmem.kernel.errors import KernelError
from vpmem_harness.pmem.kernel.media import EMPTY, Contents, Segment
from vpmem_harness.pmem.machine import PersistentMemory

USAGE = """\
Usage: daxio [option] ...
Valid options:
   -i, --input=FILE                - input device/file (default stdin)
   -o, --output=FILE               - output device/file (default stdout)
   -k, --skip=BYTES                - skip offset for input (default 0)
   -s, --seek=BYTES                - seek offset for output (default 0)
   -l, --len=BYTES                 - total length to perform the I/O
   -b, --clear-bad-blocks=<yes|no> - clear bad blocks (default: yes)
   -z, --zero                      - zeroing the device
   -h. --help                      - print this help
   -V, --version                   - display version of daxio
"""

CANNOT_CLEAR = """\
failed to clear bad blocks on "{path}"
       Probably you have not enough permissions to do that.
       You can choose one of three options now:
       1) run 'daxio' with 'sudo' or as 'root',
       2) turn off clearing bad blocks using
          the '-b/--clear-bad-blocks=no' option or
       3) change permissions of some resource files -
          - for details see the description of the CHECK_BAD_BLOCKS
          compat feature in the pmempool-feature(1) man page."""

#: Long name, letter, and whether the option takes an argument.
_OPTIONS = (('input', 'i', True), ('output', 'o', True), ('skip', 'k', True), ('seek', 's', True),
            ('len', 'l', True), ('clear-bad-blocks', 'b', True), ('zero', 'z', False),
            ('help', 'h', False), ('version', 'V', False))
#: The line of daxio.c that reports a failed write.
_WRITE_LINE = 528
_LIMIT = 2**64 - 1
_UNITS: dict[str, int] = {'': 1, 'B': 1} | {
    f'{letter}{suffix}': 1024**power for power, letter in enumerate('KMGTP', 1)
    for suffix in ('', 'iB')} | {
    f'{letter}B': 1000**power for power, letter in enumerate('kMGTP', 1)}


@dataclasses.dataclass
class _End:
    """One end of the copy: its name and its path, which is empty for a standard stream.

    ``size`` is unlimited unless it is a dax device.
    """

    name: str | None = None
    path: str = ''
    offset: int = 0
    is_dax: bool = False
    is_dead: bool = False
    size: int = _LIMIT
    standard: bool = False

    @property
    def room(self) -> int:
        return self.size - self.offset


def run(memory: PersistentMemory, arguments: Sequence[str], files: Files, directory: str, *,
        as_root: bool = True, stdin: Contents | None = EMPTY) -> CommandResult:
    """Runs daxio on ``memory``.

    :raises InputWanted: when it reads standard input and ``stdin`` is None
    """
    call = _Call(memory, as_root, stdin, files, directory)
    try:
        status = call.run(list(arguments))
    except UsageExit as leaving:
        status = leaving.status
    return call.transcript.result(status)


class _Call:

    def __init__(self, memory: PersistentMemory, as_root: bool, stdin: Contents | None,
                 files: Files, directory: str) -> None:
        self.transcript = Transcript()
        self._memory = memory
        self._as_root = as_root
        self._stdin = stdin
        self._directory = directory
        self._files = files
        self._source = _End()
        self._target = _End()
        self._length = _LIMIT
        self._zero = False
        self._clears_bad_blocks = True
        self._written: Contents | None = None

    def run(self, arguments: list[str]) -> int:
        """Copies or zeroes, and returns the exit status."""
        for letter, value in _read_options(arguments, self.transcript):
            self._take(letter, value)
        self._check()
        with self._memory.changing(listings=False):
            if not self._zero:
                self._open(self._source, as_target=False)
            self._open(self._target, as_target=True)
            if not (self._source.is_dax and not self._zero) and not self._target.is_dax:
                return self._fail('neither input nor output is device dax')
            length = self._copy()
        if self._written is not None:
            self._write_file(self._written)
        self.transcript.say(f'daxio: copied {length} bytes to device "{self._target.name}"')
        return 0

    def _fail(self, message: str) -> int:
        self.transcript.say(f'daxio: {message}')
        return 1

    def _stop(self, message: str) -> UsageExit:
        return UsageExit(self._fail(message))

    def _take(self, letter: str, value: str) -> None:
        if letter == 'i':
            self._source.name = value
        elif letter == 'o':
            self._target.name = value
        elif letter == 'k':
            self._source.offset = self._size(value, 'input offset')
        elif letter == 's':
            self._target.offset = self._size(value, 'output offset')
        elif letter == 'l':
            self._length = self._size(value, 'length')
        elif letter == 'z':
            self._zero = True
        elif letter == 'b':
            if value not in ('yes', 'no'):
                raise self._stop(
                    f"'{value}' -- invalid argument of the '--clear-bad-blocks' option")
            self._clears_bad_blocks = value == 'yes'
        elif letter == 'h':
            self.transcript.warn(USAGE)
            raise UsageExit(0)
        elif letter == 'V':
            self.transcript.write(self._memory.release.daxio)
            raise UsageExit(0)

    def _size(self, value: str, what: str) -> int:
        found = re.match(r'\s*([+-]?)([0-9]+)\s*(\S{0,8})', value)
        if not found or found[3] not in _UNITS:
            raise self._stop(f"'{value}' -- invalid {what}")
        number = min(sizes.decimal(found[2]), _LIMIT) * _UNITS[found[3]]
        return (-number if found[1] == '-' else number) & _LIMIT

    def _check(self) -> None:
        source, target = self._source, self._target
        if self._zero and target.name is None:
            raise self._stop('zeroing flag specified but no output file provided')
        if not self._zero and source.name is None and target.name is None:
            raise self._stop('an input file and/or an output file must be provided')
        if source.name is None:
            if source.offset:
                raise self._stop('skip offset specified but no input file provided')
            source.name, source.standard = 'STDIN', True
        if target.name is None:
            if target.offset:
                raise self._stop('seek offset specified but no output file provided')
            target.name, target.standard = 'STDOUT', True
        for end in (source, target):
            if end.name and not end.standard:
                end.path = os.path.join(self._directory, end.name)

    def _open(self, end: _End, as_target: bool) -> None:
        if end.standard:
            return
        try:
            size = self._dax_size(end)
        except OSError as error:
            if error.errno == errno.ENOENT and as_target:
                self._create(end.path)
                return
            raise self._stop(f"failed to open '{end.name}': {error.strerror}") from error
        if size is None:
            return
        end.is_dax, end.size = True, size
        if end.is_dead and as_target and self._clears_bad_blocks:
            raise self._stop(CANNOT_CLEAR.format(path=end.name))
        if end.offset > size:
            raise self._stop(f"'{end.offset}' -- offset beyond device size ({size})")
        if end.is_dead:
            raise self._stop(f'setup_device:415: mmap: {os.strerror(errno.ENXIO)}')

    def _dax_size(self, end: _End) -> int | None:
        """The size of the dax device at an end's path, None for any other file."""
        path = end.path
        if os.path.normpath(path) in self._memory.leftovers:
            return None
        namespace = self._memory.device(path)
        if namespace is None:
            self._files.open(path)
            return None
        if not self._as_root:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        if not namespace.openable:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path)
        end.is_dead = self._memory.is_bad(namespace)
        return namespace.size if namespace.mode == 'devdax' else None

    def _create(self, path: str) -> None:
        try:
            if os.path.dirname(os.path.normpath(path)) != '/dev':
                self._files.create(path)
            elif self._as_root:
                self._memory.leave_file(path)
            else:
                raise KernelError(errno.EACCES)
        except (OSError, KernelError) as error:
            words = os.strerror(error.errno or 0)
            raise self._stop(f'setup_device:336: open: {words}') from error

    def _copy(self) -> int:
        source, target = self._source, self._target
        length = min(end.room for end in (source, target)
                     if end.is_dax and not (end is source and self._zero))
        if self._length <= length:
            length = self._length
        if self._zero:
            self._memory.zero(target.path, offset=target.offset, length=length)
        elif source.is_dax:
            contents = self._memory.contents(source.path, offset=source.offset,
                                             length=length)
            self._deliver(contents)
        else:
            wanted, length = length, self._from_file(length)
            if length != wanted:
                self.transcript.say(f'daxio: requested size {wanted} larger than source')
        return length

    def _deliver(self, contents: Contents) -> None:
        target = self._target
        if target.standard:
            self.transcript.payload = contents
        elif target.is_dax:
            self._put(contents)
        elif (namespace := self._memory.device(target.path)) is not None:
            self._fill(namespace.size, contents)
        elif os.path.normpath(target.path) not in self._memory.leftovers:
            self._written = contents

    def _fill(self, size: int, contents: Contents) -> None:
        """Writes to a block device of ``size`` bytes; it is an error to write beyond."""
        room = max(size - self._target.offset, 0)
        self._put(contents.first(room))
        if contents.length > room:
            self._fail(f'do_io:{_WRITE_LINE}: write: {os.strerror(errno.ENOSPC)}')
            raise self._stop('failed to perform I/O')

    def _write_file(self, contents: Contents) -> None:
        # The machine's lock is not held here, because a device can be large.
        try:
            self._files.write(self._target.path, contents, self._target.offset)
        except OSError as error:
            self._fail(f'do_io:{_WRITE_LINE}: write: {error.strerror}')
            raise self._stop('failed to perform I/O') from error

    def _from_file(self, length: int) -> int:
        contents = self._read(length)
        self._put(contents)
        return contents.length

    def _read(self, length: int) -> Contents:
        """At most ``length`` bytes of an input that is no dax device."""
        source = self._source
        if source.standard:
            if self._stdin is None:
                raise InputWanted(length)
            return self._stdin.first(length)
        path = os.path.normpath(source.path)
        if path == '/dev/zero':
            return Contents((Segment(length, None),))
        if path in {*self._memory.leftovers, '/dev/null'}:
            return EMPTY
        namespace = self._memory.device(source.path)
        if namespace is not None:
            return self._memory.contents(source.path, offset=source.offset, length=length)
        file = self._files.open(source.path)
        if file.kind == 'regular':
            length = min(length, max(file.size - source.offset, 0))
        return Contents((Segment(length, 'daxio'),))

    def _put(self, contents: Contents) -> None:
        target = self._target
        position = target.offset
        for segment in contents.segments:
            if segment.writer is None:
                self._memory.zero(target.path, offset=position, length=segment.length)
            else:
                self._memory.write(target.path, segment.writer, offset=position,
                                   length=segment.length)
            position += segment.length


def _read_options(arguments: list[str], transcript: Transcript) -> Iterable[tuple[str, str]]:
    """Option letters and values, as glibc's getopt_long yields them."""
    def stop(message: str) -> UsageExit:
        transcript.say(f'daxio: {message}')
        transcript.warn(USAGE)
        return UsageExit(1)

    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == '--':
            return
        if word.startswith('--'):
            name, equals, value = word[2:].partition('=')
            found = [option for option in _OPTIONS if option[0] == name] or [
                option for option in _OPTIONS if option[0].startswith(name)]
            if not found:
                raise stop(f"unrecognized option '--{name}{equals}{value}'")
            if len(found) > 1:
                names = ' '.join(f"'--{option[0]}'" for option in found)
                raise stop(f"option '--{name}{equals}{value}' is ambiguous; possibilities: {names}")
            long, letter, due = found[0]
            if equals and not due:
                raise stop(f"option '--{long}' doesn't allow an argument")
            if due and not equals:
                if not rest:
                    raise stop(f"option '--{long}' requires an argument")
                value = rest.pop(0)
            yield letter, value
        elif word.startswith('-') and word != '-':
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                option = next((option for option in _OPTIONS if option[1] == letter), None)
                if option is None:
                    raise stop(f"invalid option -- '{letter}'")
                value = ''
                if option[2]:
                    if not letters and not rest:
                        raise stop(f"option requires an argument -- '{letter}'")
                    value, letters = letters or rest.pop(0), ''
                yield letter, value
