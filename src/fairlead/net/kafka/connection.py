"""`brokers:`, `tls:` and `sasl:`: where a cluster is, whom to trust, and as whom to speak."""

import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from fairlead.core.errors import UsageError

CLIENT_ID = "fairlead"
REQUEST_TIMEOUT_S = 10.0
_FRESH_S = 30.0
_FAILED = re.compile(
    r'Unable (?:connect to|to request metadata from) (?:"(?P<address>[^"]+)"|node with id (?P<node>\S+)): (?P<reason>.*)', re.DOTALL
)
_CODE = re.compile(r"^\[(?:Errno|Error) -?\d+\] | \(_ssl\.c:\d+\)$|^\[SSL: [A-Z_]+\] |: <AIOKafkaConnection [^>]*>$")
_CLOSED = re.compile(r"Connection at \S+ closed|Connection reset by peer|UNEXPECTED_EOF")
_WANTS = {
    "PLAINTEXT": "does this listener want tls or sasl?",
    "SASL_PLAINTEXT": "does this listener want tls?",
    "SSL": "does this listener speak tls, and does it want sasl, or a tls.cert_file?",
    "SASL_SSL": "does this listener speak tls, and does it want a tls.cert_file?",
}
"""What to ask by the protocol that was spoken: a broker closes without a word where it expects another."""
_REMEDIES = (
    ("SaslAuthenticationFailed", "; see {key}.sasl.username and {key}.sasl.password_file"),
    ("UnsupportedSaslMechanism", "; see {key}.sasl.mechanism"),
    ("IllegalSaslState", "; this listener wants no sasl, leave {key}.sasl out"),
    ("ostname mismatch", "; name the broker in {key}.brokers as its certificate does"),
    ("IP address mismatch", "; name the broker in {key}.brokers as its certificate does"),
    ("CERTIFICATE_VERIFY_FAILED", "; name its authority with {key}.tls.ca_file"),
    ("WRONG_VERSION_NUMBER", "; no TLS is spoken there, leave {key}.tls out or give another port"),
)
"""What aiokafka's or OpenSSL's text holds, and what to do then."""


class KafkaTls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TLS to the brokers. Without `ca_file` the host's own store says whom to trust."""

    ca_file: str = ""
    cert_file: str = ""
    """A client certificate with its chain, PEM."""
    key_file: str = ""


class KafkaSasl(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SASL; the password stands in a file of its own."""

    username: str
    password_file: str
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"


class KafkaConnection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the `kafka` sink and the `kafka` source have in common."""

    brokers: Annotated[list[str], msgspec.Meta(min_length=1)]
    """HOST:PORT of some brokers; the others are learned from them."""
    tls: KafkaTls | None = None
    sasl: KafkaSasl | None = None

    def __post_init__(self) -> None:
        for broker in self.brokers:
            host, colon, port = broker.rpartition(":")
            if not colon or not host or not port.isdecimal() or len(port) > 5 or not 0 < int(port) < 65536:
                raise ValueError(f"brokers: {broker[:80]!r} is no address; allowed is HOST:PORT, such as 127.0.0.1:9092")


def client_options(connection: KafkaConnection, key: str) -> dict[str, Any]:
    """Return the options by which aiokafka's client and consumer connect; `key` is where the settings stand, for errors.

    UsageError where a file cannot be read.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": connection.brokers,
        "client_id": CLIENT_ID,
        "request_timeout_ms": int(REQUEST_TIMEOUT_S * 1000),
        "metadata_max_age_ms": 60_000,
        "security_protocol": f"{'SASL_' if connection.sasl else ''}{'SSL' if connection.tls else 'PLAINTEXT'}",
    }
    if connection.tls:
        # OpenSSL is loaded only where it is used.
        from fairlead.net.trust import client_context

        options["ssl_context"] = context = client_context(connection.tls.ca_file)
        if connection.tls.cert_file:
            try:
                context.load_cert_chain(connection.tls.cert_file, connection.tls.key_file or None)
            except OSError as error:
                raise UsageError(
                    f"{key}.tls.cert_file: {connection.tls.cert_file}: {error.strerror or 'no PEM certificate with its key'}"
                ) from None
    if connection.sasl:
        options["sasl_mechanism"] = connection.sasl.mechanism
        options["sasl_plain_username"] = connection.sasl.username
        options["sasl_plain_password"] = _read_password(f"{key}.sasl.password_file", connection.sasl.password_file)
    return options


def _read_password(key: str, file: str) -> str:
    try:
        return Path(file).read_text().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{key}: {file}: {getattr(error, 'strerror', None) or 'not text'}; give a file that this user can read") from None


class LastComplaint(logging.Handler):
    """Keeps why a connection failed, which aiokafka tells to its log only; `key` is where the settings stand, `options` how it connects."""

    def __init__(self, key: str, options: Mapping[str, Any]) -> None:
        super().__init__(logging.WARNING)
        self._key, self._protocol = key, str(options["security_protocol"])
        self.text, self._heard_s = "", 0.0
        logger = logging.getLogger("aiokafka")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message, unless it only says what follows from the one that is kept."""
        text = record.getMessage()
        if isinstance(record.args, tuple) and record.args and isinstance(record.args[-1], TimeoutError):
            text += "no answer in time"  # whose own text is empty
        if _FAILED.match(text) or not self._fresh():
            self.text, self._heard_s = text, time.monotonic()

    def take(self) -> str:
        """Return what was kept with what to do about it, and forget it; empty where nothing was told of late."""
        text, self.text = self.text if self._fresh() else "", ""
        return explain(text, self._key, self._protocol)

    def detach(self) -> None:
        """Hear no more."""
        logging.getLogger("aiokafka").removeHandler(self)

    def _fresh(self) -> bool:
        return bool(self.text) and time.monotonic() - self._heard_s < _FRESH_S


def explain(text: str, key: str, protocol: str) -> str:
    """Return what aiokafka complained of in our words, with the setting to look at; `protocol` is the one that was spoken."""
    if not (failed := _FAILED.match(text)):
        return text
    address, reason = failed["address"], _CODE.sub("", failed["reason"])
    if _CLOSED.search(reason) or not reason:
        # Of a broker that was learned from another the protocol was right a moment ago.
        reason = f"the connection was closed at once; {_WANTS[protocol]}" if address else "the connection was closed"
    else:
        reason += next((remedy for known, remedy in _REMEDIES if known in failed["reason"]), "").format(key=key)
    return f"{address or 'broker ' + failed['node']}: {reason}"


def missing_topic(topic: str) -> str:
    """Return what to tell of a topic that is not there."""
    return f"topic {topic} does not exist; create it, or give auto.create.topics.enable"
