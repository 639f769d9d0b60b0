"""What a configuration needs of this host: each check yields findings at the key that asks for it."""

import os
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from fairlead.commands.preflight_logs import check_logs, check_patterns
from fairlead.commands.settings import AgentSettings, CollectSettings, UpSettings
from fairlead.core import statedir
from fairlead.core.errors import FairleadError, Finding, StateError, UsageError
from fairlead.core.findings import Located, Path_, key_path
from fairlead.core.system import system
from fairlead.net.kafka.connection import KafkaConnection, client_options
from fairlead.net.listen import is_loopback
from fairlead.net.trust import client_context

Settings = UpSettings | AgentSettings | CollectSettings
Check = Callable[[Settings, Located], Iterator[Finding]]
CONNECT_S = 2.0


def check_all(settings: Settings, located: Located) -> list[Finding]:
    """Return every finding, in the order of the file."""
    checks: Sequence[Check] = (
        _check_state_dir,
        check_logs,
        check_patterns,
        _check_secrets,
        _check_tls,
        _check_sink,
        _check_kafka,
        _check_opensearch,
    )
    return sorted(finding for check in checks for finding in check(settings, located))


def _check_state_dir(settings: Settings, located: Located) -> Iterator[Finding]:
    key: Path_ = ("state_dir",)
    try:
        path = Path(settings.state_dir) if settings.state_dir else statedir.default_path()
    except FairleadError as error:
        yield located.finding(key, str(error))
        return
    try:
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        if existing == path and path.is_dir():
            statedir.refuse_shared(path)
    except PermissionError as error:
        yield located.finding(key, f"{error.filename}: {error.strerror}", "a directory of this user")
        return
    except StateError as error:
        problem, _, remedy = str(error).partition("; ")
        yield located.finding(key, problem, remedy.replace("--state-dir ", ""))
        return
    if not existing.is_dir():
        yield located.finding(key, f"{existing} is not a directory")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield located.finding(key, f"{existing} cannot be written by {system.user_told()}", "a directory of this user")
    elif isinstance(settings, UpSettings):
        free = shutil.disk_usage(existing).free
        if free < settings.store.max_size:
            yield located.finding(
                ("store", "max_size"),
                f"{settings.store.max_size} bytes may be kept in {existing}, which has {free} bytes free",
                "less, or another state_dir",
                "warning",
            )


def _check_secrets(settings: Settings, located: Located) -> Iterator[Finding]:
    files: list[tuple[Path_, str]] = [(("token_file",), settings.token_file), (("tls_key",), settings.tls_key)]
    if isinstance(settings, AgentSettings) and settings.sink.http:
        files.append((("sink", "http", "token_file"), settings.sink.http.token_file))
    if isinstance(settings, CollectSettings) and settings.source.http:
        files.append((("source", "http", "tokens_file"), settings.source.http.tokens_file))
        files.append((("source", "http", "tls_key"), settings.source.http.tls_key))
    if isinstance(settings, CollectSettings) and settings.store.opensearch:
        files.append((("store", "opensearch", "password_file"), settings.store.opensearch.password_file))
    key, kafka = _kafka_of(settings)
    if kafka and kafka.sasl:
        files.append(((*key, "sasl", "password_file"), kafka.sasl.password_file))
    if kafka and kafka.tls:
        files.append(((*key, "tls", "key_file"), kafka.tls.key_file))
    for place, file in files:
        if not file:
            continue
        try:
            content, mode = Path(file).read_bytes(), Path(file).stat().st_mode
        except OSError as error:
            yield located.finding(place, f"{file}: {error.strerror}", "a file that this user can read")
            continue
        if not content.strip():
            yield located.finding(place, f"{file} is empty")
        if mode & 0o077:
            yield located.finding(place, f"{file} can be read by others (mode {mode & 0o777:04o})", f"chmod 600 {file}", "warning")


