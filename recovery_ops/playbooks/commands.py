"""What is typed to recover a system, with Airflow and without it. Capitals are what the person fills in."""

import json
import shlex
from collections.abc import Mapping

from recovery_ops.model.system import System

T0, WHY = "YYYY-MM-DDTHH:MM:SS", "WHAT HAPPENED"


def commands_of(system: System, source: str, target: str) -> Mapping[str, str]:
    """Return every command of one direction by name; ``component_run`` holds the word ``COMPONENT``."""
    name = system.name
    direct = f"recovery-ops failover {name} --to {target} --since {T0} --reason '{WHY}'"
    going = {"target_region": target, "impact_at": f"{T0}+00:00", "reason": WHY}
    return {
        "probe": f"https://{system.traffic.name}{system.traffic.path}",
        "failover": direct,
        "failover_airflow": _trigger(f"failover__{name}", going),
        "corruption": f"{direct} --intent corruption --before {T0}",
        "corruption_airflow": _trigger(f"failover__{name}", {**going, "intent": "corruption", "before": f"{T0}+00:00"}),
        "component_run": _trigger(f"recover__{name}__COMPONENT", going),
        "failback": _trigger(f"failover__{name}", {"target_region": system.home, "graceful": True, "reason": WHY}),
        "runs": f"recovery-ops runs list {name} --region {target}",
        "show": f"recovery-ops runs show {name} RUN --region {target}",
        "plan": f"recovery-ops plan {name} --to {target} --from {source}",
        "protect": f"recovery-ops protect {name}",
        "dry_run": f"{direct} --dry-run",
    }


def _trigger(dag_id: str, conf: Mapping[str, object]) -> str:
    return f"airflow dags trigger {dag_id} --conf {shlex.quote(json.dumps(conf))}"
