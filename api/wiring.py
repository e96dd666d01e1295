"""The composition root: builds the object graph from the settings, and takes it down in order.

The one place that knows every adapter. Nothing happens at import; nothing is shared between two calls.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg
import structlog

from provenstore.adapters.clock import SystemClock
from provenstore.adapters.embedded.data_directory import DataDirectory
from provenstore.adapters.embedded.running import OWNER
from provenstore.adapters.embedded.server import EmbeddedPostgres
from provenstore.adapters.entropy import SystemEntropy
from provenstore.adapters.keys.believed_heads import BelievedHeads
from provenstore.adapters.keys.key_file import load_or_create_key, read_key
from provenstore.adapters.keys.log_keys import LogKeys
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.objects.observed_store import ObservedStore
from provenstore.adapters.objects.own_urls import LocalUrlSigner
from provenstore.adapters.position_marks import PositionMarks
from provenstore.adapters.postgres import fingerprint, migrations
from provenstore.adapters.postgres.conninfo import self_contained
from provenstore.adapters.postgres.database import KEEPALIVES, Database, check_server, reading_pool
from provenstore.adapters.postgres.event_store import PostgresEventLog
from provenstore.adapters.postgres.login import require_login
from provenstore.adapters.postgres.notifier import Notifier
from provenstore.adapters.surroundings import forget_surroundings
from provenstore.api.background.checkpoints import PATIENCE, LogWork, Signing
from provenstore.api.background.flusher import Flusher
from provenstore.api.background.publishing import Publishing
from provenstore.api.background.sweeper import Sweeper
from provenstore.api.permissions import permits
from provenstore.api.services import Services
from provenstore.api.settings import Settings
from provenstore.api.verify.verified_proofs import VerifiedProofs
from provenstore.domain.access.links import LinkWays
from provenstore.domain.administration.log_records import LogRecords
from provenstore.domain.clock import Clock
from provenstore.domain.custody.providers import Providers
from provenstore.domain.custody.recorder import Recorder
from provenstore.domain.custody.store_identity import StoreIdentity
from provenstore.domain.errors import DatabaseUnavailable, Misconfigured, StorageFull, Unavailable
from provenstore.domain.eventlog.event_log import Append, EventLog
from provenstore.domain.files.file import APPROVAL_GOOD_FOR, COMPLETION_GRACE
from provenstore.domain.ledger import SYSTEM, Ledger
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.tenants.credential import CREDENTIALS
from provenstore.projections.audit.query import Audit
from provenstore.projections.audit.trail import AuditTrail
from provenstore.projections.engine.building import Builder
from provenstore.projections.engine.control import Control
from provenstore.projections.engine.fold import Projection
from provenstore.projections.engine.listener import Listener
from provenstore.projections.engine.positions import Positions, prepare
from provenstore.projections.engine.runner import Runner
from provenstore.projections.engine.skips import skips
from provenstore.projections.files.disposal import Disposals
from provenstore.projections.files.index import FileIndex
from provenstore.projections.files.jobs import Jobs, prepare_attempts
from provenstore.projections.files.query import Files
from provenstore.projections.operations.call_writer import CallWriter
from provenstore.projections.operations.store_calls import Operations, prepare_calls
from provenstore.projections.tree.integrator import Integrator
from provenstore.projections.tree.proofs import Proofs
from provenstore.projections.usage.query import Usages
from provenstore.projections.usage.sums import Usage

PROJECTIONS: Sequence[Projection[Any]] = (FileIndex(), AuditTrail(), Usage())
BESIDE = (prepare_attempts, prepare_calls)
"""The read models of this release; the file index first, as answers from the others show names of files."""

WRITER = "provenstore_writer"
RUNNER = "provenstore_runner"

MAX_CONNECTIONS = 16
"""Of one process to the log: appends wait for one lock anyway, and PostgreSQL takes 100 in all by default."""

URL_KEY = "signed-urls.key"

_log = structlog.get_logger()

Endpoints = tuple[str, str]
"""Connection strings of the writer and of the runner."""


@contextmanager
def open_services(
    settings: Settings,
    *,
    sweep: bool = True,
    make: bool = True,
    store: bool = True,
    identify: bool = True,
    guarded: bool = True,
    clock: Clock | None = None,
) -> Iterator[Services]:
    """Open everything, and close it in order at the end.

    Misconfigured where a start would not be safe, with the sentence that says what to do; Unavailable where it may
    work later. `sweep` also runs the background work that the read models call due. Without `make` an embedded
    database has to be there already; without `store` a bucket is opened by whatever first needs it. The object store is
    held against the log as soon as it is opened (WrongStore), but not without `identify`; the database's functions,
    triggers, grants and policies are held against the migrations (Misconfigured), but not without `guarded`. `clock` is
    for tests; by default it is the machine's.
    """
    _name_unused(settings)
    with ExitStack() as stack:
        directory = DataDirectory(settings.data_dir)
        database, runner = stack.enter_context(_database(settings, directory, make=make, guarded=guarded))
        notifier = stack.enter_context(Notifier(runner))
        on_growth: list[Callable[[], None]] = []
        log = PostgresEventLog(database, announce=partial(_announce, notifier, on_growth))
        stack.callback(log.close)
        services = _assemble(
            settings,
            directory,
            log,
            runner=runner,
            clock=clock or SystemClock(),
            store=store,
            identify=identify,
            stack=stack,
        )
        checks: Mapping[str, Callable[[], None]] = {**services.checks, "schema": fingerprint.SchemaCheck(database)}
        services = replace(services, checks=checks, on_growth=on_growth)
        # Counts of refusals and the ends of accesses are recorded once nobody adds to them.
        stack.callback(_flush, services.ledger)
        wakes = [services.runner.hint]
        if sweep:
            flusher = Flusher(services.ledger)
            flusher.start()
            stack.callback(flusher.stop)
            log_work = _log_work(services)
            log_work.start()
            stack.callback(log_work.stop)
            wakes.append(log_work.integrator.wake)
            if settings.log_prefix is not None:
                publishing = Publishing(services, settings.log_prefix, every=settings.checkpoint_interval)
                publishing.start()
                stack.callback(publishing.stop)

        def wake() -> None:
            for one in (*on_growth, *wakes):
                one()

        listener = Listener(_connect(runner), wake)
        for worker in (services.runner, services.builder, listener):
            worker.start()
            stack.callback(worker.stop)
        if sweep:
            sweeper = Sweeper(services)
            sweeper.start()
            stack.callback(sweeper.stop)
            checks = {**services.checks, "log": log_work.check, "background": sweeper.check}
            services = replace(services, checks=checks)
        yield services


def _announce(notifier: Notifier, on_growth: Sequence[Callable[[], None]], commands: Sequence[Append]) -> None:
    """Say that these commands were appended: to other processes soon, to this one at once if a key may have ended."""
    notifier.announce()
    if any(draft.stream.startswith(CREDENTIALS) for command in commands for draft in command.drafts):
        for hear in on_growth:
            hear()


def _name_unused(settings: Settings) -> None:
    """Say of a setting that is accepted, since other storage services have it, that it changes nothing."""
    if settings.spaces_cdn_endpoint is not None:
        _log.warning(
            "setting.not_used",
            action="settings.check",
            setting="DO_SPACES_CDN_ENDPOINT",
            detail="answers name no CDN; content is given out by links and by /v1/files/{id}/content",
        )


@contextmanager
def open_log(settings: Settings) -> Iterator[Database]:
    """Open the database alone, to read the log as it is stored: no read model, no store, no background work.

    Nothing is made: the soundness of a log that was never there would be a dangerous answer to a mistyped path. Nor are
    functions and grants held against the migrations: whoever verifies does that, and says what differs.
    """
    with _database(settings, DataDirectory(settings.data_dir), make=False, guarded=False) as (database, _):
        yield database


@contextmanager
def open_providers(settings: Settings, clock: Clock | None = None) -> Iterator[Providers]:
    """Open what the log knows about stores, without opening any; a data directory that is not there is made."""
    with _database(settings, DataDirectory(settings.data_dir), make=True) as (database, _):
        yield Providers(Recorder(PostgresEventLog(database), clock or SystemClock(), SystemEntropy(), permits))


@contextmanager
def _database(
    settings: Settings, directory: DataDirectory, *, make: bool, guarded: bool = True
) -> Iterator[tuple[Database, str]]:
    """Yield the writer's connections to a checked database, and the runner's connection string."""
    forget_surroundings()
    if not make and settings.database_url is None:
        directory.require()
    directory.prepare()
    with (
        _endpoints(settings, directory) as (writer, runner),
        Database(writer, size=min(settings.threads, MAX_CONNECTIONS)) as database,
    ):
        with database.connection() as connection:
            check_server(connection)
            _require_role(connection, WRITER, "PROVENSTORE_DATABASE_URL")
            migrations.check(connection)
            if guarded:
                fingerprint.require(connection)
        yield database, runner


def _require_role(connection: psycopg.Connection[Any], role: str, setting: str) -> None:
    """Raise Misconfigured where a connection has not the rights of a role, as when two settings were swapped."""
    # Before the migrations nobody has them, which is said elsewhere.
    found = connection.execute("SELECT pg_has_role(oid, 'USAGE') FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    if found == (False,):
        raise Misconfigured(f"{setting} does not connect as the role {role}, nor as one that has its rights")


def migrate(settings: Settings) -> int:
    """Bring the database's schema up to this release, as its owner; return how many migrations ran."""
    forget_surroundings()
    if settings.database_url is None:
        directory = DataDirectory(settings.data_dir)
        with EmbeddedPostgres(directory) as running:
            running.bootstrap()
            return len(migrations.migrate(running.conninfo(OWNER)))
    if settings.database_owner_url is None:
        raise Misconfigured("set PROVENSTORE_DATABASE_OWNER_URL to migrate an external database")
    owner = self_contained(settings.database_owner_url.get_secret_value(), "PROVENSTORE_DATABASE_OWNER_URL")
    require_login(owner, "PROVENSTORE_DATABASE_OWNER_URL")
    return len(migrations.migrate(owner))


