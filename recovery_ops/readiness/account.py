"""What a system needs around its components: permissions, record, DNS, health switch and playbook; reads only."""

import json
from collections.abc import Iterable

from recovery_ops.aws import permissions
from recovery_ops.aws.object_store import open_store
from recovery_ops.aws.traffic_setup import bucket_problem, failover_problem, switch_problem, switch_thrown
from recovery_ops.errors import StepError
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.freezing import catalog_hash
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import CutoverMethod, System
from recovery_ops.readiness.permitted import needs
from recovery_ops.record.keys import playbook_key


def permission_findings(system: System, region: str) -> Iterable[Finding]:
    """Say which declared IAM actions the principal that recovers is denied, or that IAM could not be asked."""
    principal = Settings.from_environment().principal
    refused: dict[str, set[str]] = {}
    try:
        principal = principal or permissions.principal_of(region)
        for place, wanted in needs(system, region, principal.split(":")[4]).items():
            for action in permissions.denied(wanted, principal, region, place.resource, place.context(region)):
                refused.setdefault(action, set()).update(wanted[action])
    except StepError as error:
        yield finding("permission-not-known", "", error.message)
        return
    for component in ["", *(item.name for item in system.components)]:
        for action in sorted(action for action, components in refused.items() if component in components):
            yield finding("permission-denied", component, f"{principal} may not call {action}", subject=action)


def record_findings(system: System, region: str) -> Iterable[Finding]:
    """Say whether the record of a run could be written."""
    if problem := bucket_problem(system.record_bucket.format(region=region), region):
        yield finding("record-bucket-absent", "", problem)


def traffic_findings(system: System, serving_region: str, region: str) -> Iterable[Finding]:
    """Say whether traffic could be moved from home to ``region``; away from home the switch is where it should be."""
    if serving_region != system.home:
        return
    if system.traffic.method is CutoverMethod.HEALTH_SWITCH:
        if problem := switch_problem(system.traffic, region):
            yield finding("switch-bucket-absent", "", problem)
        elif switch_thrown(system.traffic, region):
            where = system.traffic.health_switch[region]
            yield finding("switch-thrown", "", f"{where} is there although {serving_region} serves")
    if problem := failover_problem(system.traffic, region, region):
        yield finding("dns-not-failover", "", problem)


def playbook_findings(system: System, region: str) -> Iterable[Finding]:
    """Say whether the playbook that is published in ``region`` is that of the catalog of today."""
    bucket = system.record_bucket.format(region=region)
    found = open_store(bucket, region).get(playbook_key(system.name))
    if found is None:
        yield finding("playbook-absent", "", f"no playbook of {system.name} is published in {region}")
        return
    published = json.loads(found[0]).get("catalog_hash")
    if published != (now := catalog_hash(system)):
        what = f"the playbook in {region} is of catalog {str(published)[:12]}, which is {now[:12]} now"
        yield finding("playbook-outdated", "", what)
