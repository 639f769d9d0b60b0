"""`fairlead completion SHELL`: what a shell sources to complete commands and options."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the completion script for SHELL.

    bash: `source <(fairlead completion bash)` in ~/.bashrc; zsh: the same in ~/.zshrc; fish: into ~/.config/fish/completions/fairlead.fish.
    """
    found = get_completion_class(shell)
    assert found is not None, shell
    # The script asks the program itself, by a variable in its environment; the command table is not needed to print it.
    # Not `source()`: that runs the host's bash to learn its version.
    script = found(click.Command("fairlead"), {}, "fairlead", "_FAIRLEAD_COMPLETE")
    click.echo(script.source_template % script.source_vars())
    return 0