@contextmanager
def _endpoints(settings: Settings, directory: DataDirectory) -> Iterator[Endpoints]:
    """Yield how to reach the database: an external one as it is, the embedded one started and migrated."""
    if settings.database_url is not None:
        if settings.database_runner_url is None:
            raise Misconfigured("set PROVENSTORE_DATABASE_RUNNER_URL: read models are written by a role of their own")
        writer = self_contained(settings.database_url.get_secret_value(), "PROVENSTORE_DATABASE_URL")
        runner = self_contained(settings.database_runner_url.get_secret_value(), "PROVENSTORE_DATABASE_RUNNER_URL")
        require_login(writer, "PROVENSTORE_DATABASE_URL")
        require_login(runner, "PROVENSTORE_DATABASE_RUNNER_URL")
        yield writer, runner
        return
    with EmbeddedPostgres(directory) as running:
        running.bootstrap()
        migrations.migrate(running.conninfo(OWNER))
        yield running.conninfo(WRITER), running.conninfo(RUNNER)


def _assemble(
    settings: Settings,
    directory: DataDirectory,
    log: EventLog,
    *,
    runner: str,
    clock: Clock,
    store: bool,
    identify: bool,
    stack: ExitStack,
) -> Services:
    """Put the parts together around the log; pools are opened on `stack`."""
    first, *earlier = _url_keys(settings, directory)
    signer = LocalUrlSigner(first, earlier)
    entropy = SystemEntropy()
    recorder = Recorder(log, clock, entropy, permits)

    def identified(opened: ObjectStore) -> None:
        if identify:
            StoreIdentity(recorder, opened).require()

    with _connect(runner)() as connection:
        connection.autocommit = True
        _require_role(connection, RUNNER, "PROVENSTORE_DATABASE_RUNNER_URL")
        prepare(connection, PROJECTIONS, beside=BESIDE)
    objects, answers = _objects(settings, directory, signer, Providers(recorder), identified, at_once=store)
    pool = reading_pool(runner)
    positions = Positions(stack.enter_context(pool))
    decided = partial(skips, log)
    reader = Runner(log, _connect(runner), PROJECTIONS, decided=decided)
    calls = CallWriter(_connect(runner), clock)
    calls.start()
    stack.callback(calls.stop)
    links = LinkWays(signer, settings.link_delivery)
    ledger = Ledger(
        log, ObservedStore(objects, calls.take, clock), clock=clock, entropy=entropy, permits=permits, links=links
    )
    log_keys = LogKeys(directory.keys, origin=settings.log_origin, given=settings.signing_key)
    proofs = Proofs(pool, BelievedHeads(log_keys).not_planted)
    proven = VerifiedProofs(proofs, log_keys)
    return Services(
        ledger=ledger,
        files=Files(pool),
        operations=Operations(pool),
        jobs=Jobs(pool, grace=COMPLETION_GRACE, approval=APPROVAL_GOOD_FOR),
        disposals=Disposals(pool),
        audit=Audit(pool),
        usages=Usages(pool),
        positions=positions,
        runner=reader,
        builder=Builder(log, _connect(runner), PROJECTIONS, rate=settings.rebuild_rate, decided=decided),
        control=Control(pool, PROJECTIONS),
        proofs=proofs,
        proven=proven,
        log_keys=log_keys,
        log_keeping=LogRecords(ledger.recorder),
        connect=_connect(runner),
        pool=pool,
        clock=clock,
        settings=settings,
        signer=signer,
        marks=PositionMarks(first, earlier),
        checks={**_checks(log, answers, ledger.identity.check, positions, reader), "proofs": proven.check},
    )


