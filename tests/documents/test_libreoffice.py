"""What LibreOffice says of our signatures, and whether it shows handwriting and seals."""

from __future__ import annotations

import io
import shutil
from datetime import date

import pytest
from lxml import etree
from PIL import Image

from engine.documents import pages, register, signing
from engine.documents.package import parse_xml, read_package, write_package
from engine.documents.signature_lines import line_id
from engine.documents.signing import Picture, assemble, signature_part
from tests.documents import signers
from tests.documents.office import Office
from tests.processes.conftest import World, prepared, renderer, world  # noqa: F401 (fixtures)
from tests.processes.test_responsibility_letter import SEEN, begin, issue


def last_page(office: Office, docx: bytes) -> Image.Image:
    (office.folder / "shown.docx").write_bytes(docx)
    office.run("--convert-to", "pdf", "--outdir", str(office.folder), str(office.folder / "shown.docx"))
    pictures = pages.page_pictures((office.folder / "shown.pdf").read_bytes(), dpi=60)
    return Image.open(io.BytesIO(pictures[-1])).convert("RGB")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    if shutil.which("soffice") is None:
        pytest.skip("LibreOffice cannot be asked: soffice is not installed")
    return Office(tmp_path_factory.mktemp("libreoffice"))


def test_libreoffice_accepts_four_signatures(office: Office) -> None:
    expected = [["True", f"CN={name}", line_id(slot)] for slot, (name, _) in signers.SLOTS.items()]
    assert office.verify(signers.signed()) == expected


def test_libreoffice_rejects_a_changed_letter(office: Office) -> None:
    parts = read_package(signers.signed("issuer", "recipient"))
    parts["word/document.xml"] = parts["word/document.xml"].replace("李建国".encode(), "李建军".encode())
    assert [valid for valid, _, _ in office.verify(write_package(parts))] == ["False", "False"]


def _ink(page: Image.Image) -> tuple[int, int, int, int]:
    """Blue pixels in the left half and in the right, red ones in the left half and in the right."""
    blue, red = [0, 0], [0, 0]
    for y in range(page.height):
        for x in range(page.width):
            r, g, b = page.getpixel((x, y))  # type: ignore[misc]
            blue[2 * x // page.width] += b > r + 40 and b > g + 40
            red[2 * x // page.width] += r > g + 80 and r > b + 80
    return *blue, *red


def test_libreoffice_shows_each_handwriting_and_the_seal_once_signed(office: Office) -> None:
    assert _ink(last_page(office, signers.letter())) == (0, 0, 0, 0), "something shows before anybody signed"
    left, right, *red = _ink(last_page(office, signers.signed("issuer")))
    assert left > 20 and right == 0 and red == [0, 0]
    left, right, *red = _ink(last_page(office, signers.signed("issuer", "recipient")))
    assert left > 20 and right > 20 and red == [0, 0]
    sealed = assemble(signers.letter(), [signers.part("issuer_seal", picture="plain")])
    left, right, *red = _ink(last_page(office, sealed))
    assert left == right == 0 and red[0] > 100 and red[1] == 0


@pytest.mark.parametrize(
    "order",
    [
        ("issuer", "issuer_seal", "recipient", "recipient_seal"),  # as the process asks for them
        ("recipient_seal", "recipient", "issuer_seal", "issuer"),
    ],
)
def test_libreoffice_shows_both_secretaries_of_a_sealed_letter_in_whatever_order(
    office: Office, order: tuple[str, ...]
) -> None:
    whole = signers.signed(*order)
    assert [valid for valid, _, _ in office.verify(whole)] == ["True"] * 4
    left, right, *red = _ink(last_page(office, whole))
    assert left > 20 and right > 20
    assert red == [0, 0], "a cross"  # the seals are not shown here: docs/decisions/008


def test_libreoffice_shows_three_handwritings(office: Office) -> None:
    """The third and every further picture has a name of its own."""
    parts = read_package(signers.letter())
    parts["word/document.xml"] = _as_signature(parts["word/document.xml"], "issuer_seal")
    base = signing.base_package(write_package(parts))
    assert _ink(last_page(office, base)) == (0, 0, 0, 0)
    ways: dict[str, Picture] = {"issuer": "plain", "recipient": "plain", "issuer_seal": "named"}
    signed = []
    for seed, (slot, way) in enumerate(ways.items()):
        who = signers.signer(signers.SLOTS[slot][0])
        signed.append(
            signature_part(
                base,
                key=who.signing_key,
                line_id=line_id(slot),
                image_png=signers.handwriting(seed).picture("书记", date(2026, 3, 5)),
                capacity="书记",
                signer_name=who.name,
                comment="",
                at=signers.AT,
                picture=way,
            )
        )
    two, three = (assemble(base, signed[:count]) for count in (2, 3))
    assert [valid for valid, _, _ in office.verify(three)] == ["True"] * 3
    (left, right, *_), (more, same, *red) = (_ink(last_page(office, whole)) for whole in (two, three))
    assert left > 20 and more > 1.5 * left and same == right > 20 and red == [0, 0]


def _as_signature(document: bytes, slot: str) -> bytes:
    """Move a seal's line to where a signature would be: in the line of text, no longer behind it."""
    root = parse_xml(document)
    for shape in root.iter("{urn:schemas-microsoft-com:vml}shape"):
        if line_id(slot) in etree.tostring(shape, encoding="unicode"):
            shape.set("style", "width:130pt;height:66pt")
    return etree.tostring(root, encoding="UTF-8")


def test_libreoffice_shows_both_secretaries_of_letters_down_to_the_third_level(
    office: Office,
    world: World,  # noqa: F811
) -> None:
    play = world.player
    begin(world, ["市发改局党委"])
    play.do("高景行", "sign_back", **SEEN)
    play.do("高景行", "decide_own", 是否下发="下发")
    issue(world, "市发改局党委", "梁书怡", "程立言", "高景行", ["节能监察中心总支"])
    play.do("韩松年", "sign_back", **SEEN)
    play.do("韩松年", "decide_own", 是否下发="下发")
    issue(world, "节能监察中心总支", "邹沐阳", "方雅南", "韩松年", ["节能监察一支部"])
    play.do("潘若谷", "sign_back", **SEEN)

    letters = world.documents("责任书")
    assert [len(letter.slots) for letter in letters] == [4, 3, 2], (
        "units without a seal have no place for one"
    )
    for letter in letters:
        with world.session() as session:
            whole = register.package(session, register.get(session, letter.id))
        assert [valid for valid, _, _ in office.verify(whole)] == ["True"] * len(letter.slots)
        left, right, *red = _ink(last_page(office, whole))
        assert left > 20 and right > 20 and red == [0, 0]
