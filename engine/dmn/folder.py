"""Decision files that lie together and import each other: by file name, or else by namespace (DMN 1.5, 6.3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from urllib.parse import unquote

from . import xml
from .model import Model, load
from .reading import Import, imports_of
from .sheet import Sheet, sheets
from .xml import DmnError


class Folder:
    """The ``.dmn`` files of one folder; nothing outside it can be imported, whatever a file asks for.

    :param files: name -> content; files of other kinds are passed over
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = {name: content for name, content in files.items() if name.endswith(".dmn")}

    def load(self, name: str) -> Model:
        """The model of a file, with what it imports.

        :raises DmnError: no decision model that could be run, or an import that is not here
        """
        found = self._imports(name)
        return load(self._files[name], resolve=lambda wanted: self._files[found[wanted]])

    def sheets(self, name: str) -> list[Sheet]:
        """The decision tables of a file and of what it imports, as they are written.

        :raises DmnError: as ``load``
        """
        return [sheet for each in (name, *self.imported(name)) for sheet in sheets(self._files[each])]

    def imported(self, name: str) -> list[str]:
        """The names of the files that a file imports, itself or through others.

        :raises DmnError: as ``load``
        """
        return sorted({*self._imports(name).values()} - {name})

    def _imports(self, name: str) -> dict[str, str]:
        """What the imports ask ``resolve`` for -> the name of the file."""
        found: dict[str, str] = {}
        waiting, seen = [name], {name}
        while waiting:
            importing = waiting.pop()
            for imported in imports_of(xml.parse(self._files[importing])):
                file = self._file(imported, importing)
                found[imported.location or imported.namespace] = file
                if file not in seen:
                    seen.add(file)
                    waiting.append(file)
        return found

    def _file(self, imported: Import, importing: str) -> str:
        location = unquote(imported.location or "").removeprefix("./")
        if location in self._files:
            return location
        candidates = self._namespaces.get(imported.namespace, [])
        if len(candidates) == 1:
            return candidates[0]
        wanted = imported.name or imported.location or imported.namespace
        if candidates:
            raise DmnError(
                "dmn-ambiguous-import",
                f"“{importing}”引用的决策模型“{wanted}”在几个文件里都有：{'、'.join(candidates)}。请只留一个。",
                file=importing,
            )
        missing = location or f"命名空间 {imported.namespace}"
        raise DmnError(
            "dmn-missing-import",
            f"“{importing}”引用的决策模型“{wanted}”（{missing}）不在同一个文件夹里。请把那个文件放进来。",
            file=importing,
        )

    @cached_property
    def _namespaces(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in sorted(self._files):
            try:
                namespace = xml.parse(self._files[name]).get("namespace") or ""
            except DmnError:  # not a neighbour's business
                continue
            found.setdefault(namespace, []).append(name)
        return found
