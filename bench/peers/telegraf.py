"""Telegraf with the plug-ins it needs only: inputs.tail -> outputs.kafka (Sarama), built once by the pins in telegraf_build/."""

import os
import shutil
from pathlib import Path

from bench.peers.peer import Command, Job, Peer, PeerMissing, kept, last_line, run

RECIPE = Path(__file__).parent / "telegraf_build"
TAGS = "custom,inputs.tail,outputs.kafka,parsers.value,serializers.template"
PACKAGE = "github.com/influxdata/telegraf/cmd/telegraf"
_CONFIG = """
[agent]
  omit_hostname = true
  flush_interval = "1s"
  metric_batch_size = 10000
  metric_buffer_limit = 200000
  quiet = true
[[inputs.tail]]
  files = ["{file}"]
  initial_read_offset = "beginning"
  max_undelivered_lines = 100000
  data_format = "value"
  data_type = "string"
  path_tag = ""
[[outputs.kafka]]
  brokers = ["{brokers}"]
  topic = "{topic}"
  compression_codec = 3
  required_acks = -1
  idempotent_writes = true
  max_retry = 10
  data_format = "template"
  template = '{{{{ .Field "value" }}}}'
"""


def find() -> Peer:
    """Return Telegraf, built here."""
    if not shutil.which("go"):
        raise PeerMissing("there is no Go to build it with")
    texts = {file.name: file.read_text() for file in sorted(RECIPE.iterdir())}

    def make(folder: Path) -> None:
        for name, text in texts.items():
            (folder / name).write_text(text)
        argv = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", TAGS, "-o", "telegraf", PACKAGE]
        done = run(argv, folder, {"CGO_ENABLED": "0", "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -mod=mod".strip()})
        if done.returncode:
            raise PeerMissing(f"go build: {last_line(done.stderr)}")

    folder = kept("telegraf", repr(texts) + TAGS, make)

    def command(job: Job) -> Command:
        config = job.folder / "telegraf.conf"
        config.write_text(_CONFIG.format(**job._asdict()))
        return Command([str(folder / "telegraf"), "--config", str(config)], {})

    version = texts["go.mod"].partition("influxdata/telegraf v")[2].split()[0]
    return Peer("telegraf", version, "idempotent, acks=all, lz4; its own tags and batches", command)
