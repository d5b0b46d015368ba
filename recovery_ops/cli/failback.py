"""``recovery-ops failback``: home again, by the direct runner from a terminal."""

import getpass
import uuid
from pathlib import Path
from typing import Annotated

import typer

from recovery_ops.cli.failover import Catalogs, carry_out, console, show_plan
from recovery_ops.cli.shelves import reported
from recovery_ops.execution.homecoming import prepare
from recovery_ops.execution.systems import load_system
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRequest


@reported
def failback(
    system: Annotated[str, typer.Argument(help="System to bring home.")],
    reason: Annotated[str, typer.Option(help="Why now; stands in the evidence.")] = "",
    graceful: Annotated[
        bool, typer.Option("--graceful/--ungraceful", help="The region to leave hands over, or is not called at all.")
    ] = True,
    override: Annotated[str | None, typer.Option(help="Reason to move traffic in spite of failed gates.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Show plan and recovery point, change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("out"),
    catalogs: Catalogs = Path("dags"),
) -> None:
    """Pay what is owed, take a point where the system serves, go home; exit code 0 only if the verdict is pass."""
    described = load_system(system, catalogs)
    request = RunRequest(
        system=system,
        mode=Mode.FAILBACK,
        recovery_region=described.home,
        person=getpass.getuser(),
        reason=reason or "declared from the command line",
        token=uuid.uuid4().hex,
        execution="direct",
        graceful=graceful,
        override=override,
    )
    if dry_run:
        show_plan(request, described, as_json=as_json)
        return
    if graceful:
        point = prepare(described, person=request.person)
        console.print(f"prepared: {point.id if point else 'it serves at home'}")
    carry_out(request, described, out, as_json=as_json)
