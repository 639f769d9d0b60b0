"""rsyslog of Debian: imfile -> omkafka (librdkafka)."""

from bench.peers.peer import Command, Job, Peer, library_path, unpacked, version_of

PACKAGES = ("rsyslog", "rsyslog-kafka", "libestr0", "libfastjson4", "liblognorm5", "librdkafka1")
_CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="{modules}/imfile.so" mode="inotify")
module(load="{modules}/omkafka.so")
template(name="raw" type="string" string="%msg%")
input(type="imfile" File="{file}" Tag="f" ruleset="ship" readMode="0" freshStartTail="off")
ruleset(name="ship" queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="2048" queue.workerThreads="1") {{
    action(type="omkafka" broker=["{brokers}"] topic="{topic}" template="raw" resubmitOnFailure="on" keepFailedMessages="on"
        failedMsgFile="{folder}/failed" partitions.auto="on" action.resumeRetryCount="-1"
        confParam=["compression.codec=lz4", "acks=all", "enable.idempotence=true", "queue.buffering.max.messages=500000",
            "queue.buffering.max.ms=10", "batch.num.messages=10000"])
}}
"""


def find() -> Peer:
    """Return rsyslog, unpacked from its packages."""
    folder = unpacked("rsyslog", PACKAGES)
    program = str(folder / "usr/sbin/rsyslogd")
    modules = next(folder.glob("usr/lib/*/rsyslog"))

    def command(job: Job) -> Command:
        config = job.folder / "rsyslog.conf"
        config.write_text(_CONFIG.format(**job._asdict(), modules=modules))
        argv = [program, "-n", "-f", str(config), "-i", str(job.folder / "pid"), "-M", str(modules)]
        return Command(argv, {"LD_LIBRARY_PATH": library_path(folder)})

    version = version_of([program, "-v"], folder).split()[1]
    return Peer("rsyslog", version, "idempotent, acks=all, lz4", command)
