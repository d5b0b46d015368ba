"""All commands in one place."""

import typer

from recovery_ops.cli import (
    catalog,
    cost,
    debts,
    demo,
    detection,
    drill,
    failback,
    failover,
    findings,
    metrics,
    plan,
    playbook,
    policies,
    readiness,
    record,
    report,
    run_control,
    sandbox,
    stack,
)

app = typer.Typer(
    name="recovery-ops",
    help="Bring AI pipelines back after a disaster, and prove that they are back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for noun in (catalog, debts, detection, drill, findings, metrics, playbook, record, report, run_control, sandbox):
    app.add_typer(noun.app)
app.command("plan")(plan.plan)
app.command("failover")(failover.failover)
app.command("failback")(failback.failback)
app.command("protect")(failover.protect_now)
app.command("readiness")(readiness.readiness)
app.command("rpo")(readiness.rpo)
app.command("cost")(cost.cost)
app.command("policies")(policies.policies)
app.command("demo")(demo.demo)
app.command("up")(stack.up)
app.command("down")(stack.down)
