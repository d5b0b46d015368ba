"""One module per kind, called as the kind with underscores: which component stands for it, and what there is to mend.

``COMPONENT`` is its name in the fraud-detection catalog. ``damage(world, intent)`` is optional and makes work for the
recovery: what an attacker, or a lost replica, would have left in the recovery region.
"""
