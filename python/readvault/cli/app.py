"""The command line as typer knows it.

Typer only parses: it hands back the command with its arguments, and `main` runs that. So no signal, broken pipe or
error of a command passes through typer, which would turn some of them into words and codes of its own.

The commands of vaults and fleets are loaded when they are asked for: they bring a database, charts and web clients with
them, for which no reader of an archive should wait.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, TypeAlias

import typer

from readvault.cli.cat import cat
from readvault.cli.compress import compress
from readvault.cli.coverage import coverage, depth
from readvault.cli.decompress import decompress
from readvault.cli.flagstat import flagstat, idxstats
from readvault.cli.head import head
from readvault.cli.index import index
from readvault.cli.info import info
from readvault.cli.quickcheck import quickcheck
from readvault.cli.transfers import taking
from readvault.cli.verify import verify
from readvault.cli.view import view

_EPILOG = (
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 some inputs failed, 4 damaged or mismatch, 5 not found, "
    "6 no permission, 7 newer format version, 130/143 stopped by a signal, 141 reader went away."
)

Commands: TypeAlias = Mapping[str, Callable[..., int]]


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """All commands, of which those that `arguments` cannot mean are left out, or named without what is in them."""
    word = arguments[0] if arguments else None
    # No rich markup: help, like everything else here, prints what it is given.
    app = typer.Typer(name="readvault", rich_markup_mode=None, pretty_exceptions_enable=False, epilog=_EPILOG)
    app.callback()(_root)
    for command in _COMMANDS:
        app.command()(taking(command))
    if word in {command.__name__ for command in _COMMANDS}:
        return app
    if word not in _GROUPS:
        from readvault.cli.submit import submit

        app.command()(taking(submit))
    # Whoever asks for something else (help, completion, a word that is wrong) gets all of it.
    everything = word not in {"submit", *_GROUPS}
    for name, (told, commands) in _GROUPS.items():
        group = typer.Typer(rich_markup_mode=None, help=told)
        if everything or word == name:
            for command_name, command in commands().items():
                group.command(command_name)(taking(command))
        app.add_typer(group, name=name)
    return app


def lacks_command(arguments: list[str]) -> bool:
    """Whether nothing is asked for, or a group and none of its commands."""
    return not arguments or (len(arguments) == 1 and arguments[0] in _GROUPS)


def _root(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False,
) -> None:
    """Readvault keeps BAM files small and gives them back bit for bit."""
    # `main` answers --version before this module is loaded; the option stands here for the help.


_COMMANDS = (
    compress,
    decompress,
    verify,
    quickcheck,
    info,
    index,
    cat,
    view,
    head,
    flagstat,
    idxstats,
    coverage,
    depth,
)


def _vault() -> Commands:
    from readvault.cli import keeping, run, submit, vault, vault_report

    return {
        "init": vault.init,
        "status": vault.show_status,
        "run": run.run,
        "watch": submit.watch,
        "failed": vault.failed,
        "retry": vault.retry,
        "job": vault.job,
        "done": keeping.done,
        "tier": keeping.tier,
        "restore": keeping.restore,
        "verify": keeping.verify,
        "reclaim": keeping.reclaim,
        "report": vault_report.report,
        "audit": vault.audit,
    }


def _catalog() -> Commands:
    from readvault.cli import catalog, stock

    return {
        "ls": catalog.ls,
        "find": catalog.find,
        "show": catalog.show,
        "export": stock.export,
        "check": stock.check,
        "import": stock.import_,
    }


def _aws() -> Commands:
    from readvault.cli import aws, aws_archives, aws_fleet, aws_plan

    return {
        "plan": aws_plan.plan,
        "template": aws.template,
        "deploy": aws.deploy,
        "submit": aws_fleet.submit,
        "status": aws_fleet.show_status,
        "redrive": aws_fleet.redrive,
        "catalog": aws_archives.catalog,
        "report": aws_archives.report,
        "tier": aws_archives.tier,
        "restore": aws_archives.restore,
        "destroy": aws.destroy,
    }


# Commands that belong together: the help of each group, and what is in it.
_GROUPS: dict[str, tuple[str, Callable[[], Commands]]] = {
    "vault": ("A vault: files compressed, found and given back.", _vault),
    "catalog": ("What a vault holds: found, shown, exported and checked against its store.", _catalog),
    "aws": ("A fleet on AWS: one stack that archives files as they are finished, and keeps a catalog of them.", _aws),
}
