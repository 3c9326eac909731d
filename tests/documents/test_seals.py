"""Seals: demo ones are drawn and say so, real ones are uploaded pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

import engine.tables
from engine import blobs
from engine.clock import local
from engine.database import Database
from engine.documents import seal_pictures, seals
from engine.errors import Conflict, Invalid, NotAllowed, NotFound
from engine.organisation.people import Person
from engine.organisation.units import Unit
from tests.documents.signers import AT


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    database = Database(f"sqlite:///{tmp_path / 'seals.db'}")
    engine.tables.metadata.create_all(database.engine)
    with database.write() as session:
        session.add(
            Unit(
                id=1,
                kind="支部",
                name="中共云溪市财政局支部委员会",
                short_name="支部",
                founded_on=date(2000, 1, 1),
            )
        )
        session.flush()
        yield session
    database.close()


def picture(
    size: tuple[int, int] = (400, 400),
    *,
    ground: int = 0,
    form: str = "PNG",
    colour: tuple[int, int, int, int] = (230, 0, 18, 255),
    margin: int = 9,
) -> bytes:
    image = Image.new("RGBA" if form == "PNG" else "RGB", size, (255, 255, 255, ground))
    edges = (margin, margin, size[0] - margin, size[1] - margin)
    ImageDraw.Draw(image).ellipse(edges, outline=colour, width=9)
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


@pytest.mark.parametrize(
    "name", ["中共云溪市财政局支部", "中共云溪市直属机关工作委员会组织宣传部第一联合支部委员会"]
)
def test_the_demo_seal(name: str) -> None:
    image = Image.open(io.BytesIO(seal_pictures.draw_demo(name)))
    assert image.size == (496, 496) and "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A")
    assert alpha.getpixel((0, 0)) == 0, "the ground is transparent"
    assert alpha.getpixel((248, 7)) > 240, "the ring"
    middle = alpha.crop((124, 207, 372, 289)).tobytes()
    assert 0.1 < sum(a > 128 for a in middle) / len(middle) < 0.6, "演示专用 stands in the middle"
    # Every letter and the four words: no glyph is missing.
    assert seal_pictures.demo_svg(name).count("M") >= len(name) + 4


def test_a_seal_needs_a_name() -> None:
    with pytest.raises(Invalid):
        seal_pictures.draw_demo("")


def test_one_seal_is_in_use(session: Session) -> None:
    with pytest.raises(NotFound):
        seals.withdraw(session, 1, at=AT)
    demo = seals.grant_demo(session, unit_id=1, name="中共云溪市财政局支部委员会", at=AT)
    later = AT + timedelta(days=1)
    real = seals.upload(session, unit_id=1, picture=picture(), by=None, at=later)
    assert demo.withdrawn_at == later and seals.of_unit(session, 1) is real and not real.demo
    assert Image.open(io.BytesIO(blobs.get(session, real.image_digest))).size == (400, 400)
    with pytest.raises(Conflict):
        seals.grant_demo(session, unit_id=1, name="中共云溪市财政局支部委员会", at=later)
    seals.withdraw(session, 1, at=later)
    assert seals.diameters(session, [1], at=AT) == {1: 42} and seals.diameters(session, [1], at=later) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n broken",
        picture(form="JPEG"),
        picture((100, 100)),
        picture((400, 800)),
        picture(ground=255),
        picture(colour=(40, 40, 40, 255)),
        picture(margin=60),
        picture() + b"\0" * (4 * 1024 * 1024),
    ],
)
def test_pictures_that_cannot_be_a_seal(session: Session, content: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        seals.upload(session, unit_id=1, picture=content, by=None, at=AT)
    assert caught.value.code == "seal-picture"


def test_a_seal_is_as_large_as_it_is_said_to_be(session: Session) -> None:
    with pytest.raises(Invalid, match="42 毫米"):
        seals.upload(session, unit_id=1, picture=picture(), diameter=80, by=None, at=AT)
    seals.upload(session, unit_id=1, picture=picture((900, 900)), diameter=45, by=None, at=AT)
    seal = seals.of_unit(session, 1)
    assert seal is not None
    assert Image.open(io.BytesIO(blobs.get(session, seal.image_digest))).size == (531, 531), (
        "45 mm at 300 dpi"
    )
    assert seals.diameters(session, [1, 2], at=AT) == {1: 45}


def test_permission_to_use_a_seal_has_days(session: Session) -> None:
    session.add(Person(id=9, name="程立功"))
    session.flush()
    day = local(AT).date()
    given = {"unit_id": 1, "person_id": 9, "by": None}
    with pytest.raises(Invalid, match="理由"):
        seals.permit(session, reason=" ", from_on=day, **given)
    with pytest.raises(Invalid, match="之后"):
        seals.permit(session, reason="代管", from_on=day, until_on=day, **given)
    tomorrow = seals.permit(session, reason="代管", from_on=day + timedelta(days=1), **given)
    with pytest.raises(NotAllowed, match="用印授权"):
        seals.require_keeper(session, unit_id=1, person_id=9, at=AT)
    seals.require_keeper(session, unit_id=1, person_id=9, at=AT + timedelta(days=1))
    assert [name for _, name in seals.permissions(session, day)] == ["程立功"]
    seals.end_permission(session, tomorrow.id, on=day + timedelta(days=2))
    with pytest.raises(NotAllowed):
        seals.require_keeper(session, unit_id=1, person_id=9, at=AT + timedelta(days=2))
    assert seals.permissions(session, day + timedelta(days=2)) == []
