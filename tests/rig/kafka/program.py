"""Kafka's command line, and what is made once for all brokers: the first metadata and the archive of classes."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.rig.jars import Jars, JarsError, fetch_jars
from tests.rig.kafka.properties import PASSWORD, SCRAM, USER, Node, server_properties, write_properties

HERE = Path(__file__).parent
CHECKPOINT = "00000000000000000000-0000000000.checkpoint"
OPTIONS = (
    "-Xmx192m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError",
    f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", "-Dlog4j2.disable.jmx=true",
)  # fmt: skip


def fetch_program() -> Jars:
    """Return Kafka's jars."""
    return fetch_jars(HERE)


def broker_command(jars: Jars, properties: Path, options: Sequence[str]) -> list[str]:
    """Return the command line of a broker."""
    # Native libraries are unpacked there; a killed broker removes none of them.
    temporary = properties.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    return jars.command("kafka.Kafka", str(properties), options=[*OPTIONS, f"-Djava.io.tmpdir={temporary}", *options])


def format_storage(jars: Jars, node: Node, cluster_id: str) -> None:
    """Lay out a node's folder as `kafka-storage format` does, without its second of Java: the metadata that begin it are kept."""
    first = jars.kept("first-metadata.checkpoint", lambda made: _format(jars, made))
    metadata = node.data / "__cluster_metadata-0"
    metadata.mkdir(parents=True)
    (metadata / CHECKPOINT).write_bytes(first.read_bytes())
    write_properties(node.data / "meta.properties", {"version": "1", "cluster.id": cluster_id, "node.id": str(node.number)})


def class_archive(jars: Jars, train: Callable[[Sequence[str]], None]) -> Path:
    """Return the archive of classes; `train` runs a broker with further options of Java and uses it."""
    return jars.class_archive(lambda made: train([f"-XX:ArchiveClassesAtExit={made}"]))


def _format(jars: Jars, made: Path) -> None:
    """Make the metadata of a new cluster: the newest feature levels, and the user with its SCRAM secrets."""
    with tempfile.TemporaryDirectory() as name:
        node = Node(1, Path(name), {"PLAINTEXT": 1, "RIG": 2, "CONTROLLER": 3}, "127.0.0.1:1")
        properties = Path(name) / "server.properties"
        write_properties(properties, server_properties(node, [node], None, 1000))
        users = [word for mechanism in SCRAM for word in ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")]
        arguments = ["format", "--cluster-id", "MkU3OEVBNTcwNTJENDM2Qg", "--config", str(properties), *users]
        argv = jars.command("kafka.tools.StorageTool", *arguments, options=OPTIONS)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        if done.returncode:
            raise JarsError(f"kafka-storage format: {done.stdout[-3000:]}")
        made.write_bytes((node.data / "__cluster_metadata-0" / CHECKPOINT).read_bytes())
