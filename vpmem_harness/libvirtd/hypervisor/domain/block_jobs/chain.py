"""The images of a disk's chain that a block job names, and the chain after the job.

Source: libvirt 9.0.0, src/storage_file/storage_source.c (virStorageSourceChainLookup),
src/qemu/qemu_block.c (qemuBlockCommit), src/qemu/qemu_blockjob.c
(qemuBlockJobProcessEventCompletedPull and others). Recording: golden/libvirt/block-jobs.json.
"""

from __future__ import annotations

import re
from typing import Final

import libvirt

from vpmem_harness.libvirtd.errors import LibvirtError, bad_argument
from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.devices import disk_chain, disks
from vpmem_harness.libvirtd.xml.etree import Element

#: An image by its index: the target of its disk, and the index in brackets.
_INDEXED: Final = re.compile(r'([a-z]+)\[([0-9]+)\]', re.ASCII)


def find(disk: Element, name: str | None, *, beneath: Element | None = None) -> Element:
    """Return the image of a disk that a client names: by path, or by index as in ``vda[3]``.

    :param name: None for the lowest image.
    :param beneath: the image below which to search.
    :raises LibvirtError: VIR_ERR_INVALID_ARG if there is none.
    """
    images = disk_chain.images(disk)
    if beneath is not None:
        images = images[images.index(beneath) + 1:]
    target = disks.target(disk)[0]
    indexed = _INDEXED.fullmatch(name or '')
    if indexed is not None and not int(indexed.group(2)):
        indexed = None      # there is no image 0: libvirt takes the text for a path
    if indexed is not None and indexed.group(1) != target:
        raise _bad(f"requested target '{indexed.group(1)}' does not match target '{target}'")
    for image in images[::-1]:
        if name is None:
            return image
        if (index(image) == indexed.group(2) if indexed is not None
                else disks.source_path(image) == name):
            return image
    if name is None:
        raise _bad(f"could not find base image in chain for '{target}'")
    if indexed is not None:
        raise _bad(f"could not find backing store index '{indexed.group(2)}' in chain for "
                   f"'{target}'")
    where = '' if beneath is None else f"beneath '{disks.source_path(beneath)}' "
    raise _bad(f"could not find image '{name}' {where}in chain for '{target}'")


def _bad(text: str) -> LibvirtError:
    return bad_argument(text, domain=libvirt.VIR_FROM_STORAGE)


def index(image: Element) -> str | None:
    """Return the index of an image of a running domain."""
    source = image.find('source')
    return image.get('index') if image.tag != 'disk' or source is None else source.get('index')


def join(upper: Element, lower: Element | None) -> None:
    """Put an image directly on top of another one of its chain, or of none."""
    kept = None if lower is None else etree.copy(lower)
    place = len(upper)
    for number, child in enumerate(list(upper)):
        if child.tag == 'backingStore':
            place = min(place, number)
            upper.remove(child)
    upper.insert(place, etree.element('backingStore') if kept is None else kept)


def mirror(source: Element, form: str, *, number: str | None, job: str, whole: bool) -> Element:
    """Return the ``<mirror>`` of a disk whose job is ready.

    :param source: the ``<disk>`` or ``<backingStore>`` of the image that the job writes to.
    :param form: its format.
    :param number: its index.
    :param job: ``copy`` or ``active-commit``.
    :param whole: whether the job has copied the chain below, too.
    """
    path = disks.source_path(source)
    copied = job == 'copy'
    root = etree.element('mirror', type=source.get('type', 'file'),
                         file=path if copied and source.get('type', 'file') == 'file' else None,
                         format=form if copied else None, job=job, ready='yes')
    etree.add(root, 'format', type=form)
    for found in source.findall('source'):
        own = etree.copy(found)
        if number is not None:
            own.set('index', number)
        root.append(own)
    if whole:
        etree.add(root, 'backingStore')
    return root


def pivot(disk: Element, below: Element | None) -> None:
    """Make the image of a disk's ``<mirror>`` its own.

    :param below: the image below the new one, None if there is none.
    """
    found = disk.find('mirror')
    if found is None:
        return
    lower = etree.element('backingStore') if below is None else etree.copy(below)
    for tag in ('source', 'backingStore', 'mirror'):
        etree.drop(disk, tag)
    disk.set('type', found.get('type', 'file'))
    driver, form = disk.find('driver'), found.find('format')
    if driver is not None and form is not None:
        driver.set('type', form.get('type', 'raw'))
    disk.extend(etree.copy(source) for source in found.findall('source'))
    disk.append(lower)


def configure(configured: Element, live: Element, *, whole: bool) -> None:
    """Give the disk of a configuration the image of the running domain's disk.

    :param whole: whether libvirt knows that the image has none below it: it is a full copy.
    """
    for tag in ('source', 'backingStore'):
        etree.drop(configured, tag)
    configured.set('type', live.get('type', 'file'))
    driver = configured.find('driver')
    if driver is not None:
        driver.set('type', disks.driver_format(live))
    for source in live.findall('source'):
        own = etree.copy(source)
        etree.unset(own, 'index')
        configured.append(own)
    if whole:
        etree.add(configured, 'backingStore')
