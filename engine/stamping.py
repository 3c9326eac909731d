"""Time stamps for signatures, fetched after the signing.

A person who signs never waits for another house's server, and nothing fails while it is away: the signature is complete without its
time stamp, which stands beside it and changes none of its bytes. Workers ask for those that are missing, the newest first, until
each has one; how many wait is known (``lvze doctor``, the page of certificates, the document's own page).
"""

from __future__ import annotations

from engine.documents import signatures, signing, timestamps
from engine.runtime import Runtime

#: signatures a round
ROUND = 50


def run(runtime: Runtime) -> int:
    """Ask for the time stamps of a round of signatures; returns how many were kept. Nothing where no server is set.

    :raises LvzeError: the server is away, or what it answers is no sound time stamp; what it gave before is kept
    """
    server, kept = timestamps.server(runtime.settings), 0
    if server is None:
        return 0
    with runtime.database.read() as session:
        waiting = signatures.unstamped(session, ROUND)
    for signature, part in waiting:
        message = signing.stamped_text(part)
        token = server.stamp(message)
        moment = timestamps.read(token, message).at
        with runtime.database.write() as session:
            now = runtime.clock.now()
            kept += signatures.keep_stamp(session, signature, token, stamped_at=moment, at=now)
    return kept


def attempt(runtime: Runtime) -> str:
    """Ask for a time stamp over nothing; returns by whom it came, empty where no server is set.

    :raises LvzeError: as ``run``
    """
    server = timestamps.server(runtime.settings)
    return "" if server is None else timestamps.read(server.stamp(b""), b"").by
