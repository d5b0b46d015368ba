"""What a catalog must know about a kind; handed in by the caller, so that catalogs know no kinds."""

from dataclasses import dataclass

from pydantic import BaseModel

from recovery_ops.model.plan import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSpec:
    """One kind as the catalog sees it.

    ``settings_model`` must forbid unknown keys. ``stateful`` kinds have an RPO. ``phases`` are those a component of
    this kind may take part in.

    Raises:
        TypeError: ``settings_model`` lets unknown keys pass.
    """

    name: str
    settings_model: type[BaseModel]
    stateful: bool
    phases: frozenset[Phase] = frozenset(Phase)

    def __post_init__(self) -> None:
        if self.settings_model.model_config.get("extra") != "forbid":
            raise TypeError(f"kind {self.name!r}: {self.settings_model.__name__} must set extra='forbid'")
