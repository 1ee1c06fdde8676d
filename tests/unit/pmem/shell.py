"""A shell for recorded commands: pipes, lists of commands, and the few programs that they use."""

from __future__ import annotations

import dataclasses
import errno
import fnmatch
import hashlib
import os
import re
import shlex
from collections.abc import Callable, Mapping

from vpmem_harness.pmem import CommandResult, Contents, PersistentMemory
from vpmem_harness.pmem.commands.files import File

_TOOLS = ('ndctl', 'daxctl', 'daxio')
_SYSFS_RESOURCE = re.compile(r'/sys/bus/nd/devices/(.*)/resource')


class RecordedFiles:
    """The files of the recorded machine.

    ``f0`` to ``f3`` in the current directory are inputs for daxio.
    """

    def __init__(self, directory: str) -> None:
        self.files = {
            '/tmp/rnd': File('regular', 2**20), '/tmp/reg': File('regular', 2**22),  # noqa: S108
            '/tmp': File('directory'), '/out': File('directory'),  # noqa: S108
            directory: File('directory'), '/dev/zero': File('character'),
            '/dev/null': File('character')}
        for number in range(4):
            self.files[os.path.join(directory, f'f{number}')] = File('regular', 2**20)
        self.contents: dict[str, bytes] = {}

    def open(self, path: str) -> File:
        """As the kernel would."""
        path = os.path.normpath(path)
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if self.files[path].kind == 'directory':
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return self.files[path]

    def create(self, path: str, mode: int = 0o600, data: bytes = b'') -> None:
        """As the kernel would."""
        path = os.path.normpath(path)
        if os.path.dirname(path) not in self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if self.files.get(path, File('regular')).kind == 'character':
            return
        self.files[path] = File('regular', len(data))
        self.contents[path] = data

    def write(self, path: str, contents: Contents, offset: int) -> None:
        """As the kernel would."""
        path = os.path.normpath(path)
        if self.open(path).kind == 'regular':
            self.files[path] = File('regular', offset + contents.length)
            if contents.length < 2**20:
                self.contents[path] = bytes(offset) + b''.join(contents.chunks())

    def read(self, path: str, length: int) -> bytes:
        """As the kernel would."""
        self.open(path)
        return self.contents.get(os.path.normpath(path), b'')[:length]


@dataclasses.dataclass
class Output:
    """What one command of a line leaves behind; its standard output may be binary."""

    rc: int = 0
    out: bytes = b''
    err: str = ''


class Shell:
    """Runs a line of shell on a simulated machine, as root of the recorded one did."""

    def __init__(self, memory: PersistentMemory, directory: str = '/session') -> None:
        self._memory = memory
        self._directory = directory
        self._files = RecordedFiles(directory)
        self._mounted: set[str] = set()
        self._as_root = True
        self._programs: Mapping[str, Callable[[list[str], bytes], Output]] = {
            'su': self._su, 'script': self._script, 'timeout': self._timeout,
            'ls': self._ls, 'rm': self._rm, 'cat': self._cat, 'grep': _grep, 'head': _head,
            'tail': _tail, 'cut': _cut, 'wc': _wc, 'md5sum': _md5sum, 'dd': self._dd,
            'mount': self._mount, 'umount': self._umount}

    def run(self, line: str) -> CommandResult:
        """What the line writes, and the status of its last command."""
        output = self._line(line)
        return CommandResult(output.rc, output.out.decode('utf-8', 'backslashreplace'), output.err)

    def _line(self, line: str) -> Output:
        total = Output()
        if line.startswith('sh -c '):
            # A device held open while it is destroyed: opening dax devices holds nothing up.
            return self._line(next(part for part in re.split('[;&]', line) if 'ndctl' in part))
        for connector, pipeline in _commands(line):
            if connector == '&&' and total.rc:
                continue
            one = self._pipeline(pipeline, total.rc)
            total = Output(one.rc, total.out + one.out, total.err + one.err)
        return total

    def _pipeline(self, pipeline: str, status: int) -> Output:
        result = Output()
        for command in re.split(r'(?<=\s)\|(?=\s)', pipeline):
            one = self._command(command, result.out, status)
            result = Output(one.rc, one.out, result.err + one.err)
        return result

    def _command(self, command: str, stdin: bytes, status: int) -> Output:
        command = re.sub(r'\s2> ?/dev/null', '', command)
        redirected = re.fullmatch(r'(.*)\s> ?(\S+)\s*', command)
        if redirected:
            command = redirected[1]
        command = re.sub(r'\$\(printf "([^"]*)"\)', _printf, command)
        words = shlex.split(command.replace('$?', str(status)))
        if words[0] in _TOOLS:
            output = self._tool(words)
        elif words[0] in self._programs:
            output = self._programs[words[0]](words[1:], stdin)
        elif words[0] == 'echo':
            output = Output(out=(' '.join(words[1:]) + '\n').encode())
        else:
            output = Output()       # mkdir, mke2fs, sleep, kill: nothing that is simulated
        return dataclasses.replace(output, out=b'') if redirected else output

    def _tool(self, words: list[str]) -> Output:
        result = self._memory.run(
            words, as_root=self._as_root, files=self._files, directory=self._directory,
            in_use=frozenset(self._mounted))
        out = result.stdout.encode('utf-8', 'surrogateescape')
        if result.payload is not None:
            out += b''.join(result.payload.chunks())
        return Output(result.returncode, out, result.stderr)

    def _su(self, words: list[str], stdin: bytes) -> Output:
        # Some recordings have lost the quotes around the command.
        self._as_root = False
        try:
            return self._line(' '.join(words[2:]) if len(words) > 3 else words[2])
        finally:
            self._as_root = True

    def _script(self, words: list[str], stdin: bytes) -> Output:
        inner = shlex.split(words[words.index('-c') + 1])
        result = self._memory.run(inner, files=self._files, terminal=True,
                                  directory=self._directory, in_use=frozenset(self._mounted))
        text = ''.join(piece for _, piece in result.pieces)
        return Output(0, text.encode('utf-8', 'surrogateescape').replace(b'\n', b'\r\n'))

    def _timeout(self, words: list[str], stdin: bytes) -> Output:
        return self._tool(words[1:])

    def _ls(self, words: list[str], stdin: bytes) -> Output:
        pattern, present = words[-1], {**self._memory.devices(), **dict.fromkeys(
            self._memory.leftovers)}
        found = sorted(path for path in present if fnmatch.fnmatchcase(path, pattern))
        if not found:
            return Output(1, b'', f'ls: {pattern}: No such file or directory\n')
        if words[0] != '-l':
            return Output(out=''.join(f'{path}\n' for path in found).encode())
        return Output(out=''.join(
            f'-rw-------    1 root     root             0 TIME {path}\n' if present[path] is None
            else f'{"c" if path.startswith("/dev/dax") else "b"}rw-------\n'
            for path in found).encode())

    def _rm(self, words: list[str], stdin: bytes) -> Output:
        self._memory.remove_file(words[-1])
        return Output()

    def _cat(self, words: list[str], stdin: bytes) -> Output:
        pattern = _SYSFS_RESOURCE.fullmatch(words[-1])
        assert pattern, words
        output = Output()
        names = sorted(((region, device) for region in self._memory.regions
                        for device in region.namespaces
                        if fnmatch.fnmatchcase(device.dev, pattern[1])),
                       key=lambda pair: pair[1].dev)
        for region, device in names:
            if device.size:
                output.out += f'{region.start + device.offset:#x}\n'.encode()
            else:
                output.rc = 1
                output.err += 'cat: read error: No such device or address\n'
        return output

    def _dd(self, words: list[str], stdin: bytes) -> Output:
        options = dict(word.split('=', 1) for word in words)
        size = int(options['bs'].replace('M', '048576')) * int(options['count'])
        if 'of' not in options:
            return Output(out=bytes(size))
        self._files.create(os.path.join(self._directory, options['of']), data=bytes(size))
        return Output()

    def _mount(self, words: list[str], stdin: bytes) -> Output:
        self._mounted.add(words[-2])
        return Output()

    def _umount(self, words: list[str], stdin: bytes) -> Output:
        self._mounted.clear()
        return Output()


