"""One Kafka or three, whose nodes are killed, stopped, frozen and started again on the same ports and data."""

import base64
import socket
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.rig.kafka import client
from tests.rig.kafka.client import Consumed
from tests.rig.kafka.program import broker_command, class_archive, fetch_program, format_storage
from tests.rig.kafka.properties import PASSWORD, USER, Certificates, Node, server_properties, write_properties
from tests.rig.ports import free_ports
from tests.rig.process import ServerProcess
from tests.support.certificate import make_certificate
from tests.support.waiting import wait_until

__all__ = ["PASSWORD", "USER", "Kafka"]

READY_DEADLINE_S = 60.0


class Kafka:
    """Brokers with their data in `folder`; use as a context manager.

    `tls` adds the listeners SSL and MTLS, `sasl` adds SASL_PLAINTEXT (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; USER and PASSWORD),
    both add SASL_SSL. `advertised` is what clients of PLAINTEXT are told to connect to, one HOST:PORT a node: a proxy's address.
    `settings` are further lines of server.properties.
    """

    def __init__(
        self, folder: Path, *, nodes: int = 1, tls: bool = False, sasl: bool = False,
        advertised: Sequence[str] = (), settings: Mapping[str, str] | None = None, session_timeout_ms: int = 0,
    ) -> None:  # fmt: skip
        self._folder, self._settings = folder, dict(settings or {})
        self._session_timeout_ms = session_timeout_ms or (1500 if nodes == 1 else 2000)
        self._tls = tls
        listeners = ["PLAINTEXT", "RIG", "CONTROLLER"]
        listeners += ["SSL", "MTLS"] * tls + ["SASL_PLAINTEXT"] * sasl + ["SASL_SSL"] * (tls and sasl)
        self._nodes = []
        for number in range(1, nodes + 1):
            ports = dict(zip(listeners, free_ports(len(listeners)), strict=True))
            told = advertised[number - 1] if advertised else f"127.0.0.1:{ports['PLAINTEXT']}"
            self._nodes.append(Node(number, folder / f"node-{number}", ports, told))
        self._processes: list[ServerProcess] = []
        self._options: Sequence[str] = ()

    def __enter__(self) -> Self:
        jars = fetch_program()
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        certificates = self._make_certificates() if self._tls else None
        for node in self._nodes:
            format_storage(jars, node, cluster_id)
            properties = node.folder / "server.properties"
            settings = server_properties(node, self._nodes, certificates, self._session_timeout_ms)
            write_properties(properties, settings | self._settings)
            options = self._options or [f"-XX:SharedArchiveFile={class_archive(jars, _train)}"]
            self._processes.append(ServerProcess(broker_command(jars, properties, options), node.folder / "broker.log"))
        try:
            self.restart()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    @property
    def address(self) -> str:
        """The PLAINTEXT listeners, HOST:PORT with commas; the brokers themselves, whatever they advertise."""
        return self.listener("PLAINTEXT")

    def listener(self, name: str) -> str:
        """Return the addresses of a listener: PLAINTEXT, SSL, MTLS, SASL_PLAINTEXT or SASL_SSL."""
        return ",".join(f"127.0.0.1:{node.ports[name]}" for node in self._nodes)

    @property
    def authority(self) -> Path:
        """Certificate (PEM) by which clients know the brokers."""
        return self._folder / "broker.pem"

    @property
    def client_certificate(self) -> tuple[Path, Path]:
        """Certificate and key (PEM) of the client that MTLS lets in."""
        return self._folder / "client.pem", self._folder / "client.key"

    @property
    def pids(self) -> list[int]:
        """Process ids, node by node."""
        return [process.pid for process in self._processes]

    def kill(self, *numbers: int) -> None:
        """SIGKILL nodes by their numbers from 1; without numbers all."""
        for process in self._chosen(numbers):
            process.kill()

    def stop(self, *numbers: int) -> None:
        """SIGTERM, and wait for the end. Of several nodes the greater part must stay: without it none ends in order."""
        chosen = self._chosen(numbers)
        left = [process for process in self._processes if process.running and process not in chosen]
        assert len(self._nodes) == 1 or len(left) > len(self._nodes) // 2, "kill what the quorum needs"
        for process in chosen:
            process.stop()

    def pause(self, *numbers: int) -> None:
        """SIGSTOP."""
        for process in self._chosen(numbers):
            process.pause()

    def resume(self, *numbers: int) -> None:
        """SIGCONT."""
        for process in self._chosen(numbers):
            process.resume()

    def start(self) -> None:
        """Start what does not run, and do not wait."""
        for process in self._processes:
            if not process.running:
                process.start()

    def restart(self) -> None:
        """Start what does not run, and return once all brokers serve and every partition has its leader."""
        self.start()
        wait_until(self.is_ready, f"{len(self._nodes)} brokers of Kafka", READY_DEADLINE_S)

    def is_ready(self) -> bool:
        """True when all brokers serve and every partition has its leader; AssertionError when one has ended."""
        for process in self._processes:
            process.fail_if_ended()
        # A look at the port costs less than a client's complaint.
        return _listens(self._nodes[-1].ports["RIG"]) and client.is_ready(self._bootstrap, len(self._nodes))

    def create_topic(self, name: str, partitions: int = 1, **config: object) -> str:
        """Make a topic and return its name once it can be written. `max_message_bytes=1000` sets max.message.bytes."""
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        client.create_topic(self._bootstrap, name, partitions, min(3, len(self._nodes)), settings)
        wait_until(lambda: client.has_topic(self._bootstrap, name), f"topic {name}")
        return name

    def new_topic(self, label: str = "topic", partitions: int = 1, **config: object) -> str:
        """Make a topic that no other test has, and return its name."""
        return self.create_topic(f"{label}-{uuid.uuid4().hex[:8]}", partitions, **config)

    def delete_topic(self, name: str) -> None:
        """Remove a topic and return once it is gone."""
        client.delete_topic(self._bootstrap, name)
        wait_until(lambda: not client.has_topic(self._bootstrap, name), f"the end of topic {name}")

    def produce(self, topic: str, *values: bytes, key: bytes | None = None, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Append records without compression; returns once they are acknowledged."""
        client.produce(self._bootstrap, topic, values, key, headers)

    def consume(self, topic: str) -> list[Consumed]:
        """Return all that a topic holds now, by partition and offset."""
        return client.consume(self._bootstrap, topic)

    @property
    def _bootstrap(self) -> str:
        return self.listener("RIG")

    def _chosen(self, numbers: Sequence[int]) -> list[ServerProcess]:
        return [self._processes[number - 1] for number in numbers] if numbers else list(self._processes)

    def _make_certificates(self) -> Certificates:
        certificate, key = make_certificate(self._folder, "broker")
        store = self._folder / "broker-store.pem"
        store.write_text(key.read_text() + certificate.read_text())
        return Certificates(store, make_certificate(self._folder, "client")[0])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _train(options: Sequence[str]) -> None:
    """Run a broker once through what tests do, so that its classes are archived."""
    with tempfile.TemporaryDirectory() as name:
        kafka = Kafka(Path(name), tls=True, sasl=True)
        kafka._options = options
        with kafka:
            topic = kafka.create_topic("train", 3)
            kafka.produce(topic, b"value")
            kafka.consume(topic)
            kafka.stop()
