"""``recovery-ops policies``: what IAM must allow, as files made from a catalog."""

import json
from pathlib import Path
from typing import Annotated

import typer

from recovery_ops.cli.shelves import reported
from recovery_ops.execution.policies import as_text
from recovery_ops.execution.policies import policies as policies_of
from recovery_ops.execution.systems import load_system
from recovery_ops.model.settings import Settings


@reported
def policies(
    system: Annotated[str, typer.Argument(help="Name of the system.")],
    out: Annotated[
        Path | None, typer.Option(help="Write a file for each into this folder; otherwise print all.")
    ] = None,
    drill_role: Annotated[
        str | None, typer.Option(help="Role of drills; adds the policy to take a region away from it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: policies by name.")] = False,
) -> None:
    """Make the IAM policies of a system: what recovering needs, and what looking on needs. Asks nobody."""
    made = policies_of(load_system(system, Settings.from_environment().catalogs), drill_role)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, policy in made.items():
            (out / f"{name}.json").write_text(as_text(policy))
    if as_json or out is None:
        typer.echo(json.dumps(made, indent=None if as_json else 2))
        return
    for name in made:
        typer.echo(str(out / f"{name}.json"))