def _url_keys(settings: Settings, directory: DataDirectory) -> Sequence[bytes]:
    """Return the keys of URLs that lead to us, the one that signs first: all servers of a ledger need to have them."""
    if settings.url_keys is None:
        return (load_or_create_key(directory.keys / URL_KEY),)
    return [read_key("PROVENSTORE_URL_KEYS", one) for one in settings.url_keys.get_secret_value().split()]


def _log_work(services: Services) -> LogWork:
    services.log_keys.signers()  # what cannot sign is said at the start
    signing = Signing(
        services.connect, services.log_keys, services.log_keeping, every=services.settings.checkpoint_interval
    )
    patience = PATIENCE + 3 * services.settings.checkpoint_interval
    return LogWork(Integrator(services.connect), signing, services.proofs, services.log_keys, patience=patience)


def _connect(conninfo: str) -> Callable[[], psycopg.Connection[Any]]:
    def connect() -> psycopg.Connection[Any]:
        try:
            return psycopg.connect(conninfo, connect_timeout=10, **KEEPALIVES)
        except psycopg.OperationalError as exc:
            raise DatabaseUnavailable from exc

    return connect


def _flush(ledger: Ledger) -> None:
    # A database that is gone takes the counts with it; each access and the first of each refusal are recorded already.
    with contextlib.suppress(Unavailable):
        ledger.flush(everything=True)


