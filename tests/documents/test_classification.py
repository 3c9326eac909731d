"""密级: seen wherever it stands at the top of a document, and refused without an approval."""

from __future__ import annotations

import pytest

from engine.documents import classification
from engine.documents.templates import Template
from engine.errors import Invalid
from tests.documents import samples


@pytest.mark.parametrize(
    ("mark", "level"),
    [
        ("机密★1年", "机密"),
        ("绝 密", "绝密"),
        ("秘密", "秘密"),
        ("内部", None),
        ("保守机密是每个人的责任", None),
    ],
)
def test_the_mark_is_seen(mark: str, level: str | None) -> None:
    filled = Template.load(samples.template("印发通知")).fill({**samples.NOTICE, "密级": mark})
    assert classification.of(filled) == level
    if level is None:
        assert classification.require_approval(filled, approval=None) is None
    else:
        with pytest.raises(Invalid, match="涉密系统") as caught:
            classification.require_approval(filled, approval=None)
        assert caught.value.code == "classified"
        assert classification.require_approval(filled, approval="国保测 2026-001") == level


def test_a_document_without_a_mark_has_none() -> None:
    for name, data in samples.SAMPLES.items():
        assert classification.of(Template.load(samples.template(name)).fill(data)) is None, name
