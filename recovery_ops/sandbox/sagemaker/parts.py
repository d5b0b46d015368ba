"""The parts of the SageMaker overlay, wired for one world."""

from recovery_ops.sandbox.jobs import JobBook
from recovery_ops.sandbox.sagemaker.endpoints import Endpoints
from recovery_ops.sandbox.sagemaker.fleet import Fleet
from recovery_ops.sandbox.world import World


class Parts:
    """The endpoints of one world and the processes that answer for them."""

    def __init__(self, world: World, fleet: Fleet) -> None:
        self.fleet = fleet
        self.endpoints = Endpoints(world, fleet)
        self.jobs = JobBook(world, "sagemaker", self.endpoints.handlers())
        self.endpoints.jobs = self.jobs


_installed: dict[str, Parts] = {}


def use(new: Parts) -> None:
    """Make ``new`` the parts that patched moto works with."""
    _installed["sagemaker"] = new


def parts() -> Parts:
    """Return the parts of the installed overlay."""
    return _installed["sagemaker"]
