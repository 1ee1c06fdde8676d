"""Domains are defined, started, stopped and undefined as by libvirt."""

from __future__ import annotations

import functools

import libvirt
import testtools
from lxml import etree

from tests.unit.libvirtd.hypervisor import hosts
from vpmem_harness.libvirtd.values import DomainHandle
from vpmem_harness.randomness import Randomness

MINIMAL = """<domain type='qemu'><name>{name}</name>{uuid}<memory>65536</memory>
<os><type>hvm</type></os></domain>"""


def minimal(name='guest', uuid=None):
    """Return the XML of a minimal domain."""
    return MINIMAL.format(name=name, uuid='' if uuid is None else f'<uuid>{uuid}</uuid>')


class LifecycleCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.host = hosts.recorded_host()
        self.connection = hosts.Client(self.host)
        self.recorder = hosts.Recorder(self.connection)
        self.connection.connect_domain_event_callback_register_any(
            libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, None)

    def define(self, xml=None):
        """Define a domain, and clear the recorded events."""
        domain = self.connection.domain_define_xml(xml or minimal())
        self.recorder.messages.clear()
        return domain

    def events(self):
        """Return the lifecycle events so far: ID, event, detail."""
        return [event[1:] for event in self.recorder.lifecycle()]

    def xml(self, domain):
        """Return the root of a domain's XML."""
        return etree.fromstring(self.connection.domain_get_xml_desc(domain, 0))

    def assert_refused(self, message, call, *arguments, code=None, domain=None, **keywords):
        """Check that a call is refused with that message."""
        error = hosts.refusal(functools.partial(call, *arguments, **keywords))
        self.assertIsNotNone(error, 'the call was not refused')
        self.assertEqual(message, error.message)
        if code is not None:
            self.assertEqual(code, error.code)
        if domain is not None:
            self.assertEqual(domain, error.domain)


