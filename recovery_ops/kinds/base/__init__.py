"""What every kind is made of, reached as :mod:`recovery_ops.kinds`; nothing here knows a kind."""
