"""syslog-ng of Debian: file() -> kafka-c() (librdkafka)."""

from bench.peers.peer import Command, Job, Peer, library_path, unpacked, version_of

PACKAGES = (
    "syslog-ng-core", "syslog-ng-mod-rdkafka", "libivykis0", "libnet1", "libpcre3", "libwrap0", "librdkafka1", "libjson-c5", "libglib2.0-0",
)  # fmt: skip
_CONFIG = """@version: 3.38
options {{ stats-freq(0); log-fifo-size(200000); keep-timestamp(no); }};
source s {{ file("{file}" flags(no-parse) follow-freq(1) read-old-records(yes) log-fetch-limit(10000) log-iw-size(100000)); }};
destination d {{
    kafka-c(
        bootstrap-servers("{brokers}") topic("{topic}") message("$MESSAGE")
        config(compression.codec("lz4") acks("all") enable.idempotence("true") queue.buffering.max.ms("10")
            queue.buffering.max.messages("500000") batch.num.messages("10000"))
        workers(1)
    );
}};
log {{ source(s); destination(d); flags(flow-control); }};
"""


def find() -> Peer:
    """Return syslog-ng, unpacked from its packages."""
    folder = unpacked("syslog-ng", PACKAGES)
    program = str(folder / "usr/sbin/syslog-ng")

    def command(job: Job) -> Command:
        config = job.folder / "syslog-ng.conf"
        config.write_text(_CONFIG.format(**job._asdict()))
        files = [f"--{name}={job.folder / name}" for name in ("persist-file", "pidfile", "control")]
        modules = next(folder.glob("usr/lib/syslog-ng/3*"))
        argv = [program, "-F", "--no-caps", f"--cfgfile={config}", f"--module-path={modules}", *files]
        return Command(argv, {"LD_LIBRARY_PATH": library_path(folder)})

    version = version_of([program, "--version"], folder).split("(")[-1].strip(") ")
    return Peer("syslog-ng", version, "idempotent, acks=all, lz4", command)
