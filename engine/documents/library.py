"""The library of Word templates: a name, and its versions, which never change.

A template's name is the file's, such as ``通知.docx``: by it a process names the template that it fills. What a process was deployed with
it keeps, by digest; a new version here changes no process that runs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from engine import blobs
from engine.database import Table, UtcDateTime, Values
from engine.documents.fields import Field
from engine.documents.templates import Template
from engine.errors import Invalid, NotFound

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MAX_NAME, MAX_NOTE = 80, 500  # characters

_NAME = re.compile(r"[^\\/:*?\"<>|\x00-\x1f⟦⟧{}]+")


class WordTemplate(Table):
    """A template by its name."""

    __tablename__ = "word_template"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    versions: Mapped[list[TemplateVersion]] = relationship(
        order_by="TemplateVersion.number.desc()", back_populates="template", lazy="selectin"
    )

    @property
    def latest(self) -> TemplateVersion:
        return self.versions[0]

    def version(self, number: int | None = None) -> TemplateVersion:
        """:param number: None for the latest
        :raises NotFound: ``no-template-version``
        """
        found = next((one for one in self.versions if number in (None, one.number)), None)
        if found is None:
            raise NotFound("no-template-version", f"模板“{self.name}”没有第 {number} 版。", number=number)
        return found


class TemplateVersion(Table):
    """A version of a template.

    :ivar uploaded_by_id: None for one that came with the software
    :ivar fields: name -> type, as the template said when it was uploaded
    """

    __tablename__ = "template_version"
    __table_args__ = (UniqueConstraint("template_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    template_id: Mapped[int] = mapped_column(ForeignKey("word_template.id"))
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(ForeignKey("blob.digest"))
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    note: Mapped[str] = mapped_column(String(MAX_NOTE))
    fields: Mapped[dict[str, Any]] = mapped_column(Values)
    template: Mapped[WordTemplate] = relationship(back_populates="versions", lazy="joined")


def upload(
    session: Session, name: str, content: bytes, *, note: str = "", by: int | None, at: datetime
) -> tuple[TemplateVersion, bool]:
    """Enter a new template, or a new version of the one of that name: (version, whether it is new). Bytes equal to the latest
    version's make no new one.

    :raises Invalid: the name or note cannot be one (``bad-name``, ``bad-note``); a template that is refused (``Template``)
    """
    name, note = _named(name), note.strip()
    if len(note) > MAX_NOTE:
        raise Invalid("bad-note", f"说明最多 {MAX_NOTE} 字。", {"note": f"最多 {MAX_NOTE} 字。"})
    compiled = Template.load(content)
    template = session.scalar(select(WordTemplate).where(WordTemplate.name == name))
    if template is not None and template.latest.digest == compiled.digest:
        return template.latest, False
    if template is None:
        template = WordTemplate(name=name, versions=[])
        session.add(template)
        session.flush()
    version = TemplateVersion(
        template=template,
        number=template.latest.number + 1 if template.versions else 1,
        digest=blobs.put(session, content, DOCX, at),
        uploaded_at=at,
        uploaded_by_id=by,
        note=note,
        fields={field.name: field.type for field in compiled.fields},
    )
    session.add(version)
    session.flush()
    session.refresh(template, ["versions"])
    return version, True


def enter_shipped(session: Session, contents: Mapping[str, bytes], at: datetime) -> list[TemplateVersion]:
    """The templates that come with the software: version 1, and later a new version where the software has a new one and no
    designer has made the template his own. Returns the new versions."""
    found = []
    for name, content in sorted(contents.items()):
        template = session.scalar(select(WordTemplate).where(WordTemplate.name == name))
        if template is not None and (
            template.latest.uploaded_by_id is not None
            or any(one.digest == blobs.digest_of(content) for one in template.versions)
        ):
            continue
        version, new = upload(session, name, content, note="随程序提供", by=None, at=at)
        found += [version] if new else []
    return found


def everything(session: Session) -> Sequence[WordTemplate]:
    """All templates by name."""
    return session.scalars(select(WordTemplate).order_by(WordTemplate.name)).all()


def get(session: Session, template_id: int) -> WordTemplate:
    """:raises NotFound: ``no-template``"""
    found = session.get(WordTemplate, template_id)
    if found is None:
        raise NotFound("no-template", "没有这个模板。", id=template_id)
    return found


def own_names(session: Session) -> set[str]:
    """The templates whose latest version somebody here has uploaded."""
    return {one.name for one in everything(session) if one.latest.uploaded_by_id is not None}


def latest_contents(session: Session, names: Collection[str]) -> dict[str, bytes]:
    """The latest versions of those of these names that the library has."""
    newest = select(func.max(TemplateVersion.id)).group_by(TemplateVersion.template_id).scalar_subquery()
    rows = session.execute(
        select(WordTemplate.name, blobs.Blob.content)
        .join(TemplateVersion, TemplateVersion.template_id == WordTemplate.id)
        .join(blobs.Blob, blobs.Blob.digest == TemplateVersion.digest)
        .where(TemplateVersion.id.in_(newest), WordTemplate.name.in_(names))
    )
    return {row.name: row.content for row in rows}


def compiled(session: Session, version: TemplateVersion) -> Template:
    return Template.load(blobs.get(session, version.digest))


def newly_required(old: Template, new: Template) -> list[str]:
    """Fields without which the new version cannot be filled, and which the old one did not ask for."""
    return sorted(_required(new.fields) - _required(old.fields))


def _required(fields: Sequence[Field], within: str = "") -> set[str]:
    found = set()
    for field in fields:
        if field.required:
            path = f"{within}{field.name}"
            found |= {path} | _required(field.parts, f"{path}[]." if field.many else f"{path}.")
    return found


def _named(name: str) -> str:
    """The file's name, however much of a path the browser sent, with its ending.

    :raises Invalid: ``bad-name``
    """
    name = re.split(r"[\\/]", name.strip())[-1].strip()
    stem = name[: -len(".docx")] if name.lower().endswith(".docx") else name
    stem = stem.strip(". ")
    if not stem or len(stem) > MAX_NAME or not _NAME.fullmatch(stem):
        message = f'模板名称应有 1 到 {MAX_NAME} 个字，不含 \\ / : * ? " < > | 等符号。'
        raise Invalid("bad-name", message, {"name": message})
    return f"{stem}.docx"
