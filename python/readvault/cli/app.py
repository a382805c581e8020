"""The command line as typer knows it.

Typer only parses: it hands back the command with its arguments, and `main` runs that. So no signal, broken pipe or
error of a command passes through typer, which would turn some of them into words and codes of its own.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from readvault.cli import aws, aws_archives, aws_fleet, aws_plan
from readvault.cli.cat import cat
from readvault.cli.catalog import find, ls, show
from readvault.cli.compress import compress
from readvault.cli.coverage import coverage, depth
from readvault.cli.decompress import decompress
from readvault.cli.flagstat import flagstat, idxstats
from readvault.cli.head import head
from readvault.cli.index import index
from readvault.cli.info import info
from readvault.cli.keeping import done, reclaim, restore, tier
from readvault.cli.keeping import verify as verify_vault
from readvault.cli.quickcheck import quickcheck
from readvault.cli.run import run
from readvault.cli.stock import check, export, import_
from readvault.cli.submit import submit, watch
from readvault.cli.transfers import taking
from readvault.cli.vault import audit, failed, init, job, retry, show_status
from readvault.cli.vault_report import report
from readvault.cli.verify import verify
from readvault.cli.view import view

_EPILOG = (
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 some inputs failed, 4 damaged or mismatch, 5 not found, "
    "6 no permission, 7 newer format version, 130/143 stopped by a signal, 141 reader went away."
)

# No rich markup: help, like everything else here, prints what it is given.
app = typer.Typer(name="readvault", rich_markup_mode=None, pretty_exceptions_enable=False, epilog=_EPILOG)


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and exit.")] = False,
) -> None:
    """Readvault keeps BAM files small and gives them back bit for bit."""
    # `main` answers --version before this module is loaded; the option stands here for the help.


for _command in (
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
    submit,
):
    app.command()(taking(_command))

# Commands that belong together, with the help of each group.
_GROUPS: dict[str, tuple[str, dict[str, Callable[..., int]]]] = {
    "vault": (
        "A vault: files compressed, found and given back.",
        {
            "init": init,
            "status": show_status,
            "run": run,
            "watch": watch,
            "failed": failed,
            "retry": retry,
            "job": job,
            "done": done,
            "tier": tier,
            "restore": restore,
            "verify": verify_vault,
            "reclaim": reclaim,
            "report": report,
            "audit": audit,
        },
    ),
    "catalog": (
        "What a vault holds: found, shown, exported and checked against its store.",
        {"ls": ls, "find": find, "show": show, "export": export, "check": check, "import": import_},
    ),
    "aws": (
        "A fleet on AWS: one stack that archives files as they are finished, and keeps a catalog of them.",
        {
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
        },
    ),
}
for _group, (_help, _commands) in _GROUPS.items():
    _typer = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help=_help)
    for _name, _function in _commands.items():
        _typer.command(_name)(taking(_function))
    app.add_typer(_typer, name=_group)
