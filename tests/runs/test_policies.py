"""Every call of a recovery, from the first point to the report, is allowed by the policies made from the catalog."""

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from run_world import TARGET, World

from recovery_ops.aws import actions, clients
from recovery_ops.execution.policies import policies
from recovery_ops.readiness.sweeping import sweep
from recovery_ops.sandbox.iam_policies import ALLOWED, decide

pytestmark = pytest.mark.sandbox
Called = set[tuple[str, str, str]]
"""Action, region and bucket, empty when the call names none."""


@contextmanager
def every_call() -> Iterator[Called]:
    """Note what the library calls inside the block."""
    seen: Called = set()
    make = clients._client.__wrapped__

    @functools.cache
    def noting(service: str, region: str, suspect: bool, impatient: bool) -> Any:
        made = make(service, region, suspect, impatient)

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            needed = actions.needed(service, model.name, params)
            seen.update((action, region, str(params.get("Bucket", ""))) for action in needed)

        made.meta.events.register("provide-client-params.*.*", note)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "_client", noting)
        yield seen


def refused(called: Called, documents: list[str]) -> list[tuple[str, str, str]]:
    """What the policies do not allow on the bucket or its objects, from the region that is called."""
    found = []
    for action, region, bucket in sorted(called):
        resource = f"arn:aws:s3:::{bucket}" + ("/key" if "Object" in action else "") if bucket else "*"
        context = {"aws:RequestedRegion": region, "iam:PassedToService": "sagemaker.amazonaws.com"}
        if decide(documents, action, resource, context) != ALLOWED:
            found.append((action, region, bucket))
    return found


def test_a_recovery_may_do_all_that_it_does(world: World) -> None:
    with every_call() as called:
        world.reset("seeded")
        world.protect()
        world.reset()
        sweep(world.system)
        told = world.fail_over()
        report = told.report
    assert report["verdict"] == "pass", report["result"]["reasons"]
    assert {action.partition(":")[0] for action, _, _ in called} >= {"cloudformation", "dynamodb", "sagemaker", "ssm"}
    assert ("s3:PutObject", TARGET, f"fraud-switch-{TARGET}") in called
    documents = [json.dumps(policy) for policy in policies(world.system).values()]
    assert refused(called, documents) == []
    narrower = [text.replace("fraud-switch", "other-switch") for text in documents]
    assert {bucket for _, _, bucket in refused(called, narrower)} == {f"fraud-switch-{TARGET}"}
