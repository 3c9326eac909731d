"""What a request is about: the engine behind it, and who is asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import current_app, g
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from engine import ProcessEngine

View = TypeVar("View", bound=Callable[..., Any])

#: The installation's engine.
engine = cast("ProcessEngine", LocalProxy(lambda: current_app.extensions["lvze"]))


def person_id() -> int:
    """The signed-in person. Only views behind the login may ask."""
    return cast(int, g.account.person_id)


def reader_id() -> int | None:
    """The signed-in person, or None for the public."""
    return None if g.account is None else person_id()


def sees_technicalities() -> bool:
    """Whether the signed-in person can do something about a formula that fails."""
    return g.account is not None and bool(g.account.is_admin or g.account.is_designer)


def public(view: View) -> View:
    """Mark a view as open to everybody; all others ask for a login."""
    view.public = True  # type: ignore[attr-defined]
    return view
