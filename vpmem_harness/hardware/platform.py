"""Firmware for guests, TPM emulator and memory encryption of a host."""

from __future__ import annotations

from dataclasses import dataclass

from vpmem_harness.hardware import checks

#: The features of firmware that descriptors name.
#: Source: QEMU 7.2, docs/interop/firmware.json.
FIRMWARE_FEATURES = ('acpi-s3', 'acpi-s4', 'amd-sev', 'amd-sev-es', 'amd-sev-snp', 'intel-tdx',
                     'enrolled-keys', 'requires-smm', 'secure-boot', 'verbose-dynamic',
                     'verbose-static')


@dataclass(frozen=True)
class Firmware:
    """A firmware for guests, as one descriptor of QEMU's describes it.

    :param executable: the path of the program, mapped as flash.
    :param nvram_template: the path of the variables; each guest gets a copy.
    :param machines: patterns of machine types that can use it, with ``*``.
    :param features: what it can and needs, in the words of QEMU's ``firmware.json``.
    :param interface: ``uefi`` or ``bios``.
    """

    executable: str
    nvram_template: str
    machines: tuple[str, ...] = ('pc-i440fx-*', 'pc-q35-*')
    features: tuple[str, ...] = ()
    interface: str = 'uefi'

    def __post_init__(self) -> None:
        checks.text('executable of a Firmware', self.executable)
        who = f'Firmware {self.executable}'
        checks.text(f'nvram_template of {who}', self.nvram_template)
        checks.sequence(f'machines of {who}', self.machines, str)
        checks.sequence(f'features of {who}', self.features, str)
        for feature in self.features:
            checks.one_of(f'features of {who}', feature, FIRMWARE_FEATURES)
        checks.one_of(f'interface of {who}', self.interface, ('uefi', 'bios'))


@dataclass(frozen=True)
class Tpm:
    """The TPM emulator of a host: swtpm.

    :param versions: the versions of TPM that it emulates.
    :param announced: whether domain capabilities name it.
    """

    versions: tuple[str, ...] = ('1.2', '2.0')
    announced: bool = True

    def __post_init__(self) -> None:
        checks.sequence('versions of a Tpm', self.versions, str)
        for version in self.versions:
            checks.one_of('versions of a Tpm', version, ('1.2', '2.0'))


#: An emulator that works, but that domain capabilities do not name.
UNANNOUNCED = Tpm(announced=False)


@dataclass(frozen=True)
class Sev:
    """AMD's encryption of guest memory.

    :param cbit_position: the bit of an address that marks encrypted memory.
    :param reduced_bits: how many bits the physical addresses of a guest lose.
    :param max_guests: how many encrypted guests the host can run.
    :param max_es_guests: how many of them can have encrypted registers (SEV-ES); none if 0.
    """

    cbit_position: int = 51
    reduced_bits: int = 1
    max_guests: int = 509
    max_es_guests: int = 0

    def __post_init__(self) -> None:
        checks.number('cbit_position of a Sev', self.cbit_position, 0, 63)
        checks.number('reduced_bits of a Sev', self.reduced_bits, 0, 63)
        checks.number('max_guests of a Sev', self.max_guests, 0)
        checks.number('max_es_guests of a Sev', self.max_es_guests, 0)


_ALL, _Q35 = ('pc-i440fx-*', 'pc-q35-*'), ('pc-q35-*',)
_SECURE = ('acpi-s3', 'amd-sev', 'requires-smm', 'secure-boot', 'verbose-dynamic')
_FOLDER = '/usr/share/OVMF'

#: The firmware of Debian's package ovmf, in the order of its descriptors. Source: ovmf 2022.11.
OVMF = (
    Firmware(f'{_FOLDER}/OVMF_CODE_4M.ms.fd', f'{_FOLDER}/OVMF_VARS_4M.ms.fd', _Q35,
             ('acpi-s3', 'amd-sev', 'enrolled-keys', 'requires-smm', 'secure-boot',
              'verbose-dynamic')),
    Firmware(f'{_FOLDER}/OVMF_CODE_4M.secboot.fd', f'{_FOLDER}/OVMF_VARS_4M.fd', _Q35, _SECURE),
    Firmware(f'{_FOLDER}/OVMF_CODE_4M.fd', f'{_FOLDER}/OVMF_VARS_4M.fd', _ALL,
             ('acpi-s3', 'amd-sev', 'verbose-dynamic')),
)
