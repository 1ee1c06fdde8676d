"""The directive ``diagram``: a picture that is drawn when the documentation is built.

The picture of the layers is drawn from the package's folders and from the order of layers that
``tests/unit/test_layers.py`` enforces; the build fails when the two do not match.
"""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Callable

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from svg import FONT, LINE, WIDTH, Canvas, wrap

ROOT = pathlib.Path(__file__).parents[3]
PACKAGE = ROOT / 'vpmem_harness'
LAYERS = ROOT / 'tests' / 'unit' / 'test_layers.py'

#: What the picture says of a member in place of the first sentence of its docstring.
CAPTIONS = {
    '__main__': 'python -m vpmem_harness',
    'chaos': 'random operations, faults and invariants',
    'cli': 'the command vpmem-harness',
    'cloud': 'boot, resize, migrate, wait; the stub and real Nova',
    'conf': 'options',
    'exceptions': 'errors of the harness',
    'findings': 'known defects of Nova as scenarios',
    'fixtures': 'one fixture per module',
    'host': 'one simulated machine: tools, directories, faults, audit',
    'libvirtd': 'the daemon: wire, hypervisor state, XML',
    'novatests': "for tests in Nova's own tree",
    'pmem': 'regions, labels, namespaces; ndctl, daxctl, daxio',
    'pytest_plugin': 'the same for pytest',
    'randomness': 'seeded random values',
    'report': 'an HTML page about hosts and clouds',
    'safelog': 'redaction, pseudonyms, audit log',
    'serving': 'event loop, listener, clock',
    'testcase': 'VPMEMTestCase and its assertions',
    'uuids': 'UUIDs by name',
}


def members() -> set[str]:
    """The folders and modules at the root of the package."""
    return {path.stem for path in PACKAGE.iterdir()
            if (path.suffix == '.py' and path.stem != '__init__')
            or (path / '__init__.py').exists()}


def layers() -> list[list[str]]:
    """The members of each layer, from the top.

    :raises ValueError: when a folder of the package is in no layer.
    """
    assignments = [node for node in ast.parse(LAYERS.read_text()).body
                   if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'LAYERS']
    present = members()
    found = [[name for name in layer if name in present]
             for layer in ast.literal_eval(assignments[0].value)]
    missing = present - {name for layer in found for name in layer}
    if missing:
        raise ValueError(f'{LAYERS.name} has no layer for {", ".join(sorted(missing))}')
    return [layer for layer in found if layer]


def caption(name: str) -> str:
    """What a member is."""
    if name in CAPTIONS:
        return CAPTIONS[name]
    path = PACKAGE / name / '__init__.py'
    text = ast.get_docstring(ast.parse(
        (path if path.exists() else PACKAGE / f'{name}.py').read_text())) or name
    return text.partition('\n')[0].rstrip('.')


def draw_layers() -> str:
    """Each layer a row; the boxes of one row do not import each other."""
    canvas = Canvas('The layers of the package, from the command line at the top to the errors at '
                    'the bottom. Each layer imports only from the layers below it.')
    y, gap = 2.0, 8
    for layer in layers():
        width = (WIDTH - 4 - gap * (len(layer) - 1)) / len(layer)
        texts = [[name, *wrap(caption(name), width - 12)] for name in layer]
        height = max(map(len, texts)) * LINE + 12
        for number, lines in enumerate(texts):
            kind = 'core' if layer[number] in ('cloud', 'host', 'libvirtd', 'pmem') else ''
            canvas.box(2 + number * (width + gap), y, width, height, lines, kind,
                       strong_first=True)
        y += height + gap
    return canvas.markup()


def draw_boundaries() -> str:
    """The real client above, the simulated host below, and the three places where they meet."""
    canvas = Canvas('A real client meets a simulated host in three places: the socket of libvirtd, '
                    'the programs ndctl, daxctl and daxio, and files.')
    canvas.box(2, 2, 516, 52, ["Everything real: your test, Nova's libvirt driver,",
                               'libvirt-python, virsh, virt-install, an exporter'], 'real')
    columns = [(88, ['libvirt', 'connection']), (260, ['fork, exec']), (432, ['open, stat'])]
    for x, lines in columns:
        for number, line in enumerate(lines):
            canvas.text(x + 10, 78 + number * LINE, line, 'note', anchor='start')
        canvas.arrow(x, 54, 132)
    canvas.line(114, 'boundary')
    places = [['UNIX socket,', "libvirt's", 'remote protocol'],
              ['ndctl, daxctl,', 'daxio on the', "host's PATH"],
              ['instances,', 'nova.conf,', '/dev/dax*']]
    for number, lines in enumerate(places):
        canvas.box(2 + number * 176, 134, 164, 70, lines)
        canvas.arrow(88 + number * 172, 206, 232)
    canvas.box(2, 234, 516, 76, ['One simulated host',
                                 'NVDIMMs, regions, labels, namespaces and who wrote to them;',
                                 'domains, devices, events and errors'], 'core',
               strong_first=True)
    return canvas.markup()


