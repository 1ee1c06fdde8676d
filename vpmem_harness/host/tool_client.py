"""What the stand-ins for ndctl, daxctl and daxio run: it asks their host, and nobody else.

Run as a script with nothing but the interpreter (``python -I -S``), since a compute service waits
for it: ``_socket`` in place of ``socket``, whose import takes longer than all the rest.

A request is the directory that the command runs in and its words, each ended by a NUL byte, then
the end of the stream. The answer is a line ``STATUS ERR OUT`` (exit status, lengths in bytes),
then standard error and standard output.
"""

import _socket
import os
import sys


def main() -> int:
    path, program, *arguments = sys.argv[1:]
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(path)
        words = [os.getcwd(), program, *arguments]
        connection.sendall(b''.join(os.fsencode(word) + b'\0' for word in words))
        connection.shutdown(_socket.SHUT_WR)
        received = b''
        while b'\n' not in received and (chunk := connection.recv(1 << 16)):
            received += chunk
        head, _, received = received.partition(b'\n')
        if not head:
            raise ConnectionAbortedError(0, 'it went away in the middle of the call')
        status, *lengths = map(int, head.split())
        for descriptor, length in zip((2, 1), lengths, strict=True):
            while length:
                piece = received[:length] or connection.recv(min(length, 1 << 20))
                if not piece:
                    raise ConnectionAbortedError(0, 'it went away in the middle of its answer')
                received = received[len(piece):]
                length -= len(piece)
                write(descriptor, piece)
    except OSError as error:
        sys.stderr.write(f'{program}: the simulated host does not answer: {error.strerror}\n')
        return 1
    return status


def write(descriptor: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data):]
    except BrokenPipeError:
        os._exit(141)  # as a shell counts a program that SIGPIPE has ended


if __name__ == '__main__':
    sys.exit(main())
