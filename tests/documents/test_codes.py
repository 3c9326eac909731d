"""验真码: what is drawn, typed and found in a text; and the address that is printed with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import Settings, SettingsError
from engine.documents import codes
from engine.errors import NotFound


def test_codes_are_random_and_cannot_be_misread() -> None:
    drawn = {codes.draw() for _ in range(200)}
    assert len(drawn) == 200 and all(len(code) == 16 for code in drawn)
    assert not set("".join(drawn)) & set("0O1I") and len(codes.ALPHABET) ** codes.LENGTH == 2**80
    for code in drawn:
        assert codes.typed(codes.shown(code).lower()) == code


@pytest.mark.parametrize(
    "text", ["", "ABCD", "A" * 17, "0" * 16, "ABCDEFGHJKLMNPQI", "ABCD_EFGH_JKLM_NPQR", "甲" * 16]
)
def test_what_cannot_be_a_code_is_told(text: str) -> None:
    with pytest.raises(NotFound, match="16 个字母和数字"):
        codes.typed(text)


def test_codes_are_found_in_a_text() -> None:
    text = "验真码ABCD-EFGH-JKLM-NPQR，另见 STUV-WXYZ-2345-6789；XABCD-EFGH-JKLM-NPQR 和 ABCD-EFGH-JKLM-NPQO 不是"
    assert codes.printed(text) == ["ABCDEFGHJKLMNPQR", "STUVWXYZ23456789"]
    assert len(codes.printed(" ".join(codes.shown(codes.draw()) for _ in range(500)))) == codes.MAX_PRINTED


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "http://127.0.0.1:8168"),
        ({"LVZE_HOST": "::1", "LVZE_PORT": "9000"}, "http://[::1]:9000"),
        ({"LVZE_PUBLIC_URL": "https://lvze.example.org/"}, "https://lvze.example.org"),
        ({"LVZE_PUBLIC_URL": "https://example.org:8443/lvze"}, "https://example.org:8443/lvze"),
    ],
)
def test_the_public_address_is_a_setting(given: dict[str, str], said: str, tmp_path: Path) -> None:
    settings = Settings.from_environment({"LVZE_HOME": str(tmp_path), **given})
    assert settings.public_url == said
    assert codes.for_template("ABCDEFGHJKLMNPQR", said) == {
        "码": "ABCD-EFGH-JKLM-NPQR",
        "网址": f"{said}/v/ABCDEFGHJKLMNPQR",
    }


@pytest.mark.parametrize(
    "url",
    ["lvze.example.org", "ftp://example.org", "https://", "https://a b", "https://x?y=1", "https://x#y", "https://u:p@x",
     "https://x:99999", "https://" + "x" * 100],
)  # fmt: skip
def test_a_bad_public_address_is_named(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="LVZE_PUBLIC_URL"):
        Settings.from_environment({"LVZE_HOME": str(tmp_path), "LVZE_PUBLIC_URL": url})
