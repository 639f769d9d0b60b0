"""`fairlead audit`: for each source what stands, what is missing, what stands twice, and what nobody can know."""

from collections.abc import Sequence

import click
import orjson

from fairlead.commands.opening import reading
from fairlead.store.interface import SourceAudit


@click.command("audit")
@click.option("--state-dir", metavar="DIR", help="Where the store lives. Default: as fairlead up.")
@click.option("--config", "-c", "config_file", metavar="FILE", help="The store that fairlead collect -c FILE writes to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(state_dir: str | None, config_file: str | None, as_json: bool) -> int:
    """Prove for each source what was stored: the last line reads lost=0 doubled=0 unknown=0, or the exit code is 1.

    lost: ranges of bytes that existed and are not stored; doubled: lines that stand more than once; unknown: gaps whose size nobody can
    know, such as a file that was deleted while no agent lived.
    """
    with reading(config_file, state_dir) as store:
        found = store.audit()
    if not found:
        click.echo("fairlead: no source is known yet, so there is nothing to prove", err=True)
    lost, doubled, unknown = sum(len(s.gaps) for s in found), sum(s.doubled for s in found), sum(s.unknown for s in found)
    if as_json:
        click.echo(orjson.dumps({"sources": [_object(s) for s in found], "lost": lost, "doubled": doubled, "unknown": unknown}))
    else:
        _print(found)
        click.echo(f"lost={lost} doubled={doubled} unknown={unknown}")
    return 1 if lost or doubled or unknown else 0


def _print(found: Sequence[SourceAudit]) -> None:
    for source in found:
        gaps = ",".join(f"{start}-{end}" for start, end in source.gaps)
        path = source.path.encode("unicode_escape").decode()
        click.echo(
            f"{source.agent or '-'} {path} {source.source} lines={source.lines} bytes={source.start}-{source.end} lost={len(source.gaps)}"
            f"{f' gaps={gaps}' if gaps else ''} doubled={source.doubled} unknown={source.unknown} refused={source.refused}"
        )


def _object(source: SourceAudit) -> dict[str, object]:
    return {
        "agent": source.agent,
        "source": source.source,
        "path": source.path,
        "lines": source.lines,
        "from": source.start,
        "to": source.end,
        "lost": len(source.gaps),
        "doubled": source.doubled,
        "unknown": source.unknown,
        "gaps": source.gaps,
        "refused": source.refused,
    }
