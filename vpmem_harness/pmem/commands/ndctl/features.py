"""Firmware, passphrases and SMART: what QEMU's DIMMs, and hosts without such firmware, answer.

Follows ndctl 76's ndctl/dimm.c, ndctl/inject-smart.c, ndctl/load-keys.c and ndctl/monitor.c.
"""

from __future__ import annotations

import errno
import os

from vpmem_harness.pmem.commands.context import Command, Context
from vpmem_harness.pmem.commands.ndctl import dimm as frame
from vpmem_harness.pmem.commands.ndctl.dimm import BASE_OPTIONS
from vpmem_harness.pmem.commands.ndctl.labels import INIT
from vpmem_harness.pmem.commands.options import Option, Options, text
from vpmem_harness.pmem.kernel.dimms import Dimm

_MASTER = Option('m', 'master-passphrase', 'use master passphrase')
_KEY = text('k', 'key-handle', 'key-handle', 'master encryption key handle')
UPDATE_FIRMWARE = Options(
    'ndctl update-firmware <nmem0> [<nmem1>..<nmemN>] [<options>]', *BASE_OPTIONS,
    text('f', 'firmware', 'firmware-file', 'firmware filename for update'),
    Option('i', 'force', 'ignore ARS / arm status, try to force update'),
    Option('A', 'arm', 'arm device for firmware activation (default)'),
    Option('D', 'disarm', 'disarm device for firmware activation'))
SANITIZE = Options(
    'ndctl sanitize-dimm <nmem0> [<nmem1>..<nmemN>] [<options>]', *BASE_OPTIONS,
    Option('c', 'crypto-erase', 'crypto erase a dimm'),
    Option('o', 'overwrite', 'overwrite a dimm'),
    Option('z', 'zero-key', 'pass in a zero key'), _MASTER)
LOAD_KEYS = Options(
    'ndctl load-keys [<options>]',
    text('p', 'key-path', 'key-path', 'override the default key path'),
    text('t', 'tpm-handle', 'tpm-handle', 'TPM handle for trusted key'))
_KEYS = '/etc/ndctl/keys'


def _security(verb: str, done: str | None, *options: Option) -> Command:
    """A command that fails on DIMMs without security.

    :param done: the closing line, None for a command without one
    """
    known = Options(f'ndctl {verb} <nmem0> [<nmem1>..<nmemN>] [<options>]', *BASE_OPTIONS, *options)

    def command(context: Context) -> int:
        _, dimms = frame.parse(context, known)
        return _refuse_security(context, dimms, done)

    return command


def _refuse_security(context: Context, dimms: list[Dimm], done: str | None) -> int:
    for dimm in dimms:
        context.transcript.error(f'{dimm.dev}: security operation not supported\n')
    if done is not None:
        context.transcript.say(done.format(0))
    return 1 if dimms else 0


#: ndctl forgets to end the options for keys, so that those of init-labels follow them.
_KEY_OPTIONS = (_KEY, _MASTER, *INIT.options)
setup_passphrase = _security('setup-passphrase', 'passphrase enabled for {} nmem.', *_KEY_OPTIONS)
update_passphrase = _security('update-passphrase', 'passphrase updated for {} nmem.',
                              *_KEY_OPTIONS)
remove_passphrase = _security('remove-passphrase', 'passphrase removed for {} nmem.', _MASTER)
freeze_security = _security('freeze-security', 'security froze {} nmem.')
wait_overwrite = _security('wait-overwrite', None)


def sanitize_dimm(context: Context) -> int:
    """``ndctl sanitize-dimm``"""
    parsed, dimms = frame.parse(context, SANITIZE)
    return _refuse_security(context, dimms, 'overwrite issued for {} nmem.'
                            if parsed.flag('overwrite') else 'sanitized {} nmem.')


def update_firmware(context: Context) -> int:
    """``ndctl update-firmware``"""
    transcript = context.transcript
    parsed, dimms = frame.parse(context, UPDATE_FIRMWARE)
    arm, disarm = (parsed.flags.get(name) for name in ('arm', 'disarm'))
    name, failed = parsed.text('firmware'), False
    if arm is not None and disarm is not None:
        transcript.say('set either --arm, or --disarm, not both')
        raise UPDATE_FIRMWARE.fail(transcript)
    if disarm is False:
        transcript.say('--no-disarm syntax not supported')
        raise UPDATE_FIRMWARE.fail(transcript)
    if name is None:
        _check_arming(context, arm, disarm)
    else:
        try:
            context.files.open(context.path(name))
        except OSError as error:
            transcript.say(f'failed to open: {name}: ({error.strerror})')
            dimms, failed = [], True
    for dimm in dimms if name is not None else ():
        transcript.error(f'update firmware: {dimm.dev}: firmware update not supported by either '
                         'platform firmware or the kernel.')
    transcript.say('updated 0 nmem.')
    return 1 if dimms or failed else 0


def _check_arming(context: Context, arm: bool | None, disarm: bool | None) -> None:
    if arm is None and disarm is None:
        context.transcript.say('require --arm, or --disarm')
        raise UPDATE_FIRMWARE.fail(context.transcript)
    if arm is False:
        context.transcript.say('--no-arm syntax not supported')
        raise UPDATE_FIRMWARE.fail(context.transcript)