def _check_tls(settings: Settings, located: Located) -> Iterator[Finding]:
    if settings.tls_cert and settings.tls_key:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or "not a PEM pair"
            yield located.finding(("tls_cert",), f"the pair cannot be loaded: {reason}", "a PEM certificate chain and its key")


def _check_sink(settings: Settings, located: Located) -> Iterator[Finding]:
    if not isinstance(settings, AgentSettings):
        return
    if file := settings.sink.file:
        folder = Path(file.path).parent
        if not os.access(folder, os.W_OK | os.X_OK):
            yield located.finding(("sink", "file", "path"), f"{folder} is not a directory that can be written")
    if http := settings.sink.http:
        problem, allowed = http.url_problem()
        if problem:
            yield located.finding(("sink", "http", "url"), problem, allowed)
        elif http.token_file:
            yield from _check_encrypted(http.url, "token", ("sink", "http", "url"), located)
        yield from _check_ca_file(http.ca_file, ("sink", "http", "ca_file"), located)


def _check_opensearch(settings: Settings, located: Located) -> Iterator[Finding]:
    # Whether its URLs are some is asked as the file is decoded.
    if not isinstance(settings, CollectSettings) or (cluster := settings.store.opensearch) is None:
        return
    key: Path_ = ("store", "opensearch")
    for index, url in enumerate(cluster.urls if cluster.password_file else ()):
        yield from _check_encrypted(url, "password", (*key, "urls", index), located)
    yield from _check_ca_file(cluster.ca_file, (*key, "ca_file"), located)
    if cluster.ca_file and not cluster.encrypted():
        yield located.finding((*key, "ca_file"), "no node is reached over https", "https in urls, or no ca_file", "warning")


def _check_encrypted(url: str, secret: str, key: Path_, located: Located) -> Iterator[Finding]:
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        yield located.finding(key, f"the {secret} would travel unencrypted", "https", "warning")


def _check_ca_file(file: str, key: Path_, located: Located) -> Iterator[Finding]:
    if not file:
        return
    try:
        client_context(file)
    except UsageError as error:
        problem, _, remedy = str(error).partition("; ")
        yield located.finding(key, problem, remedy)


def _kafka_of(settings: Settings) -> tuple[Path_, KafkaConnection | None]:
    """Return where Kafka's settings stand, and what they are."""
    if isinstance(settings, AgentSettings):
        return ("sink", "kafka"), settings.sink.kafka
    return ("source", "kafka"), settings.source.kafka if isinstance(settings, CollectSettings) else None


def _take_apart(told: str, key: Path_) -> tuple[Path_, str, str]:
    """Return where below a key an error is that names its own (`sink.kafka.tls.cert_file: ...`), what is wrong and what to do."""
    name, _, problem = told.partition(": ")
    below = name.removeprefix(f"{key_path(key)}.")
    if below == name:
        # Of those that a certificate's context is made of, only this file is not named.
        key, problem = ((*key, "tls", "ca_file") if told.startswith("CA file ") else key), told
    else:
        key = (*key, *below.split("."))
    problem, _, remedy = problem.partition("; ")
    return key, problem, remedy


def _check_kafka(settings: Settings, located: Located) -> Iterator[Finding]:
    key, kafka = _kafka_of(settings)
    if kafka is None:
        return
    try:
        # The password's file is among the secrets.
        client_options(msgspec.structs.replace(kafka, sasl=None), ".".join(map(str, key)))
    except UsageError as error:
        place, problem, remedy = _take_apart(str(error), key)
        yield located.finding(place, problem, remedy)
    for index, broker in enumerate(kafka.brokers):
        host, _, port = broker.rpartition(":")
        if kafka.sasl and kafka.sasl.mechanism == "PLAIN" and not kafka.tls and not is_loopback(host.strip("[]")):
            yield located.finding((*key, "brokers", index), "the password would travel unencrypted", "tls, or SCRAM-SHA-512", "warning")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
        except OSError as error:
            reason = error.strerror or "no answer in time"
            yield located.finding(
                (*key, "brokers", index), f"{broker} does not answer: {reason}", "a broker that can be reached", "warning"
            )