class TestDefine(LifecycleCase):

    def test_new_domain_is_off(self):
        """A new domain is shut off for an unknown reason, and has no ID."""
        domain = self.define()
        self.assertEqual((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN),
                         self.connection.domain_get_state(domain, 0))
        self.assertEqual(-1, domain.id)

    def test_events(self):
        """The first definition publishes "added", the next one "updated"."""
        uuid = Randomness(1).uuid()
        self.connection.domain_define_xml(minimal(uuid=uuid))
        self.connection.domain_define_xml(minimal(uuid=uuid))
        self.assertEqual([(-1, libvirt.VIR_DOMAIN_EVENT_DEFINED,
                           libvirt.VIR_DOMAIN_EVENT_DEFINED_ADDED),
                          (-1, libvirt.VIR_DOMAIN_EVENT_DEFINED,
                           libvirt.VIR_DOMAIN_EVENT_DEFINED_UPDATED)], self.events())

    def test_uuid_is_taken(self):
        """A UUID cannot be used with another name."""
        domain = self.define()
        self.assert_refused(
            f"operation failed: domain 'guest' is already defined with uuid {domain.uuid_text}",
            self.connection.domain_define_xml, minimal('other', domain.uuid_text),
            code=libvirt.VIR_ERR_OPERATION_FAILED, domain=libvirt.VIR_FROM_DOMAIN)

    def test_name_is_taken(self):
        """A name cannot be used with another UUID."""
        domain = self.define()
        self.assert_refused(
            f"operation failed: domain 'guest' already exists with uuid {domain.uuid_text}",
            self.connection.domain_define_xml, minimal(),
            code=libvirt.VIR_ERR_OPERATION_FAILED, domain=libvirt.VIR_FROM_DOMAIN)

    def test_redefining_a_running_domain(self):
        """Redefining a running domain changes its next start only."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_define_xml(
            minimal(uuid=domain.uuid_text).replace('65536', '131072'))
        self.assertEqual(65536, self.connection.domain_get_max_memory(domain))
        self.connection.domain_destroy(domain)
        self.assertEqual(131072, self.connection.domain_get_max_memory(domain))

    def test_not_well_formed(self):
        """The error of malformed XML names the place."""
        self.assert_refused(
            '(domain_definition):1: Premature end of data in tag domain line 1\n'
            '<domain>\n--------^', self.connection.domain_define_xml, '<domain>',
            code=libvirt.VIR_ERR_XML_DETAIL, domain=libvirt.VIR_FROM_DOMAIN)

    def test_another_document(self):
        """A document that is not a domain is refused."""
        self.assert_refused("XML error: expecting root element of 'domain', not 'network'",
                            self.connection.domain_define_xml, '<network/>',
                            domain=libvirt.VIR_FROM_XML)

    def test_no_name(self):
        """A domain needs a name."""
        self.assert_refused('missing name information', self.connection.domain_define_xml,
                            "<domain type='qemu'/>", code=libvirt.VIR_ERR_NO_NAME)

    def test_no_memory(self):
        """A domain needs memory."""
        self.assert_refused(
            'XML error: Memory size must be specified via <memory> or in the <numa> '
            'configuration', self.connection.domain_define_xml,
            minimal().replace('<memory>65536</memory>', ''))

    def test_slash_in_a_name(self):
        """A name cannot contain a slash."""
        self.assert_refused("XML error: name a/b cannot contain '/'",
                            self.connection.domain_define_xml, minimal('a/b'))

    def test_unknown_flags(self):
        """The error of an unknown flag names the function."""
        self.assert_refused(
            'unsupported flags (0x8) in function qemuDomainDefineXMLFlags',
            self.connection.domain_define_xml_flags, minimal(), 8,
            code=libvirt.VIR_ERR_INVALID_ARG)


class TestStart(LifecycleCase):

    def test_events(self):
        """A start publishes "resumed" and "started", in this order."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assertEqual(
            [(1, libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED),
             (1, libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED)],
            self.events())

    def test_paused(self):
        """A domain that is started paused does not run."""
        domain = self.define()
        self.connection.domain_create_with_flags(domain, libvirt.VIR_DOMAIN_START_PAUSED)
        self.assertEqual([libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER],
                         list(self.connection.domain_get_state(domain, 0)))
        self.assertEqual([libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED],
                         [event[1] for event in self.events()])

    def test_ids_are_new(self):
        """Each start has a new ID; a domain that is off has -1."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_destroy(domain)
        self.assertEqual(-1, domain.id)
        self.connection.domain_create(domain)
        self.assertEqual(2, domain.id)

    def test_twice(self):
        """A running domain cannot be started."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.assert_refused('Requested operation is not valid: domain is already running',
                            self.connection.domain_create, domain,
                            code=libvirt.VIR_ERR_OPERATION_INVALID,
                            domain=libvirt.VIR_FROM_QEMU)

    def test_transient_domain_vanishes(self):
        """A transient domain is gone when it ends."""
        domain = self.connection.domain_create_xml(minimal(), 0)
        self.connection.domain_destroy(domain)
        self.assert_refused(
            f"Domain not found: no domain with matching uuid '{domain.uuid_text}' (guest)",
            self.connection.domain_get_state,
            DomainHandle('guest', domain.uuid), 0, code=libvirt.VIR_ERR_NO_DOMAIN)

    def test_failed_start_of_a_transient_domain(self):
        """A transient domain whose start fails is gone."""
        xml = minimal().replace('</domain>', '').replace('<memory>65536</memory>', '') + """
            <maxMemory slots='1'>1048576</maxMemory><cpu><numa><cell cpus='0' memory='65536'/>
            </numa></cpu><devices><memory model='nvdimm'><source><path>/dev/dax9.9</path></source>
            <target><size>131072</size><node>0</node></target></memory></devices></domain>"""
        self.assert_refused("Path '/dev/dax9.9' is not accessible: No such file or directory",
                            self.connection.domain_create_xml, xml, 0,
                            code=libvirt.VIR_ERR_SYSTEM_ERROR, domain=libvirt.VIR_FROM_CGROUP)
        self.assertEqual([], self.connection.connect_list_all_domains(1, 0))


