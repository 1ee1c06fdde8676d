"""The program behind the stand-ins for ndctl, daxctl and daxio: it asks their host only.

It runs as a script without site packages (``python -I -S``), and imports ``_socket``, ``_signal``
and ``posix`` instead of the modules built on them: a compute service waits for it, and those
imports would take longer than everything else.

A request is a line ``LENGTH TERMINAL USER CALLER``, then LENGTH bytes: the working directory and
the words of the command line, each followed by a NUL byte. TERMINAL is 1 if standard output is a
terminal, USER is 1 if the command runs without privileges, CALLER is the number of the process
that ran the command. The answer is a line ``STATUS ERR OUT`` (the exit status, or the negative
number of the signal that ends the command; two lengths in bytes), then standard error and
standard output. The host may first ask for standard input with a line ``input LENGTH``. The
stand-in then reads up to LENGTH bytes and replies with a line ``LENGTH ZEROES``: how many bytes
there were, and 1 if all of them were zero.

A standard stream that is closed or full changes what the real tools change: nothing, except that
ndctl and daxctl fail if they cannot write their output to a file (ndctl: util/main.c).
"""

import _signal  # type: ignore[import-not-found]  # not in typeshed
import _socket
import posix
import sys

CHUNK = 1 << 20


def main() -> int:
    # An interrupted tool says nothing, and the kernel ends one that makes a file too large.
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
    open_standard_streams()
    path, user, program, *arguments = sys.argv[1:]
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(path)
        words = [directory(), *map(encode, (program, *arguments))]
        request = b''.join(word + b'\0' for word in words)
        terminal = posix.isatty(1)
        connection.sendall(b'%d %d %d %d\n%b' % (
            len(request), terminal, bool(user), posix.getppid(), request))
        head, received = answer(connection)
        if head.startswith(b'input '):
            connection.sendall(b'%d %d\n' % consume(int(head[6:])))
            head, received = answer(connection)
        status, *lengths = map(int, head.split())
        failure = None
        for descriptor, length in zip((2, 1), lengths, strict=True):
            failure = None
            while length:
                piece = received[:length] or connection.recv(min(length, CHUNK))
                if not piece:
                    raise ConnectionAbortedError(0, 'it went away in the middle of its answer')
                received = received[len(piece):]
                length -= len(piece)
                failure = failure or write(descriptor, piece)
    except OSError as error:
        write(2, encode(f'{program}: the simulated host does not answer: {error.strerror}\n'))
        return 1
    if status < 0:
        posix.kill(posix.getpid(), -status)
    if failure and not status and program != 'daxio' and arguments[:1] != ['--list-cmds']:
        write(2, encode(f'write failure on standard output: {failure}'))
        return 1
    return status


def open_standard_streams() -> None:
    """Open the standard streams that are closed, so that no other file gets their numbers."""
    for descriptor in (0, 1, 2):
        try:
            posix.fstat(descriptor)
        except OSError:
            posix.open('/dev/null', posix.O_RDWR)


def encode(word: str) -> bytes:
    """The bytes of a word of the command line: ``os.fsencode``."""
    return word.encode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())


def directory() -> bytes:
    try:
        return posix.getcwdb()
    except FileNotFoundError:
        return b'/nonexistent'  # it was removed: nothing can be found in it


def answer(connection: _socket.socket) -> tuple[bytes, bytes]:
    """The line that the host sends, and what has come after it."""
    received = b''
    while b'\n' not in received and (chunk := connection.recv(1 << 16)):
        received += chunk
    head, newline, rest = received.partition(b'\n')
    if not newline:
        raise ConnectionAbortedError(0, 'it went away in the middle of the call')
    return head, rest


def consume(wanted: int) -> tuple[int, bool]:
    """Read up to so many bytes of standard input: how many there were, and whether all zeroes."""
    length, zeroes = 0, True
    try:
        while length < wanted and (chunk := posix.read(0, min(wanted - length, CHUNK))):
            length += len(chunk)
            zeroes = zeroes and chunk == bytes(len(chunk))
    except OSError:
        pass  # it is closed, or cannot be read
    return length, zeroes


def write(descriptor: int, data: bytes) -> str | None:
    """Write to a standard stream; return the reason if the stream does not take the data."""
    try:
        while data:
            data = data[posix.write(descriptor, data):]
    except BrokenPipeError:
        _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
        posix.kill(posix.getpid(), _signal.SIGPIPE)
    except OSError as error:
        return error.strerror
    return None


if __name__ == '__main__':
    sys.exit(main())
