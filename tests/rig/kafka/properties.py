"""server.properties of a node that is broker and controller at once. https://kafka.apache.org/documentation/#brokerconfigs"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

USER, PASSWORD = "user", "secret"
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")

PROTOCOLS = {
    "PLAINTEXT": "PLAINTEXT",
    "RIG": "PLAINTEXT",  # brokers among each other, and the rig's own client: never advertised as somebody else
    "CONTROLLER": "PLAINTEXT",
    "SSL": "SSL",
    "MTLS": "SSL",  # asks for a client certificate
    "SASL_PLAINTEXT": "SASL_PLAINTEXT",
    "SASL_SSL": "SASL_SSL",
}
"""Security protocol by listener."""


class Node(NamedTuple):
    """One node: its number from 1, its folder, the port of each listener, and what PLAINTEXT is advertised as (HOST:PORT)."""

    number: int
    folder: Path
    ports: Mapping[str, int]
    advertised: str

    @property
    def data(self) -> Path:
        """Folder of its logs."""
        return self.folder / "data"


class Certificates(NamedTuple):
    """PEM files: the broker's key with its certificate, and the certificate of the client that MTLS lets in."""

    broker_key_store: Path
    client: Path


def server_properties(node: Node, nodes: Sequence[Node], certificates: Certificates | None, session_timeout_ms: int) -> dict[str, str]:
    """Return a node's settings; small, quick to start, and otherwise the broker's defaults."""
    copies = str(min(3, len(nodes)))
    listeners = {name: f"127.0.0.1:{port}" for name, port in node.ports.items()}
    advertised = {name: address for name, address in listeners.items() if name != "CONTROLLER"} | {"PLAINTEXT": node.advertised}
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "log.dirs": str(node.data),
        "controller.quorum.voters": ",".join(f"{one.number}@127.0.0.1:{one.ports['CONTROLLER']}" for one in nodes),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "RIG",
        "listeners": ",".join(f"{name}://{address}" for name, address in listeners.items()),
        "advertised.listeners": ",".join(f"{name}://{address}" for name, address in advertised.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{PROTOCOLS[name]}" for name in listeners),
        # A killed broker may come back only when its session has run out; the default is 9 s.
        "broker.session.timeout.ms": str(session_timeout_ms),
        "broker.heartbeat.interval.ms": str(session_timeout_ms // 5),
        "controller.quorum.election.timeout.ms": "500",
        "controller.quorum.fetch.timeout.ms": "1500",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.dedupe.buffer.size": "4194304",
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": "2" if len(nodes) >= 3 else "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }
    for prefix in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        settings |= {f"{prefix}.replication.factor": copies, f"{prefix}.num.partitions": "3"}
    for prefix in ("transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{prefix}.min.isr"] = settings["min.insync.replicas"]
    return settings | _tls(node, certificates) | _sasl(node)


def _tls(node: Node, certificates: Certificates | None) -> dict[str, str]:
    if certificates is None:
        return {}
    settings = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(certificates.broker_key_store)}
    if "MTLS" in node.ports:
        prefix = "listener.name.mtls.ssl"
        settings |= {
            f"{prefix}.client.auth": "required",
            f"{prefix}.truststore.type": "PEM",
            f"{prefix}.truststore.location": str(certificates.client),
        }
    return settings


def _sasl(node: Node) -> dict[str, str]:
    login = "org.apache.kafka.common.security"
    settings = {}
    for listener in ("sasl_plaintext", "sasl_ssl"):
        if listener.upper() in node.ports:
            prefix = f"listener.name.{listener}"
            settings[f"{prefix}.sasl.enabled.mechanisms"] = ",".join(["PLAIN", *SCRAM])
            settings[f"{prefix}.plain.sasl.jaas.config"] = f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            for mechanism in SCRAM:
                settings[f"{prefix}.{mechanism.lower()}.sasl.jaas.config"] = f"{login}.scram.ScramLoginModule required;"
    return settings


def write_properties(file: Path, settings: Mapping[str, str]) -> None:
    """Write settings in Java's form."""
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
