"""produce.c with Debian's librdkafka: the route to Kafka that the agent does not take."""

from pathlib import Path

from bench.peers.peer import Command, Job, PeerMissing, kept, last_line, library_path, run, unpacked

SOURCE = Path(__file__).with_name("produce.c")
PACKAGES = ("librdkafka-dev", "librdkafka1")
FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror", "-Wl,--allow-shlib-undefined")


def build() -> tuple[Path, str]:
    """Return the program, and the library path that it needs; PeerMissing where it cannot be built."""
    library = unpacked("librdkafka", PACKAGES)
    folders = library_path(library)

    def make(folder: Path) -> None:
        links = [f"-L{one}" for one in folders.split(":")]
        argv = ["gcc", *FLAGS, f"-I{library}/usr/include", str(SOURCE.absolute()), "-o", "produce", *links, "-lrdkafka"]
        done = run(argv, folder)
        if done.returncode:
            raise PeerMissing(f"gcc: {last_line(done.stderr)}")

    return kept("produce", SOURCE.read_text() + " ".join([*FLAGS, *PACKAGES]), make) / "produce", folders


def command(program: tuple[Path, str], job: Job, way: str) -> Command:
    """Return what produces a job's file; `way` is batch or keyed."""
    return Command([str(program[0]), str(job.file), job.brokers, job.topic, way], {"LD_LIBRARY_PATH": program[1]})