def _commands(line: str) -> list[tuple[str, str]]:
    """The pipelines of a line, each with what stands before it: ``;``, ``&&`` or nothing."""
    found, begin, connector, quote, position = [], 0, '', '', 0
    while position < len(line):
        letter = line[position]
        if quote:
            quote = '' if letter == quote else quote
        elif letter == '\\':
            position += 1
        elif letter in '\'"':
            quote = letter
        elif letter == ';' or line.startswith('&&', position):
            found.append((connector, line[begin:position]))
            connector = letter * (1 if letter == ';' else 2)
            position += len(connector) - 1
            begin = position + 1
        position += 1
    found.append((connector, line[begin:]))
    return [(connector, command) for connector, command in found if command.strip()]


def _printf(found: re.Match[str]) -> str:
    """What printf prints, as the double quotes around it keep it; bytes become their surrogates."""
    data = found[1].encode().decode('unicode_escape').encode('latin-1')
    return os.fsdecode(data).replace('\\', '\\\\')


def _lines(stdin: bytes) -> list[bytes]:
    return stdin.splitlines(keepends=True)


def _grep(words: list[str], stdin: bytes) -> Output:
    pattern, lines = words[-1].encode(), _lines(stdin)
    hits = [number for number, line in enumerate(lines) if pattern in line]
    if '-c' in words:
        return Output(0 if hits else 1, f'{len(hits)}\n'.encode())
    before = int(words[words.index('-B') + 1]) if '-B' in words else 0
    out, last = b'', -1
    for hit in hits:
        begin = max(hit - before, last + 1)
        if out and before and begin > last + 1:
            out += b'--\n'
        out += b''.join(lines[begin:hit + 1])
        last = hit
    return Output(0 if hits else 1, out)


def _head(words: list[str], stdin: bytes) -> Output:
    return Output(out=b''.join(_lines(stdin)[:int(words[-1])]))


def _tail(words: list[str], stdin: bytes) -> Output:
    return Output(out=b''.join(_lines(stdin)[-int(words[-1]):]))


def _cut(words: list[str], stdin: bytes) -> Output:
    first, last = map(int, words[-1].split('-'))
    return Output(out=b''.join(line.rstrip(b'\n')[first - 1:last] + b'\n'
                               for line in _lines(stdin)))


def _wc(words: list[str], stdin: bytes) -> Output:
    return Output(out=f'{len(stdin)}\n'.encode())


def _md5sum(words: list[str], stdin: bytes) -> Output:
    return Output(out=f'{hashlib.md5(stdin, usedforsecurity=False).hexdigest()}  -\n'.encode())
