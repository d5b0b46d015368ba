"""How long a call, a look and a wait may take, and how often each is tried: the one place for all of them.

Wall seconds, unless the name says modelled: those are AWS seconds and shrink with the time factor of a sandbox. What a
whole operation may take is the budget of its step in the plan. ``docs/reference/limits.md`` explains them together.
"""

CONNECT_TIMEOUT_S = 2.0
"""Until a connection to an AWS endpoint stands."""
READ_TIMEOUT_S = 10.0
"""Until AWS sends the next byte; a region that hangs costs this, not minutes."""
ATTEMPTS = 4
"""How often botocore sends one call that is not throttled: lost answers, internal errors, with growing pauses."""

THROTTLED_S = 60.0
"""How long one call is repeated while AWS says that it is busy: whoever lost the same region recovers beside us."""
THROTTLED_PAUSE_S = 5.0
"""The longest pause before such a repeat; a random part of it is taken, so that not all come back at once."""

SUSPECT_READ_TIMEOUT_S = 3.0
"""As above, for a region that is probably dead."""
SUSPECT_ATTEMPTS = 1
"""One try: the next step, the next sweep or a person asks again."""

PROBE_TIMEOUT_S = 3.0
"""Each of the two parts of a probe from outside: the answer of DNS, the answer of the front door."""

BUDGET_AT_LEAST_S = 5.0
"""Until an operation has used up the budget of its step, in a sandbox, however much time is scaled."""

POLL_MODELLED_S = 15.0
"""Between two looks at a running operation."""
POLL_AT_LEAST_S = 0.1
"""The same in a sandbox, however much time is scaled."""
TRIGGER_POLL_AT_LEAST_S = 0.5
"""The same in Airflow's triggerer, which watches many."""

LOOK_MODELLED_S = 5.0
"""Between two looks at what people want, by a step that waits for them or for AWS."""
LOOK_AT_LEAST_S = 0.1
"""The same in a sandbox."""

EFFECTIVE_LIMIT_MODELLED_S = 600.0
"""Until an outside client is answered by the other region after traffic was moved."""
EFFECTIVE_LIMIT_AT_LEAST_S = 5.0
"""The same in a sandbox."""
PROBE_EVERY_MODELLED_S = 3.0
"""Between two probes during cutover and soak."""
PROBE_EVERY_AT_LEAST_S = 0.05
"""The same in a sandbox."""

REPLICATION_LIMIT_MODELLED_S = 900.0
"""Until a new recovery point is complete in another region. S3 Replication Time Control warns after 15 minutes."""
