"""Every error of the library, drawn by who has to act next.

::

    RecoveryError
      CatalogError                  the author of the catalog; nothing was started
      SettingsError                 whoever installed recovery-ops; nothing was started
      RequestError                  the person who asked; nothing was changed
        RunActiveError                another run of this system is open
        NoRecoveryPointError          no complete recovery point fits the request
      StepError                     the SRE on call
        StepRejectedError             AWS said no; nothing was changed by this call
        StepInterruptedError          AWS did not answer or throttled; safe to repeat (the only retryable one)
        StepFailedError               AWS accepted and then failed; something may be half done
        DeadlineExceededError         the time budget of a step is used up; the operation goes on and can be resumed
        VerificationFailedError       restored, but not proven right; traffic has not moved
        RunCancelledError             a person cancelled the run, or it yields to another; no step starts any more
        ImpairedRegionError           our own code called the region we are leaving; refused before it was sent
      PointDamagedError             the owner of protection; a recovery point is incomplete or altered
      RecordError                   the SRE on call
        ClaimLostError                another holder has the claim now; this process must stop acting
        RecordTamperedError           an event chain does not verify
        KeyExistsError                a key of the record is taken already; nothing was changed
        KeyChangedError               a key of the record was changed by somebody else; nothing was changed

Messages say what, where (system, component, region, resource) and what is true now. The first argument is the
message and everything else is keyword-only, so that errors survive a process boundary.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class RecoveryError(Exception):
    """Base class; ``playbook`` names the page that a person follows, ``retryable`` says whether to repeat the step.

    ``exit_code`` is what the command line ends with: 1 a check or objective failed, 2 bad input, 3 AWS refused,
    4 interrupted and resumable.
    """

    playbook: ClassVar[str] = "recovery-error"
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = {name: value for name, value in facts.items() if value is not None}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.facts)


def _rebuild(cls: type[RecoveryError], message: str, facts: dict[str, Any]) -> RecoveryError:
    return cls(message, **facts)


class CatalogError(RecoveryError):
    """One or more located problems in catalog files; ``problems`` holds every one, one line each."""

    playbook = "catalog-error"
    exit_code = 2

    @classmethod
    def of(cls, problems: Sequence[str]) -> "CatalogError":
        """Build one error from all ``problems``."""
        return cls("\n".join(problems), problems=list(problems))

    @property
    def problems(self) -> list[str]:
        """Every problem as ``file:line:column: path: what``."""
        return list(self.facts.get("problems", [self.message]))


class SettingsError(RecoveryError):
    """An environment setting is missing or has a value that cannot be used."""

    playbook = "settings-error"
    exit_code = 2


class RequestError(RecoveryError):
    """What was asked for cannot be done; nothing was changed."""

    playbook = "request-error"
    exit_code = 2


class RunActiveError(RequestError):
    """Another run of this system is open; facts: ``holder``, ``since``, ``run_id``."""

    playbook = "run-active"


class NoRecoveryPointError(RequestError):
    """No complete recovery point fits the request; facts: ``refused`` (point id -> reason)."""

    playbook = "no-recovery-point"


class StepError(RecoveryError):
    """A step of a run did not succeed."""

    playbook = "step-failed"
    exit_code = 3


class StepRejectedError(StepError):
    """AWS refused a call; nothing was changed by it. Facts: ``aws_code``, ``region``, ``operation``."""

    playbook = "step-rejected"


class StepInterruptedError(StepError):
    """AWS did not answer, or throttled, until the budget of this attempt was used up; repeating is safe."""

    playbook = "step-interrupted"
    retryable = True
    exit_code = 4


class StepFailedError(StepError):
    """AWS accepted the work and then reported failure; the resource may exist half done, tagged with our run id."""

    playbook = "step-failed"


class DeadlineExceededError(StepError):
    """A single operation outlived its own budget; it keeps running in AWS and the step can be resumed."""

    playbook = "deadline-exceeded"
    retryable = True
    exit_code = 4


class VerificationFailedError(StepError):
    """A gate failed, errored or was not run; traffic has not moved. Facts: ``checks``."""

    playbook = "verification-failed"
    exit_code = 1


class RunCancelledError(StepError):
    """A person cancelled the run, or it yields to a real run; only rollback, clean-up and close still run."""

    playbook = "run-cancelled"
    exit_code = 1


class ImpairedRegionError(StepError):
    """The failover path was about to call the region it is leaving; the call was not sent. This is a bug of ours."""

    playbook = "impaired-region-called"


class PointDamagedError(RecoveryError):
    """A recovery point is incomplete, unreadable or altered; facts: ``point_id``, ``component``."""

    playbook = "point-damaged"


class RecordError(RecoveryError):
    """The record could not be written or read."""

    playbook = "record-error"
    exit_code = 4


class ClaimLostError(RecordError):
    """The claim on the system has another holder or a newer epoch; this process must not change anything any more."""

    playbook = "claim-lost"


class RecordTamperedError(RecordError):
    """A chain of events does not verify; facts: ``broken`` (list of key and reason)."""

    playbook = "record-tampered"
    exit_code = 1


class KeyExistsError(RecordError):
    """A write that must not overwrite found the key taken; nothing was changed."""


class KeyChangedError(RecordError):
    """A compare-and-swap write found another ETag, or no object at all; nothing was changed."""