def draw_boot() -> str:
    """The path of a boot: what calls what, downwards, and what comes back."""
    canvas = Canvas('The path of a boot, from the test through the compute service and libvirt to '
                    'the namespaces of a host, and back.')
    steps = [
        ('your test', "cloud.boot(pmem='SMALL')", ''),
        ('cloud', 'checks the arguments, sends the request, waits', ''),
        ('scheduler and Placement', 'choose a host and allocate the namespaces', ''),
        ('compute service', "claims namespaces, writes the domain's XML", ''),
        ('libvirt-python', 'the real client library', 'real'),
        ('libvirtd/wire', 'decodes the call', ''),
        ('libvirtd/hypervisor', 'checks the domain, changes its state', ''),
        ('host', 'says whether /dev/dax0.0 exists and how large it is', ''),
        ('pmem', 'knows the namespace and records who writes to it', ''),
    ]
    height, gap, width = 2 * LINE + 10, 18, 396
    y = 2.0
    for number, (name, does, kind) in enumerate(steps):
        if name == 'libvirtd/wire':
            canvas.line(y - 6, 'boundary', right=width + 4)
            canvas.arrow(2 + width / 2, y - gap, y + 14)
            y += 14
        elif number:
            canvas.arrow(2 + width / 2, y - gap, y)
        canvas.box(2, y, width, height, [name, does], kind, strong_first=True)
        y += height + gap
    canvas.arrow(width + 24, y - gap - 20, 20)
    middle = y / 2
    for number, line in enumerate(['ACTIVE,', 'or ERROR', 'with its', 'fault']):
        canvas.text(width + 36, middle + number * LINE, line, 'note', anchor='start')
    return canvas.markup()


def draw_machines() -> str:
    """Fleets on several machines, with the computes of one cloud."""
    canvas = Canvas('Several machines: the services of the cloud run once; each machine has a '
                    'fleet of simulated hosts, and a nova-compute for each host. The hosts of the '
                    'machines reach each other at their addresses.')
    canvas.box(2, 2, 516, 54, ['services of the cloud',
                               'RabbitMQ, database, Keystone, Placement, Nova API'], 'real',
               strong_first=True)
    for number in range(2):
        left = 2 + number * 264
        canvas.text(left + 127, 84, f'machine {number + 1}', 'strong')
        for host in range(2):
            start = left + host * 132
            canvas.arrow(start + 60, 56, 102, both=True)
            canvas.box(start, 104, 120, 34, ['nova-compute'], 'real')
            canvas.arrow(start + 60, 138, 172)
            canvas.box(start, 174, 120, 92, [
                f'rack{number + 1}-{host + 1}', f'10.0.{number + 1}.{host + 1}',
                'libvirt on 16509', 'ndctl, daxio'], 'core', strong_first=True)
            canvas.arrow(start + 60, 266, 296, both=True)
    canvas.line(155, 'boundary')
    canvas.box(2, 298, 516, 34, ['migrations: qemu+tcp://ADDRESS/system'])
    return canvas.markup()


def draw_fleet() -> str:
    """One cloud on three hosts."""
    canvas = Canvas('A fleet: one test drives one cloud; each host has a compute service, a '
                    'libvirt socket, tools and a directory of its own.')
    canvas.box(2, 2, 516, 34, ['your test'], 'real')
    canvas.arrow(260, 36, 58)
    canvas.box(2, 60, 516, 54, ['cloud', 'API, scheduler, Placement: the stub, or real Nova'],
               strong_first=True)
    for number in range(3):
        left = 2 + number * 176
        center = left + 82
        canvas.arrow(center, 114, 136)
        canvas.box(left, 138, 164, 34, ['compute service'])
        canvas.arrow(center, 172, 206)
        canvas.box(left, 208, 164, 166, [], 'core')
        canvas.text(center, 208 + FONT + 8, f'host{number + 1}', 'strong')
        for row, line in enumerate(['libvirt socket', 'ndctl, daxio', 'directory', 'namespaces']):
            canvas.box(left + 10, 240 + row * 33, 144, 27, [line], 'real')
    canvas.line(189, 'boundary')
    return canvas.markup()


def draw_deployment() -> str:
    """The services, the computes and the simulated hosts of ``./dev fleet``."""
    canvas = Canvas('The reference deployment: clients call the web interfaces of OpenStack; the '
                    'services use MariaDB and RabbitMQ; each simulated host has a nova-compute.')
    canvas.box(2, 2, 340, 34, ['openstack, tempest, the smoke test'], 'real')
    canvas.arrow(172, 36, 58)
    canvas.box(2, 60, 340, 73, ['Keystone, Placement, Glance,', 'Neutron and Nova',
                                'unchanged releases, under uWSGI'], 'real')
    canvas.line(96, left=342, right=376)
    canvas.box(376, 60, 142, 73, ['MariaDB'], 'real', strong_first=True)
    canvas.arrow(172, 133, 155, both=True)
    canvas.box(2, 157, 516, 34, ['RabbitMQ'], 'real', strong_first=True)
    for number in range(3):
        left = 2 + number * 176
        center = left + 82
        canvas.arrow(center, 192, 216, both=True)
        canvas.box(left, 218, 164, 54, ['nova-compute', 'one for each host'], 'real',
                   strong_first=True)
        canvas.arrow(center, 272, 306)
        canvas.box(left, 308, 164, 73, [f'compute{number + 1}' if number < 2 else 'computeN',
                                        'libvirt socket,', 'ndctl, daxio'], 'core',
                   strong_first=True)
    canvas.line(289, 'boundary')
    return canvas.markup()


PICTURES: dict[str, Callable[[], str]] = {
    'boot': draw_boot,
    'boundaries': draw_boundaries,
    'deployment': draw_deployment,
    'fleet': draw_fleet,
    'layers': draw_layers,
    'machines': draw_machines,
}


class Diagram(Directive):
    """``.. diagram:: NAME`` shows one of ``PICTURES``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The picture as inline SVG."""
        return [nodes.raw('', PICTURES[self.arguments[0]](), format='html')]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive('diagram', Diagram)
    # The layers change when the package does, which Sphinx does not see.
    app.connect('env-get-outdated', lambda app, env, *_: {'explanation/architecture'})
    return {'parallel_read_safe': True}
