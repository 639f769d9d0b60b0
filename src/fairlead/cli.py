"""The command table. Each command's module is imported only when the command is run or asked for its help."""

import errno
import importlib
import sys

import click

from fairlead.core.errors import FairleadError, UnsupportedSystem

_OUTPUT_FAILED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What only writing brings; what a command writes elsewhere, it answers for itself."""
COMMANDS = {
    "up": "Watch this host: metrics, logs, store and web page; needs no configuration.",
    "agent": "Ship this host's logs and metrics to a sink.",
    "collect": "Take in what agents send, store it and show it.",
    "metrics": "Print a sample of this host's metrics.",
    "logs": "Search the stored log lines.",
    "audit": "Prove for each source what was stored, lost or doubled.",
    "store": "Look after the store: export, verify.",
    "spool": "Look after an agent's spool: verify, export, repair.",
    "jobs": "Run many commands at once, as GNU parallel does, and resume after a crash.",
    "bench": "Measure this program beside Go, Python and what is installed.",
    "service": "Install as a systemd service.",
    "validate": "Check a configuration file and what it needs of this host.",
    "completion": "Print the completion script for bash, zsh or fish.",
    "version": "Tell the version, what it was built from and what is loaded.",
}
LINUX = {
    "up": "/proc and inotify",
    "agent": "inotify and birth times of files",
    "collect": "the signals and files of an agent's host",
    "metrics": "/proc",
    "service": "systemd",
}
"""Commands that run on Linux only, and what they need of it; all others are portable."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in LINUX and sys.platform != "linux":
            raise UnsupportedSystem(cmd_name, LINUX[cmd_name])
        module = importlib.import_module(f"fairlead.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader that goes away (`fairlead ... | head`) ends it well. Here, as click itself would exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _close_stdout()
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name=None, version=None, message="fairlead %(version)s")
def root() -> None:
    """The ops tool-box in one file."""


def run(argv: list[str]) -> int:
    """Run one command line (without the program's name) and return its exit code, as `contracts.md` lists them."""
    try:
        result = root.main(args=argv, prog_name="fairlead", standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        click.echo(f"fairlead: {error.format_message()}{hint}", err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"fairlead: {error.format_message()}", err=True)
        return 2
    except FairleadError as error:
        for line in error.lines():
            click.echo(line, err=True)
        return 2
    except PermissionError as error:
        click.echo(f"fairlead: {error.filename or 'a file'}: {error.strerror}; run as root or as fairlead's user", err=True)
        return 2
    except OSError as error:
        if error.errno not in _OUTPUT_FAILED:
            raise
        _close_stdout()
        click.echo(f"fairlead: stdout: {error.strerror}; free some space or write elsewhere", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    return result if isinstance(result, int) else 0


def _close_stdout() -> None:
    """Let the interpreter end without another complaint about the reader."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