def load_keys(context: Context) -> int:
    """``ndctl load-keys`` on a host without keys and without a TPM."""
    transcript = context.transcript
    parsed = LOAD_KEYS.parse(context.arguments, transcript)
    for word in parsed.arguments:
        transcript.error(f'unknown parameter "{word}"\n')
    if parsed.arguments:
        raise LOAD_KEYS.fail(transcript)
    path = parsed.text('key-path') or _KEYS
    if path != _KEYS and not os.path.isdir(context.path(path)):
        transcript.say(f'Change current work dir to {path} failed: No such file or directory')
        return -errno.ENOENT
    if parsed.text('tpm-handle') is None:
        transcript.say('No TPM handle discovered.')
    transcript.say(f'failed to open file {path}/nvdimm-master.blob: No such file or directory')
    return -errno.ENOMEM


_SMART_VALUES = (
    ('m', 'media-temperature', 'smart media temperature attribute',
     'inject a value for smart media temperature'),
    ('M', 'media-temperature-threshold', 'set smart media temperature threshold',
     'set threshold value for smart media temperature'),
    ('', 'media-temperature-alarm', 'smart media temperature alarm',
     'enable or disable the smart media temperature alarm'),
    ('', 'media-temperature-uninject', '', 'uninject media temperature'),
    ('c', 'ctrl-temperature', 'smart controller temperature attribute',
     'inject a value for smart controller temperature'),
    ('C', 'ctrl-temperature-threshold', 'set smart controller temperature threshold',
     'set threshold value for smart controller temperature'),
    ('', 'ctrl-temperature-alarm', 'smart controller temperature alarm',
     'enable or disable the smart controller temperature alarm'),
    ('', 'ctrl-temperature-uninject', '', 'uninject controller temperature'),
    ('s', 'spares', 'smart spares attribute', 'inject a value for smart spares'),
    ('S', 'spares-threshold', 'set smart spares threshold',
     'set a threshold value for smart spares'),
    ('', 'spares-alarm', 'smart spares alarm', 'enable or disable the smart spares alarm'),
    ('', 'spares-uninject', '', 'uninject spare percentage'),
    ('f', 'fatal', '', 'inject fatal smart health status'),
    ('F', 'fatal-uninject', '', 'uninject fatal health condition'),
    ('U', 'unsafe-shutdown', '', 'inject smart unsafe shutdown status'),
    ('', 'unsafe-shutdown-uninject', '', 'uninject unsafe shutdown status'),
    ('N', 'uninject-all', '', 'uninject all possible fields'))
INJECT_SMART = Options(
    'ndctl inject-smart <dimm> [<options>]',
    text('b', 'bus', 'bus-id', 'limit dimm to a bus with an id or provider of <bus-id>'),
    Option('v', 'verbose', 'emit extra debug messages to stderr'),
    Option('u', 'human', 'use human friendly number formats'),
    *(text(short, long, argument, words) if argument else Option(short, long, words)
      for short, long, argument, words in _SMART_VALUES))


def inject_smart(context: Context) -> int:
    """``ndctl inject-smart``: the firmware of the DIMM cannot do it."""
    transcript = context.transcript
    parsed = INJECT_SMART.parse(context.arguments, transcript)
    if not any(parsed.flag(name) or parsed.text(name) is not None
               for _, name, _, _ in _SMART_VALUES):
        transcript.error('No valid operation specified\n')
        return -errno.EINVAL
    if not parsed.arguments:
        transcript.error('specify a dimm for the smart operation\n')
    for word in parsed.arguments[1:]:
        transcript.error(f'unknown extra parameter "{word}"\n')
    if len(parsed.arguments) != 1:
        raise INJECT_SMART.fail(transcript)
    for dimm in frame.chosen(context, parsed, parsed.arguments[:1]):
        transcript.error(f'{dimm.dev}: smart injection not supported by either platform firmware '
                         'or the kernel.')
        return -errno.EIO
    transcript.error(f'{parsed.arguments[0]}: no such dimm\n')
    return -errno.ENXIO


MONITOR = Options(
    'ndctl monitor [<options>]',
    text('b', 'bus', 'bus-id', 'filter by bus'),
    text('r', 'region', 'region-id', 'filter by region'),
    text('d', 'dimm', 'dimm-id', 'filter by dimm'),
    text('n', 'namespace', 'namespace-id', 'filter by namespace id'),
    text('D', 'dimm-event', 'name of event type', 'filter by DIMM event type'),
    text('l', 'log', '<file> | syslog | standard', "where to output the monitor's notification"),
    text('c', 'config-file', 'config-file', 'override default configs'),
    Option('', 'daemon', 'run ndctl monitor as a daemon'),
    Option('u', 'human', 'use human friendly output formats'),
    Option('v', 'verbose', 'emit extra debug messages to log'),
    Option('p', 'poll', 'poll and report events/status every <n> seconds', 'number'))


def monitor(context: Context) -> int:
    """``ndctl monitor`` where no DIMM can be monitored."""
    transcript = context.transcript
    parsed = MONITOR.parse(context.arguments, transcript)
    for word in parsed.arguments:
        transcript.error(f'unknown parameter "{word}"\n')
    if parsed.arguments:
        raise MONITOR.fail(transcript)
    for dimm in frame.chosen(context, parsed, [parsed.text('dimm') or 'all']):
        transcript.say(f'{dimm.dev}: no smart support')
    if parsed.flag('daemon'):
        return 0
    transcript.write('no dimms to monitor, exiting')
    return -errno.ENXIO