def _objects(
    settings: Settings,
    directory: DataDirectory,
    signer: LocalUrlSigner,
    providers: Providers,
    identified: Callable[[ObjectStore], None],
    *,
    at_once: bool,
) -> tuple[ObjectStore, Callable[[], None]]:
    """Open the bucket if one is set, at once or when asked, or the folder; return also how to ask if it answers.

    `identified` is given what is opened, as soon as that is so.
    """
    if not settings.names_a_bucket:
        folder = LocalFolder(directory.objects, urls=signer)
        identified(folder)
        return folder, _writable(directory.objects)
    # Loading boto3 costs half a second, which a start without a bucket need not wait for.
    from provenstore.api.bucket import BucketWhenAsked

    when_asked = BucketWhenAsked(settings, providers, SYSTEM, signer, identified=identified)
    bucket: ObjectStore = when_asked.opened() if at_once else cast(ObjectStore, when_asked)

    def answers() -> None:
        bucket.list("", limit=1)

    return bucket, answers


def _writable(objects: Path) -> Callable[[], None]:
    def check() -> None:
        try:
            with tempfile.TemporaryFile(dir=objects) as probe:
                probe.write(b"provenstore")
                probe.flush()
                os.fsync(probe.fileno())
        except OSError as exc:
            raise StorageFull(f"the object folder cannot be written: {exc.strerror}") from exc

    return check


def _checks(
    log: EventLog, store: Callable[[], None], identity: Callable[[], None], positions: Positions, runner: Runner
) -> Mapping[str, Callable[[], None]]:
    def database() -> None:
        log.position()

    def right_store() -> None:
        store()
        identity()

    def projections() -> None:
        if not runner.alive:
            raise Unavailable("the runner of the read models has stopped")
        for place in positions.all():
            if place.status == "parked":
                raise Unavailable(f"{place.name} is parked at position {place.position}", position=place.position)

    return {"database": database, "store": right_store, "projections": projections}
