"""A .docx measured against GB/T 9704-2012 党政机关公文格式: what is not as the standard wants it, clause by clause.

A rule is a module in ``clauses`` with ``PROFILES`` and ``check(case) -> Iterator[Deviation]``; adding one is adding a file there
and its row to docs/checking.md.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from engine.documents.pdf import Rendered
from engine.documents.standard import clauses
from engine.documents.standard.case import Case, Deviation
from engine.documents.standard.elements import Element, Profile, detect, recognise
from engine.documents.standard.manuscript import Manuscript
from engine.documents.standard.reading import read
from engine.errors import Invalid

__all__ = ["Deviation", "Profile", "all_rules", "check", "profile_of"]

Rule = Callable[[Case], Iterator[Deviation]]


@lru_cache(maxsize=1)
def all_rules() -> dict[str, tuple[frozenset[Profile], Rule]]:
    """Name -> the profiles that it holds for, and the rule."""
    names = sorted(module.name for module in pkgutil.iter_modules(clauses.__path__))
    modules = {name: importlib.import_module(f"{clauses.__name__}.{name}") for name in names}
    return {name: (frozenset(module.PROFILES), module.check) for name, module in modules.items()}


def check(docx: bytes, profile: str | None = None, layout: Rendered | None = None) -> list[Deviation]:
    """All deviations, in the order of the clauses and of the document; what several paragraphs share is told once.

    :param profile: 法定公文, 信函, 纪要, 其他文书 or 牌证; None: what the file names, or else looks like
    :param layout: where everything stands on the pages; without it what only pages can tell is not asked
    :raises Invalid: ``not-a-docx``, ``package-too-big``, ``document-too-big``, ``no-profile``
    """
    manuscript = read(docx)
    elements = recognise(manuscript)
    case = Case(manuscript, elements, _profile(manuscript, elements, profile), layout)
    found: dict[tuple[str, ...], list[Deviation]] = {}
    for profiles, rule in all_rules().values():
        for one in rule(case) if case.profile in profiles else ():
            found.setdefault((one.clause, one.element, one.found, one.wanted), []).append(one)
    once = (replace(alike[0], others=len(alike) - 1) for alike in found.values())
    return sorted(once, key=lambda one: (_order(one.clause), one.paragraph or 0))


def profile_of(docx: bytes, named: str | None = None) -> Profile:
    """The profile that a file is measured by: the one named here, the one it names, or what it looks like.

    :raises Invalid: ``not-a-docx``, ``package-too-big``, ``no-profile``
    """
    manuscript = read(docx)
    return _profile(manuscript, recognise(manuscript), named)


def _profile(manuscript: Manuscript, elements: Mapping[int, Element], named: str | None) -> Profile:
    if named is not None and named not in set(Profile):
        raise Invalid("no-profile", f"没有“{named}”这种版式；可选{'、'.join(Profile)}。", profile=named)
    which = named or manuscript.category
    return Profile(which) if which in set(Profile) else detect(manuscript, elements)


def _order(clause: str) -> tuple[int, ...]:
    return tuple(int(part) for part in clause.split("."))