class TestEnd(LifecycleCase):

    def test_destroy(self):
        """Destroying a domain sets its state and reason, and publishes events."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.recorder.messages.clear()
        self.connection.domain_destroy(domain)
        self.assertEqual((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED),
                         self.connection.domain_get_state(domain, 0))
        self.assertEqual(
            [(1, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST),
             (-1, libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED)],
            self.events())

    def test_what_is_off_cannot_be_destroyed(self):
        """A domain that is off cannot be destroyed."""
        domain = self.define()
        self.assert_refused('Requested operation is not valid: domain is not running',
                            self.connection.domain_destroy, domain,
                            code=libvirt.VIR_ERR_OPERATION_INVALID,
                            domain=libvirt.VIR_FROM_DOMAIN)

    def test_guest_takes_its_time(self):
        """A shutdown takes the time of the guest."""
        self.host.guests.shutdown_seconds = 30
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_shutdown(domain)
        self.host.clock.step(29)
        self.assertTrue(domain.active)
        self.host.clock.step(1)
        self.assertEqual((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN),
                         self.connection.domain_get_state(domain, 0))

    def test_guest_that_does_not_listen(self):
        """A guest can ignore its power button."""
        self.host.guests.obeys_power_button = False
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_shutdown(domain)
        self.assertTrue(domain.active)

    def test_undefined_domain_runs_on(self):
        """Undefining a running domain makes it transient."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_undefine(domain)
        self.assertEqual((1, 0), (self.connection.domain_is_active(domain),
                                  self.connection.domain_is_persistent(domain)))
        self.connection.domain_destroy(domain)
        self.assertEqual([], self.connection.connect_list_all_domains(1, 0))

    def test_managed_save(self):
        """A saved domain is off, and its next start resumes it."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_managed_save(domain, 0)
        self.assertEqual((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SAVED),
                         self.connection.domain_get_state(domain, 0))
        self.connection.domain_create(domain)
        self.assertEqual((libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_RESTORED),
                         self.connection.domain_get_state(domain, 0))
        self.assertEqual(0, self.connection.domain_has_managed_save_image(domain, 0))

    def test_saved_domain_is_not_undefined(self):
        """A domain with a managed save image is not undefined without the flag."""
        domain = self.define()
        self.connection.domain_create(domain)
        self.connection.domain_managed_save(domain, 0)
        self.assert_refused('Requested operation is not valid: Refusing to undefine while domain '
                            'managed save image exists', self.connection.domain_undefine, domain)
        self.connection.domain_undefine_flags(domain, libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)

    def test_host_goes_down(self):
        """A reboot stops persistent domains, removes transient ones, starts autostart ones."""
        for name in ('off', 'auto'):
            domain = self.connection.domain_define_xml(minimal(name))
            self.connection.domain_create(domain)
            self.connection.domain_set_autostart(domain, int(name == 'auto'))
        self.connection.domain_create_xml(minimal('transient'), 0)
        self.host.reboot()
        self.assertEqual({'off': False, 'auto': True},
                         {domain.name: domain.active for domain in self.host.domains})

    def test_client_that_is_gone(self):
        """An autodestroy domain ends with its connection."""
        other = hosts.Client(self.host)
        domain = other.domain_create_xml(minimal(), libvirt.VIR_DOMAIN_START_AUTODESTROY)
        self.assertTrue(domain.active)
        other.close()
        self.assertEqual([], self.connection.connect_list_all_domains(1, 0))


class TestListing(LifecycleCase):

    def setUp(self):
        super().setUp()
        self.off = self.connection.domain_define_xml(minimal('off'))
        self.on = self.connection.domain_create_xml(minimal('on'), 0)
        self.paused = self.connection.domain_define_xml(minimal('paused'))
        self.connection.domain_create_with_flags(self.paused, libvirt.VIR_DOMAIN_START_PAUSED)

    def names(self, flags):
        """Return the names of the domains that match the filters."""
        return {domain.name for domain in self.connection.connect_list_all_domains(1, flags)}

    def test_no_filter(self):
        """All domains are listed without filters."""
        self.assertEqual({'off', 'on', 'paused'}, self.names(0))

    def test_active(self):
        """Active domains run or are paused."""
        self.assertEqual({'on', 'paused'}, self.names(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE))

    def test_groups(self):
        """A domain has to match one flag of each group."""
        self.assertEqual({'paused'}, self.names(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
                                                | libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT))

    def test_states(self):
        """Flags of states are alternatives."""
        self.assertEqual({'off', 'paused'}, self.names(
            libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED | libvirt.VIR_CONNECT_LIST_DOMAINS_SHUTOFF))

    def test_lookups(self):
        """A domain is found by ID, name and UUID."""
        found = {self.connection.domain_lookup_by_id(self.on.id),
                 self.connection.domain_lookup_by_name('on'),
                 self.connection.domain_lookup_by_uuid(self.on.uuid)}
        self.assertEqual({self.on}, found)

    def test_unknown_id(self):
        """The lookup of an unknown ID fails."""
        self.assert_refused('Domain not found: no domain with matching id 77',
                            self.connection.domain_lookup_by_id, 77,
                            code=libvirt.VIR_ERR_NO_DOMAIN, domain=libvirt.VIR_FROM_QEMU)
