"""Every call of protection, drills and a recovery is allowed by the policies of the catalog, on what it acts on."""

import functools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from called_on import resources
from run_world import HOME, TARGET, World

from recovery_ops.aws import actions, clients
from recovery_ops.drills.requesting import drill_request
from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.policies import policies
from recovery_ops.execution.view import load_run
from recovery_ops.model.drills import DrillKind, DrillPolicy
from recovery_ops.readiness.sweeping import sweep
from recovery_ops.record.fold import fold
from recovery_ops.sandbox.iam_policies import ALLOWED, decide
from recovery_ops.sandbox.world import ACCOUNT
from recovery_ops.testing.patience import PATIENT_S

pytestmark = pytest.mark.sandbox
Called = set[tuple[str, str, str, str]]
"""Action, region, resource, and the service that is handed a role."""


@contextmanager
def every_call() -> Iterator[Called]:
    """Note what the library calls inside the block."""
    seen: Called = set()
    make = clients._client.__wrapped__

    @functools.cache
    def noting(service: str, region: str, suspect: bool, impatient: bool) -> Any:
        made = make(service, region, suspect, impatient)

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            for action in actions.needed(service, model.name, params):
                on = resources(action, service, params, region)
                assert on, f"what {action} acts on is not known from {sorted(params)}"
                seen.update((action, region, resource, f"{service}.amazonaws.com") for resource in on)

        made.meta.events.register("provide-client-params.*.*", note)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "_client", noting)
        yield seen


def refused(called: Called, documents: list[str]) -> list[tuple[str, str]]:
    """What the policies do not allow: action and resource."""
    return sorted(
        {
            (action, resource)
            for action, region, resource, service in called
            if decide(documents, action, resource, {"aws:RequestedRegion": region, "iam:PassedToService": service})
            != ALLOWED
        }
    )


@pytest.fixture(scope="module")
def of_a_recovery(world: World) -> Called:
    """What protection, a sweep and a failover call; the sweep asks IAM about a role."""
    with every_call() as seen, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECOVERY_OPS_PRINCIPAL", f"arn:aws:iam::{ACCOUNT}:role/recoverer")
        world.reset("seeded")
        world.protect()
        world.reset()
        sweep(world.system)
        told = world.fail_over()
        assert told.report["verdict"] == "pass", told.report["result"]["reasons"]
    return seen


@pytest.fixture(scope="module")
def of_a_drill(world: World) -> Called:
    """What a full drill calls, from the point to the way back and the clean-up."""
    with every_call() as seen:
        world.reset()
        system = replace(world.system, drills=DrillPolicy(ceiling_usd=PATIENT_S))
        asked = drill_request(
            system, DrillKind.FULL, person="alice", token="a-drill", execution="direct", reason="practice"
        )
        ref = run_direct(asked, system)
        assert fold(load_run(ref).log.events()).outcome == "completed"
    return seen


def test_a_recovery_may_do_all_that_it_does(world: World, of_a_recovery: Called) -> None:
    known = {action.partition(":")[0] for action, *_ in of_a_recovery}
    assert known >= {"cloudformation", "dynamodb", "iam", "route53", "s3", "sagemaker", "ssm", "sts"}
    assert ("s3:PutObject", f"arn:aws:s3:::fraud-switch-{TARGET}") in {
        (action, resource.partition("/")[0]) for action, _, resource, _ in of_a_recovery
    }
    assert refused(of_a_recovery, documents(world)) == []


def test_a_drill_may_do_all_that_it_does(world: World, of_a_drill: Called) -> None:
    assert {action for action, *_ in of_a_drill} >= {"cloudformation:DeleteStack", "dynamodb:DeleteTable"}
    assert refused(of_a_drill, documents(world)) == []


@pytest.mark.parametrize(
    ("narrow", "action"),
    [
        (("fraud-switch", "other-switch"), "s3:PutObject"),
        (("table/fraud-features-r-*", "table/other-r-*"), "dynamodb:DeleteTable"),
        (("endpoint/fraud-scoring-r-*", "endpoint/other-r-*"), "sagemaker:CreateEndpoint"),
        (("model/scoring-r-*", "model/other-r-*"), "sagemaker:CreateModel"),
        (("stack/fraud-network-r-*", "stack/other-r-*"), "cloudformation:DeleteStack"),
        (("parameter/r-*/fraud-detection/*", "parameter/r-*/other/*"), "ssm:DeleteParameters"),
        (("role/fraud-sagemaker-role", "role/other"), "iam:PassRole"),
        ((TARGET, "eu-west-1"), "ssm:PutParameter"),
    ],
)
def test_a_policy_for_something_else_is_not_enough(
    world: World, of_a_recovery: Called, of_a_drill: Called, narrow: tuple[str, str], action: str
) -> None:
    narrower = [text.replace(*narrow) for text in documents(world)]
    assert action in {name for name, _ in refused(of_a_recovery | of_a_drill, narrower)}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{HOME}:{ACCOUNT}:table/fraud-features"),
        ("cloudformation:DeleteStack", f"arn:aws:cloudformation:{HOME}:{ACCOUNT}:stack/fraud-network/0a1b2c"),
        ("sagemaker:DeleteModelPackage", f"arn:aws:sagemaker:{HOME}:{ACCOUNT}:model-package/fraud-scoring/1"),
        ("ssm:DeleteParameters", f"arn:aws:ssm:{HOME}:{ACCOUNT}:parameter/fraud-detection/threshold"),
        ("sagemaker:UpdateEndpoint", f"arn:aws:sagemaker:{HOME}:{ACCOUNT}:endpoint/of-another-team"),
    ],
)
def test_nothing_of_production_that_no_run_deletes_may_be_deleted(world: World, action: str, resource: str) -> None:
    assert decide(documents(world), action, resource, {"aws:RequestedRegion": HOME}) != ALLOWED


def documents(world: World) -> list[str]:
    """The policies as IAM has them."""
    return [json.dumps(policy) for policy in policies(world.system).values()]
