"""What the steps of a system cost, with the reason for every figure. Modelled AWS seconds.

Figures of Route 53 are from its developer guide, https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/:
``dns-failover-determining-health-of-endpoints.html`` (fast health checks every 10 s, three failures in a row make an
endpoint unhealthy) and ``route-53-concepts.html`` (changes reach all servers within 60 s).
"""

from recovery_ops.model.plan import PhaseCost, SystemStep
from recovery_ops.model.system import CutoverMethod, System

HEALTH_CHECK_INTERVAL_S = 10.0
HEALTH_CHECK_FAILURES = 3
RECORD_CHANGE_S = 60.0

CLEAN_UP_PLANES = ("cloudformation", "dynamodb", "sagemaker", "ssm")

FIXED: dict[SystemStep, PhaseCost] = {
    # Claim, point and plan: some conditional writes and reads in the recovery region.
    SystemStep.DECLARE: PhaseCost(estimate_s=5, budget_s=120),
    # The standby of a drill is built before its clock starts, so it counts for no objective.
    SystemStep.STAGE: PhaseCost(estimate_s=0, budget_s=3600),
    # One attempt per writer with short timeouts; a region that is gone answers nothing, and the debt is noted.
    SystemStep.FENCE: PhaseCost(estimate_s=10, budget_s=300),
    # Two tables restored to see what both regions wrote, about ten minutes; what is on its way arrives meanwhile.
    SystemStep.RECONCILE: PhaseCost(estimate_s=960, budget_s=7200),
    # A policy decides in no time; how long a person takes is the approval's own timeout, not a forecast.
    SystemStep.APPROVE: PhaseCost(estimate_s=5, budget_s=3600),
    # The point is marked; nothing in AWS changes.
    SystemStep.COMMIT: PhaseCost(estimate_s=5, budget_s=120),
    # A complete, locked point outside the impaired region: as long as protection usually takes. After T8.
    SystemStep.REPROTECT: PhaseCost(estimate_s=300, budget_s=3600),
    # An endpoint is drained, a stack deleted; all of it side by side. After everything that a drill measures.
    SystemStep.CLEAN_UP: PhaseCost(estimate_s=180, budget_s=3600, control_planes=CLEAN_UP_PLANES),
    # Claim released, report written.
    SystemStep.CLOSE: PhaseCost(estimate_s=5, budget_s=300),
}


def system_cost(step: SystemStep, system: System) -> PhaseCost:
    """Return what ``step`` costs in ``system``.

    Cutover, rollback and going back end when a client that follows DNS sees the other region: detection of the command
    and one TTL. Observe lasts as long as the soak and counts for no objective.
    """
    if step in (SystemStep.CUTOVER, SystemStep.ROLLBACK, SystemStep.GO_BACK):
        return _moving(system)
    if step is SystemStep.OBSERVE:
        return PhaseCost(estimate_s=system.traffic.soak_s, budget_s=system.traffic.soak_s * 2 + 600)
    return FIXED[step]


def _moving(system: System) -> PhaseCost:
    by_switch = system.traffic.method is CutoverMethod.HEALTH_SWITCH
    noticed_s = HEALTH_CHECK_INTERVAL_S * HEALTH_CHECK_FAILURES if by_switch else RECORD_CHANGE_S
    seen_s = noticed_s + system.traffic.ttl_s
    return PhaseCost(estimate_s=seen_s, budget_s=seen_s * 3 + 120, control_planes=() if by_switch else ("route53",))
