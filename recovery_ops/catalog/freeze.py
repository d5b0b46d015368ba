"""Systems as plain JSON values; the work is done in the model, so that planning can freeze without knowing catalogs."""

from recovery_ops.model.freezing import catalog_hash, content_of, freeze, thaw

__all__ = ["catalog_hash", "content_of", "freeze", "thaw"]
