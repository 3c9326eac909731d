"""All tables in one metadata: importing this module imports every noun that owns one."""

from engine import (  # noqa: F401
    arrivals,
    assignment,
    ballots,
    blobs,
    carbon_copies,
    checkpoints,
    deliveries,
    deployments,
    fanout,
    history,
    instance_migrations,
    instances,
    jobs,
    ledgers,
    local_days,
    messages,
    notifications,
    nudges,
    phrases,
    subscriptions,
    suspension,
    transfers,
    votes,
    work_items,
)
from engine.database import Table
from engine.documents import authority, library, numbering, register, revisions, seals, slots, trust  # noqa: F401
from engine.organisation import accounts, delegation, departments, people, posts, succession, units  # noqa: F401

metadata = Table.metadata
