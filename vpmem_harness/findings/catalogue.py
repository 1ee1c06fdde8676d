"""Catalogue of findings: effect, cause and scenario of each."""

from __future__ import annotations

from vpmem_harness.findings import live_migration_scenarios, memory_scenarios, scenarios
from vpmem_harness.findings.finding import Finding

FINDINGS = (
    Finding(
        'confirm-keeps-data', 'confirming a resize leaves the data in the old namespaces',
        suffering="The next tenant's guest boots on memory that holds this one's data.",
        cause="The namespaces to wipe are looked up under a name that nothing is stored under.",
        scenario=scenarios.confirm, hosts=2, pmem='SMALL:1x4GiB,LARGE:1x16GiB'),
    Finding(
        'hard-reboot-wipes', 'a hard reboot wipes the persistent memory of its server',
        suffering='A user who reboots a server that hangs loses what was meant to persist.',
        cause='A hard reboot destroys and cleans up the guest as a deletion does.',
        scenario=scenarios.hard_reboot),
    Finding(
        'start-wipes', 'starting a stopped server wipes its persistent memory',
        suffering='What is in persistent memory does not outlive a power cycle.',
        cause='To start is a hard reboot for the driver.',
        scenario=scenarios.stop_and_start),
    Finding(
        'failed-resume-wipes', 'resuming a server wipes its persistent memory if its guest does '
        'not start',
        suffering='A user whose suspended server could not be resumed has lost what was in its '
                  'persistent memory.',
        cause='A guest that does not start is cleaned up as one that never was, whichever '
              'operation was to start it.',
        scenario=scenarios.failed_resume),
    Finding(
        'label-case', 'a label in another case boots a server without its memory',
        suffering='A tenant pays for persistent memory that the guest does not have.',
        cause='Resource classes ignore case and punctuation of a label; the search for the '
              'device does not.',
        scenario=scenarios.label_case, pmem='Small:1x4GiB'),
    Finding(
        'removed-namespace', 'a server whose namespace left the configuration cannot be deleted',
        suffering='An operator who takes a namespace out of nova.conf has a server in ERROR that '
                  'nobody can delete until it is back there.',
        cause='To wipe it the driver looks the namespace up among those configured now.',
        scenario=scenarios.removed_from_configuration, pmem='SMALL:3x4GiB'),
    Finding(
        'claims-outlive-server', 'deleting a server after its resize does not free its namespaces',
        suffering='Placement offers the namespace and the compute refuses it, until its next '
                  'audit: boots and unshelves fail for no visible reason.',
        cause='The resource tracker frees the claims only of servers that it tracks as its own, '
              'and the destination of a resize tracks a migration.',
        scenario=scenarios.claims_outlive_the_server, hosts=2, pmem='SMALL:1x4GiB,LARGE:1x16GiB'),
    Finding(
        'evacuated-host', 'a host that returns after an evacuation does not start its nova-compute',
        suffering='An operator has a host that is repaired and cannot be brought back.',
        cause="The source cleans up with the destination's namespaces, which it may not have.",
        scenario=scenarios.return_after_evacuation, hosts=2, pmem='SMALL:2x4GiB'),
    Finding(
        'evacuated-host-wipes',
        'a host that returns after an evacuation wipes the wrong namespaces',
        suffering="A neighbour's guest loses its persistent memory while it runs, and what the "
                  'evacuated server had stays for the next tenant.',
        cause="The source cleans up with the destination's namespaces, and finds its own of the "
              'same names.',
        scenario=scenarios.wipes_another, hosts=2, pmem='SMALL:2x4GiB'),
    Finding(
        'evacuated-allocation', 'a server that was evacuated and moved again keeps what it held '
        'of the lost host',
        suffering='An operator has a repaired host with a namespace that nobody can be given.',
        cause='The lost host frees what the server holds when it returns, and does not look at '
              'what an unfinished resize holds for the server.',
        scenario=scenarios.allocation_of_a_lost_host, hosts=2, allow_resize_to_same_host=True),
    Finding(
        'deleted-while-down', 'a server deleted while its compute was down shares its namespace '
        'with the next one',
        suffering="A tenant's guest runs on memory that another guest reads and writes, and then "
                  'has it wiped under its feet.',
        cause='The guest of a server that is gone runs on until the first periodic tasks, up to a '
              'minute after the start, and the claims are read from the servers that there are.',
        scenario=scenarios.deleted_while_down, pmem='SMALL:1x4GiB'),
    Finding(
        'label-in-use', 'a nova-compute whose configuration lost a label in use does not start',
        suffering='An operator has a host without a nova-compute, and an error about PCI devices.',
        cause='Placement does not let the inventory of a class in use be taken away, and at its '
              'start nova-compute takes any conflict for one about PCI devices.',
        scenario=scenarios.label_in_use, pmem='SMALL:1x4GiB'),
    Finding(
        'relabelled-namespace', 'a namespace in use that gets another label is given away',
        suffering='Two tenants have one namespace after an operator has edited nova.conf.',
        cause='What is free is what equals no claim, and claims are compared with their labels.',
        scenario=scenarios.relabelled, pmem='SMALL:2x4GiB'),
    Finding(
        'renumbered-namespace', 'a namespace in use that a reboot has renumbered is given away',
        suffering='Two tenants have one namespace after a host was rebooted.',
        cause='What is free is what equals no claim, and claims are compared with the numbers of '
              'their devices, which a reboot assigns anew.',
        scenario=scenarios.renumbered, pmem='SMALL:12x256MiB'),
    Finding(
        'resumed-after-reboot', 'a server resumed after a reboot of its host gets the memory of '
        'others',
        suffering="A guest goes on in the middle of its work, on memory that holds another's data.",
        cause='A suspended guest is started from its old document, which names the devices by the '
              'numbers that they had then.',
        scenario=scenarios.resumed, pmem='SMALL:12x256MiB'),
    Finding(
        'failed-resize', 'a resize that fails on the destination leaves the data on the source',
        suffering="The next tenant's guest boots on memory that holds this one's data; the shut "
                  'off guest and its disk stay on the source, too.',
        cause='Nothing asks the source to clean up: the server counts as moved, and what it had '
              'there is free.',
        scenario=scenarios.failed_resize, hosts=2, pmem='SMALL:1x4GiB,LARGE:1x16GiB'),
    Finding(
        'recovered-resize', 'a hard reboot after a failed resize starts a guest without its memory',
        suffering='A tenant recovers a server as Nova advises, and pays for persistent memory that '
                  'the guest does not have.',
        cause='The server has its old flavor again and the namespaces of the new one, and the '
              'driver looks for the labels of the flavor among them.',
        scenario=scenarios.recovered_resize, hosts=2, pmem='SMALL:1x4GiB,LARGE:1x16GiB'),
    Finding(
        'refused-resize', 'a resize on the same host that is refused gives namespaces in use away',
        suffering='Two tenants have one namespace after one of them asked for a smaller disk.',
        cause='The next audit takes what the server was to get by the move for what it has: the '
              'record of a move that failed keeps it.',
        scenario=scenarios.refused_resize, pmem='SMALL:12x256MiB,LARGE:1x4GiB',
        allow_resize_to_same_host=True),
    Finding(
        'rebuild-after-refused-resize',
        "a rebuild after a resize that was refused gives a server its neighbours' namespaces",
        suffering='Two guests of one host have the same persistent memory, and what was in it is '
                  'wiped or met by the other.',
        cause='A move that the source refuses leaves its record with the server, and the next '
              'rebuild takes the namespaces by it: names that the destination had given out.',
        scenario=scenarios.rebuild_after_refused_resize, hosts=2, pmem='SMALL:12x256MiB'),
    Finding(
        'failed-rebuild', 'a rebuild that fails gives back what its server holds in Placement',
        suffering="The server can be brought back by another rebuild, and runs; what it has is "
                  'offered to others, whose boots the compute refuses.',
        cause='To clean up, a rebuild is taken for an evacuation when it names a node, which by '
              'then every rebuild does.',
        scenario=scenarios.failed_rebuild),
    Finding(
        'refused-live-migration', 'a live migration that libvirt refuses leaves its server in '
        'ERROR',
        suffering='A guest that runs as before is shown in ERROR without a reason, and most of '
                  'what its user can do then, as to reboot it hard, wipes its persistent memory.',
        cause='When everything has been rolled back the error of the migration is raised once '
              'more, and taken for one that comes too late for that.',
        scenario=live_migration_scenarios.refused_live_migration, hosts=2, pmem='SMALL:1x4GiB'),
    Finding(
        'lost-live-migration', 'a live migration whose libvirtd is lost holds its source for good',
        suffering='An operator has a namespace that is free on the host and that nobody can be '
                  'given.',
        cause='Nothing is rolled back then, and what the migration holds of the source is not '
              "given back with what is the server's.",
        scenario=live_migration_scenarios.lost_live_migration, hosts=2, pmem='SMALL:1x4GiB'),
    Finding(
        'failed-revert', 'a revert that fails on the destination holds the source for good',
        suffering='An operator has a namespace with the data of a server that is gone, in a guest '
                  'that nobody knows, and nobody can be given it.',
        cause='To delete a server whose move is not confirmed is to confirm the move first; one '
              'that has failed is not looked for, and nobody asks the source to clean up.',
        scenario=scenarios.failed_revert, hosts=2),
    Finding(
        'interrupted-move', 'a move whose source dies on the way holds the source for good',
        suffering='An operator has a namespace that is free on the host and that nobody can be '
                  'given; the guest is off, and its server ACTIVE.',
        cause='A nova-compute that finds a server on its way when it starts forgets the '
              'migration, and with it what it holds.',
        scenario=scenarios.interrupted_move, hosts=2, pmem='SMALL:1x4GiB'),
    Finding(
        'abandoned-live-migration', 'a live migration that ends while its nova-compute is down is '
        'lost sight of',
        suffering='A guest runs where nobody looks for it, and others are given its namespaces.',
        cause='A nova-compute that finds a live migration under way when it starts gives it up '
              'for failed, and does not ask whether its guest has left.',
        scenario=live_migration_scenarios.abandoned_live_migration, hosts=2,
        pmem='SMALL:12x256MiB'),
    Finding(
        'queued-live-migration', 'a live migration that waits while its destination reboots ends '
        'on the memory of others',
        suffering='A guest arrives on namespaces on which a neighbor runs, and writes its data '
                  'over those of the neighbor.',
        cause='The devices of the guest are those that its claim recorded before the reboot, and '
              'nobody looks for the numbers that they have now.',
        scenario=live_migration_scenarios.queued_live_migration, hosts=2, pmem='SMALL:12x256MiB'),
    Finding(
        'queued-start', 'a start that waited for a lost host starts a second guest there',
        suffering='An evacuated server has a guest on either host, and the namespaces of the one '
                  'on the host that returned are given to the next tenant.',
        cause='A nova-compute that takes a request does not ask whether the server is still its '
              'own; whether it is still wanted is asked when the guest runs.',
        scenario=scenarios.queued_start, hosts=2, pmem='SMALL:12x256MiB'),
    Finding(
        'queued-stop', 'a stop that waited for a lost host stops the server that was evacuated',
        suffering='A guest is turned off that its user has started since, and to start it again '
                  'wipes its persistent memory.',
        cause='A guest that is not there counts as stopped, and that is noted of its server, '
              'wherever it is.',
        scenario=scenarios.queued_stop, hosts=2, pmem='SMALL:2x4GiB'),
    Finding(
        'queued-rebuild', 'a rebuild that waited for its nova-compute loses what the server holds',
        suffering='A guest runs on a namespace that Placement gives to others; its server is in '
                  'ERROR, and being rebuilt for ever.',
        cause='The service gives up the rebuild when it starts, fails when it takes it, and frees '
              'what an evacuation would have had booked.',
        scenario=scenarios.queued_rebuild, pmem='SMALL:2x4GiB'),
    Finding(
        'system-ram-offered', 'a namespace that the host uses as memory is offered to servers',
        suffering='Each server that gets it ends in ERROR, because its guest cannot open the '
                  'namespace, and daxio cannot wipe it.',
        cause='The listing shows the mode of the dax device, and nobody reads it.',
        scenario=memory_scenarios.used_as_memory, pmem='SMALL:1x4GiB'),
    Finding(
        'bad-blocks-offered', 'a namespace with bad blocks is offered to servers',
        suffering="A tenant's guest is killed when it reads one of the blocks.",
        cause='The listing counts the bad blocks of each namespace, and nobody reads it.',
        scenario=memory_scenarios.bad_blocks, pmem='SMALL:1x4GiB'),
    Finding(
        'no-room-for-label', 'a namespace that its alignment fills is offered to servers',
        suffering='No server can boot on a namespace of 1 GiB that is aligned to 1 GiB, and a '
                  'larger one gives its guest 1 GiB less.',
        cause='Each NVDIMM gets a label of 2 MiB, taken from the namespace; what is left is '
              'rounded down to the alignment.',
        scenario=memory_scenarios.no_room_for_label, pmem='SMALL:1x4GiB'),
)
