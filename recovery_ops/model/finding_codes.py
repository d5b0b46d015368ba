"""Every code a readiness finding of ours can have, with its usual severity, what it means and what helps.

``docs/reference/readiness.md`` is compared with this table; :func:`finding` makes findings of these codes only. Kinds
of third parties make a :class:`~recovery_ops.model.findings.Finding` with codes of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from recovery_ops.model.findings import Finding, Severity

BLOCKER, WARNING, INFO = Severity.BLOCKER, Severity.WARNING, Severity.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a code stands for. ``severity`` is the usual one; ``hint`` is for the person who mends it."""

    severity: Severity
    meaning: str
    hint: str


def _code(severity: Severity, meaning: str, hint: str) -> Code:
    return Code(severity=severity, meaning=meaning, hint=hint)


CODES: Mapping[str, Code] = {
    # Whether there was an answer at all.
    "region-dark": _code(
        BLOCKER, "the recovery region does not answer", "check its health; recover in another region meanwhile"
    ),
    "serving-region-dark": _code(
        WARNING,
        "the region that serves does not answer; replication and drift are not known",
        "check its health; if it is lost, declare a failover",
    ),
    "not-asked": _code(WARNING, "a question got no answer, or no usable one", "look at the message; sweep again"),
    # Recovery points and live state.
    "no-recovery-point": _code(BLOCKER, "there is nothing to recover the component from", "take a recovery point"),
    "point-damaged": _code(
        BLOCKER, "the newest recovery point is incomplete or altered", "take a new one; find out who changed it"
    ),
    "restore-test-failed": _code(
        BLOCKER, "a restore test of the newest point failed", "read the result; take a new point and test it again"
    ),
    "rpo-exceeded": _code(
        BLOCKER,
        "the newest recoverable state is older than the RPO allows",
        "take a recovery point; look at its cadence and at replication",
    ),
    "rto-not-achievable": _code(
        WARNING,
        "the predicted recovery is longer than the RTO",
        "warm up what the longest chain waits for, or change the objective",
    ),
    # The account, and what every system needs around its components.
    "permission-denied": _code(
        BLOCKER,
        "the principal that recovers may not call an action",
        "attach the policies that `recovery-ops policies` makes",
    ),
    "permission-not-known": _code(
        INFO,
        "IAM could not be asked whether actions are allowed",
        "set RECOVERY_OPS_PRINCIPAL to the role that recovers and allow iam:SimulatePrincipalPolicy",
    ),
    "record-bucket-absent": _code(
        BLOCKER, "the record of a run could not be written in the recovery region", "create the bucket with object lock"
    ),
    "switch-bucket-absent": _code(
        BLOCKER, "the health switch could not be thrown", "create the bucket that the catalog names"
    ),
    "switch-thrown": _code(
        WARNING, "the health switch is thrown although home serves", "remove the object if no run needs it"
    ),
    "dns-not-failover": _code(
        BLOCKER,
        "the DNS name has no failover pair that the health switch can move",
        "create primary and secondary record and the inverted health check",
    ),
    "playbook-absent": _code(WARNING, "no playbook is published", "run `recovery-ops playbook render`, or its DAG"),
    "playbook-outdated": _code(
        WARNING, "the published playbook is of another catalog", "publish it again; the DAG does so on its own"
    ),
    # Objects and replication.
    "bucket-not-versioned": _code(
        BLOCKER, "a bucket is absent or keeps no versions", "turn versioning on and replicate into it"
    ),
    "not-replicated": _code(
        BLOCKER,
        "objects that the point pins are not in the recovery region",
        "look at the replication metrics of the source bucket",
    ),
    "no-replication": _code(
        BLOCKER, "no rule replicates the data to the recovery region", "add a replication rule for the prefix"
    ),
    "replication-lag": _code(
        WARNING, "newer objects have not arrived yet", "look at the replication metrics of the source bucket"
    ),
    "no-suite": _code(BLOCKER, "an expectation suite that the catalog names is absent", "restore the file"),
    # Model registries.
    "no-approved-package": _code(
        BLOCKER, "no approved model package is in a point", "approve a package, then take a recovery point"
    ),
    "package-not-protected": _code(
        WARNING, "an approved package at home is in no recovery point yet", "take a recovery point"
    ),
    # Feature stores.
    "no-replica": _code(BLOCKER, "the table has no replica there", "add a replica to the global table"),
    "replica-not-active": _code(
        BLOCKER, "the replica does not replicate now", "look at the replica's status in the global table"
    ),
    "no-point-in-time-recovery": _code(
        BLOCKER, "point-in-time recovery is off", "turn it on; a corruption cannot be undone without"
    ),
    # Endpoints.
    "no-golden-inputs": _code(BLOCKER, "the golden inputs are absent", "restore the file beside the catalog"),
    "no-standby": _code(
        WARNING, "the endpoint that the standby level promises does not serve", "create it, or lower the standby level"
    ),
    "no-image": _code(BLOCKER, "there is no container image for the recovery region", "replicate the image there"),
    "role-absent": _code(BLOCKER, "the role that AWS acts with does not exist", "create the role; roles are global"),
    "instance-not-offered": _code(
        WARNING, "the region does not offer an instance type of the ladder", "replace the rung"
    ),
    "no-rung": _code(
        BLOCKER, "no rung of the ladder is offered with enough quota", "raise a quota or add rungs to the ladder"
    ),
    "quota-too-small": _code(
        WARNING, "the quota of an instance type is too small beside what runs", "ask Service Quotas for an increase"
    ),
    "quota-not-known": _code(INFO, "Service Quotas names no quota for an instance type", "check it in the console"),
    "capacity-not-guaranteed": _code(
        INFO,
        "AWS has no way to ask for capacity: what does not run already is not guaranteed",
        "keep the standby at full size for a guarantee; else keep the ladder long",
    ),
    "standby-smaller": _code(INFO, "the standby is smaller than recovery needs", "nothing, if that is the plan"),
    "served-not-protected": _code(
        WARNING, "home serves something else than the newest point pins", "take a recovery point"
    ),
    # Parameters.
    "secret-absent": _code(
        BLOCKER, "a SecureString is absent, and no point holds its value", "create it there by hand"
    ),
    "secret-not-protected": _code(
        INFO, "whether a SecureString is the same in both regions is not known", "rotate it in both regions together"
    ),
    "other-type": _code(BLOCKER, "a parameter has another type", "delete it there; AWS changes no types"),
    "parameter-drift": _code(
        INFO, "a parameter differs from the point; recovery writes it", "nothing, unless it was set on purpose"
    ),
    # Configuration of both regions.
    "changed-since-point": _code(
        WARNING, "home has changed since the newest recovery point", "take a recovery point"
    ),
    "reference-left": _code(
        WARNING, "something in the recovery region names the region that serves", "correct the reference"
    ),
    # Stacks.
    "no-template": _code(BLOCKER, "there is no template to create the stack from", "take a recovery point"),
    "template-too-large": _code(BLOCKER, "the template is larger than AWS takes in a request", "split the stack"),
    "template-names-region": _code(WARNING, "the template names the region that serves itself", "use AWS::Region"),
    "stack-absent": _code(WARNING, "the stack that the standby level promises is absent", "create the stack"),
    "stack-busy": _code(WARNING, "the stack is being changed", "wait until it has ended"),
    "stack-broken": _code(BLOCKER, "the stack is in a state that no update starts from", "look at its events"),
    "stack-drift": _code(WARNING, "the stack is not as the point has it", "update the stack"),
}  # fmt: skip
"""Code -> what it stands for, in the order of the reference page."""


def finding(
    code: str,
    component: str,
    message: str,
    *,
    subject: str = "",
    severity: Severity | None = None,
    hint: str | None = None,
) -> Finding:
    """Return a finding of one of our codes, with its usual severity and hint unless given.

    Raises:
        KeyError: The code is not in :data:`CODES`.
    """
    known = CODES[code]
    return Finding(
        severity=severity or known.severity,
        component=component,
        code=code,
        message=message,
        hint=known.hint if hint is None else hint,
        subject=subject,
    )
