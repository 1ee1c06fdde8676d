"""The chain of images of a disk: its ``<source>``, and a ``<backingStore>`` for each image below.

Source: libvirt 9.0.0, src/qemu/qemu_snapshot.c (qemuSnapshotDiskUpdateSource),
src/qemu/qemu_blockjob.c (qemuBlockJobProcessEventCompletedCommit).
"""

from __future__ import annotations

from vpmem_harness.libvirtd.xml import etree
from vpmem_harness.libvirtd.xml.devices import disks
from vpmem_harness.libvirtd.xml.etree import Element, add, drop


def images(disk: Element) -> list[Element]:
    """Return the elements of a disk's images: the ``<disk>`` itself, then what is below."""
    found = [disk]
    store = disk.find('backingStore')
    while store is not None and store.find('source') is not None:
        found.append(store)
        store = store.find('backingStore')
    return found


def image_format(image: Element) -> str:
    """Return the format of one of a disk's images, as :func:`images` returns them."""
    if image.tag == 'disk':
        return disks.driver_format(image)
    found = image.find('format')
    return 'raw' if found is None else found.get('type', 'raw')


def as_disk(image: Element) -> Element:
    """Return a ``<disk>`` whose own image is one of those below a disk."""
    disk = etree.element('disk', type=image.get('type', 'file'))
    add(disk, 'driver', type=image_format(image))
    disk.extend(etree.copy(source) for source in image.findall('source'))
    return disk


def paths(disk: Element) -> list[str | None]:
    """Return the paths of a disk's images, the topmost first."""
    return [disks.source_path(image) for image in images(disk)]


def put_on_top(disk: Element, image: Element, *, index: int | None = None,
               keep: bool = True) -> None:
    """Put an image on top of a disk's chain.

    :param image: an element with the ``<driver>`` and the ``<source>`` of the image.
    :param index: the index of its source in a running domain.
    :param keep: whether the disk lists the images below it.
    """
    below = etree.element('backingStore', type=disk.get('type', 'file'))
    source = disk.find('source')
    if source is not None:
        lower = etree.copy(source)
        if 'index' in lower.attrib:
            below.set('index', lower.attrib.pop('index'))
        add(below, 'format', type=disks.driver_format(disk))
        below.append(lower)
    below.extend(disk.findall('backingStore'))
    drop(disk, 'source')
    drop(disk, 'backingStore')
    disk.set('type', image.get('type', 'file'))
    driver = disk.find('driver')
    if driver is not None:
        driver.set('type', disks.driver_format(image, 'qcow2'))
    for given in image.findall('source'):
        upper = etree.copy(given)
        if index is not None:
            upper.set('index', str(index))
        disk.append(upper)
    if keep and below.find('source') is not None:
        disk.append(below)


def remove(disk: Element, path: str) -> None:
    """Remove an image from a disk's chain, unless it is the last one."""
    chain = images(disk)
    for number, image in enumerate(chain[:-1]):
        if disks.source_path(image) != path:
            continue
        below = chain[number + 1]
        if number:
            etree.replace(chain[number - 1], image, below)
        else:
            _move_up(disk, below)
        return


def _move_up(disk: Element, image: Element) -> None:
    """Replace a disk's own image by the one below it."""
    drop(disk, 'source')
    drop(disk, 'backingStore')
    disk.set('type', image.get('type', 'file'))
    driver, form = disk.find('driver'), image.find('format')
    if driver is not None and form is not None:
        driver.set('type', form.get('type', 'raw'))
    for source in image.findall('source'):
        if image.get('index') is not None:
            source.set('index', image.get('index', ''))
        disk.append(source)
    disk.extend(image.findall('backingStore'))
