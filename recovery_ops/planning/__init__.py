"""Plans: pure functions from a system and a direction to ordered steps, forecasts and a content hash."""

from recovery_ops.planning.estimates import longest_chain
from recovery_ops.planning.frozen import control_plane_steps, plan_from_json, plan_to_json
from recovery_ops.planning.making import plan
from recovery_ops.planning.order import in_order

__all__ = ["control_plane_steps", "in_order", "longest_chain", "plan", "plan_from_json", "plan_to_json"]
