"""The ordinary words of log texts.

A machine or a user that is called by one of them is not hidden by its name alone: see
:mod:`vpmem_harness.safelog.names`. The words are those that the messages and docstrings of Nova,
its libraries and Python itself use most, and the usual names of machines and users of continuous
integration.
"""

from __future__ import annotations

WORDS = frozenset('''
    able about above absolute abstract accept accepted accepts access accessed according account
    across action actions activate active actual actually adapter add added adding addition
    additional address addresses adds admin administrator affect after again against agent
    aggregate aggregates algorithm alias aliases all allocate allocated allocation allocations
    allow allowed allowing allows along alpha alpine already also alternate always among amount
    an and annotation annotations another ansible any anything api app appear append apple
    application applied applies apply approach appropriate apps arbitrary arch archive are arg
    args argument arguments around array as asked assert assign assigned assignment associated
    association assumed assuming async asynchronous asyncio at attach attached attachment
    attempt attempted attempting attempts attr attribute attributes attrs audit auth
    authentication automatic automatically availability available avoid await back backend
    backends background backing backup backwards bad balancer banana bandwidth bar barbican base
    based bash basic be because become becomes been before begin beginning behalf behavior being
    belong belongs below bench benchmark best beta better between bin binary bind binding bios
    bits black blank block blocks blue bodies body bool boolean boot both bottom bound box
    breakpoint bridge bsd buffer build buildah buildbot builder builders building builds built
    bus but by byte bytes cache cached caching call callable callback called caller calling
    calls can cancel cannot canonical capabilities case cases catalog catalogue cause causes cd
    cell cells centos ceph certain certificate chain change changed changes chaos character
    characters charset check checked checking checks chef child choose chunk ci cinder circle
    claim claimed class classes clause clauses clean cleanup clear cli client clock close closed
    cloud cloudinit clouds cls cluster cmd code collection collections column columns
    combination come command commands comment commit common communicate compare compared
    comparison compatibility compatible compilation compile compiled compiler complete completed
    completion complex component compression comprised compute computes condition conditions
    conductor conf config configuration configure configured confirm conflict conjunction conn
    connect connected connection connections connector consider considered consistency console
    constraint constraints construct constructed constructor constructs consumed consumer
    contain contained container containing contains content contents context continue control
    controller controllers controls conversion convert converted cookie copied copy core cores
    coroutine correct correctly correspond corresponding corresponds could count counts cpu
    crashed create created creates creating creation credential criteria critical cron ctxt
    current currently cursor custom cwd cyborg daemon darwin data database databases dataclass
    datatype datatypes date datetime daxctl daxio day db debian debug debugging decimal
    declarative declared decode decoded decorated decorator def default defaults deferred define
    defined defines definition definitions delete deleted deleting deletion delta demo depending
    depends deployment deprecated derived described describes describing description descriptor
    descriptors desired desk desktop dest destination detach detached detail detailed details
    detect detected determine determined determines dev devel develop developer development
    device devices devstack dialect dialects dict dictionaries dictionary dicts did difference
    different digits dimm dimms dir direct direction directly directories directory disable
    disabled discovery disk disks dispatch display distribution do docker docstring document
    documentation does doesn doing dom domain domains don done down drive driver drivers due
    dummy duplicate during dynamic each east edge effect effects either element elements else
    email emit emitted empty emulator enable enabled encoded encoding encrypted encryption end
    endpoint ends engine enough ensure entire entities entity entries entry enum env environment
    equal equivalent err error errors escape establish established etc etcd etree evacuate
    evaluated even event eventlet eventloop events every everything exact exactly example
    examples exc except exception exceptions exchange exclusive executable execute executed
    execution executor exist existing exists exit expect expected expired explicit explicitly
    export expr expression expressions extended extension extensions external extra factory fail
    failed fails failure failures fake false fatal fault faults feature features fedora fetch
    field fields file filename filenames files filesystem filter filtering filters final finally
    find finding findings finish firewall first fit fixed fixture fixtures flag flags flat
    flavor flavors fleet float floating flow flush fn follow followed following follows foo for
    force foreign form format formats formatted formatter formatting found frame frames free
    from frontend ftp full fully func function functionality functions further future gamma
    gateway general generally generate generated generates generating generation generator
    generic geneve gentoo get gets getting git github gitlab give given gives giving glance
    global go goes going got graphics greater green group groups grub guest guests had hand
    handle handled handler handlers handles handling happen hard hardware harness has hash have
    having header headers health heat held help helper helpers here hidden higher history hold
    holds home hook horizon host hostname hosts hotplug how however http https huge hypervisor
    id identical identified identifier identifiers identity if ignore ignored image images
    immediately immutable impact implement implementation implementations implemented implements
    import important imported in inactive include included includes including incoming index
    indexes indicate indicates indicating individual info information inheritance init initial
    initialized inline input insert inserted inside inspect install installed instance instances
    instead int integer integers integrated intended interface interfaces internal interpreted
    interpreter interval into invalid invariants inventory invoke invoked invoking ip ironic is
    isinstance isn isolation issue issues it item items iterable iterator its itself java
    jenkins job jobs join joined json jsontext just keep keepalive keeps kernel kernfs key keyed
    keys keystone keyword keywords kill kind kinds know known kube kubernetes kvm kw kwargs lab
    label labels lambda language laptop large larger last later latest layout lazy leading leaf
    leak least leave ledger left legacy len length less level lib libraries library libvirt
    libvirtd lifecycle like likely limit limited limits line lines link linux list listed
    listener listeners listing lists literal literals live load loaded loader loading local
    locale localhost location lock log logged logger logging logic logical logs long longer look
    looked looking looks lookup loop loopback lost lower lxc lxd mac machine machines macos made
    mail main major make makes making managed management manager manila many map mapped mapper
    mappers mapping mappings mariadb mark marked marker masking master match matched matcher
    matches matching matrix max maximum may mdev mean meaning means media medium member members
    memcached memory message messages messaging meta metaclass metadata method methods
    microversion might migrate migration migrations minimum mirror missing mock mod mode model
    models modification modified modify module modules mongo monitor month more most mount move
    moved msg much multipath multiple must mutable mutex mutually mysql name named names
    namespace namespaces native ndctl necessary need needed needs negative nested net network
    networks neutron never new newline newly next nfit no nobody node nodes none nonexistent nor
    normal normally north not note nothing notification nova novatests now null numa number
    numbering numbers numeric nvdimm nvme obj object objects occur occurred occurs of off office
    offset often ok old older omitted on once one ones only onto open opened openstack operand
    operation operations operator operators opt option optional optionally options or oracle
    orange order ordering original other otherwise our out output outside over overlay
    overridden override own owner package packer page pair pairs parameter parameters params
    parent parse parsed parser parsing part partial particular pass passed passing password
    patch path paths pattern patterns pause paused payload pc pci pending per percentage perform
    performance performed perl permitted persistent phase physical pick pickle pid ping pipeline
    place placed placement plain plan platform please plugin pmem pod podman pods point points
    policies policy poll pool pools pop populated port ports position positional positive
    possible possibly post postgres postgresql postparse power precision preferred prefix
    present prevent previous previously primary primitives print printsql prior priority private
    proc procedures process processed processes processing prod produce produced produces
    production profile profiles program progress project projects proper properly properties
    property prose protocol provide provided provider providers provides providing provision
    proxy pseudonyms public pull puppet purpose push put py pycon pypy python qa qemu queries
    query queue quota quotas quote quoted quoting rabbit rabbitmq rack racks raise raised raises
    raising random randomness range rate rather raw re reach reached read reading readline ready
    real reason reboot rebuild receive received recent recommended record recorded records red
    redaction redis ref refer reference referenced references refers reflect reflected
    reflection refresh regardless region regions register registered registry regular related
    relationship relationships relative release remain remaining remains remote removal remove
    removed removing render rendered renders replace replaced replacement reply report reported
    repr represent representation represented representing represents request requested requests
    require required requires rescue rescued reserved reset resize resized resolve resource
    resources response rest restart restore result resulting results resume retries retrieve
    retrieved retry return returned returning returns revert rhel right rocky role rollback root
    router row rows rpc rtype ruby rule rules run runner runners running runs runtime safe
    safelog salt same sample sandbox sata save says sbin scalar scan scenario scenarios
    scheduler scheduling schema scheme school scope script scsi search second secondary seconds
    secret secrets section security see seed seeds segment select selectable selected selection
    self semantics send sending sent separate separated sequence sequences serial series server
    servers service services serving session set sets setting settings setup several shapes
    shard share shared shares shell shelve shelved short should show shut shutdown side sign
    signal signature silently similar simple simply simulated since single size sizes skip sleep
    slice slot slots small snapshot snapshots so socket sockets soft some something sort sorted
    sorting source south space spaces spawn spec special specific specification specified
    specifies specify specifying specs spice spine split sql sqlalchemy srv ssh stack stage
    staging standalone standard start started starting starts startup state statement statements
    states static statistics status stderr stdin stdout step steps still stmt stop stopped
    storage store stored stores str strategy stream strict string strings structure stub style
    subclass subclasses subject subnet subquery subsequent subset success successful
    successfully such sudo suffix suitable suite supplied supply support supported supports sure
    suse suspend suspended swap swift switch symbol sync syntax sys system systems table tables
    tag tags take taken takes tap target targets task tasks tell temp template temporary tenant
    term terminal terms terraform test testcase tester testing tests text than that the their
    them themselves then there therefore these they things third this those though thread
    threads three throttling through time timeout timer times timestamp timezone tiny tmp to
    together token tokens too tool tools top topic topology total tox tpm trace traceback
    tracebacks track tracker trail trailer trailing trait traits transaction transfer transition
    translation transport travis treated tree true trunk try trying tuning tuple tuples turn two
    type types typically typing ubuntu uefi uint unable under underlying undo unexpected unicode
    unique unit units unix unknown unless unlock unpause unrescue unscoped unshelve unsupported
    until up update updated updates upgrade upload upon uris url usable usage usb use used
    useful user username users uses using usr usually util utils uuid uuids vagrant valid
    validate validation value values var variable variables various vault verify version
    versions very veth vfio via view virsh virt virtio virtual vlan vm vms vnc vocabulary volume
    volumes vpmem vxlan wait waiting want warning warnings was watch watchdog way we web weight
    well were west what whatever wheel when whenever where whether which while white whitespace
    who whole whose wide width will window windows wipe wire with within without word words work
    workarounds worker workers working works workstation would wrapped wrapper write writes
    writing written wrong www xdr xen xml year yes yet yield yields you your zero zone zuul
    zygote
'''.split())  # noqa: SIM905 - a list of 1,800 strings is no better to read
