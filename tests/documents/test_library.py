"""The library of Word templates: versions, who uses them, and processes that go on with what they were deployed with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from engine import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    ProcessEngine,
    Refused,
    SettableClock,
    Settings,
    forms,
)
from engine.blobs import digest_of
from engine.database import Database
from engine.documents import register, trials
from engine.documents.package import read_package
from engine.documents.register import Document
from engine.documents.templates import Template
from engine.organisation import accounts, people, units
from engine.shipped import DOC_TEMPLATES
from tests.documents.test_templates import lines, made
from tests.engine.drawing import draw, end, path, service, start

NOW = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
NAME = "便函.docx"
PROCESS = {
    "memo.bpmn": draw(
        "memo",
        start(),
        service("render", "render", template=NAME, kind="便函", title='="便函"', data='={"标题": "甲"}'),
        end(),
        path("start", "render", "end"),
    )
}


@pytest.fixture
def engine(settings: Settings) -> Iterator[ProcessEngine]:
    engine = ProcessEngine(settings, SettableClock(NOW))
    yield engine
    engine.close()


@pytest.fixture
def designer(database_url: str, engine: ProcessEngine) -> int:
    return person(database_url, "designer", is_designer=True)


def person(database_url: str, username: str, *, is_designer: bool = False) -> int:
    database = Database(database_url)
    with database.write() as session:
        found = people.add(session, name=username)
        accounts.create(
            session, person_id=found.id, username=username, password_hash="x", is_designer=is_designer
        )
        branch = units.add(
            session, kind="支部", name=f"{username}支部", short_name=username, founded_on=date(2020, 1, 1)
        )
        people.enrol(session, found.id, branch.id, from_on=date(2020, 1, 1))
        person_id = found.id
    database.close()
    return person_id


def pinned(engine: ProcessEngine, key: str = "memo") -> str:
    return engine.definition_versions(key)[0].resources[NAME]


def test_versions_never_change_and_equal_bytes_make_none(engine: ProcessEngine, designer: int) -> None:
    one, two = made("{{ 标题 }}"), made("{{ 标题 }}", "{{ 日期|日期 }}")
    first, new = engine.upload_template(NAME, one, note="初稿", by=designer)
    assert (first.number, new, first.fields, first.note) == (1, True, {"标题": "文本"}, "初稿")
    again, new = engine.upload_template("C:\\模板\\便函.DOCX", one, by=designer)
    assert (again.id, new) == (first.id, False)
    second, new = engine.upload_template("便函", two, by=designer)
    assert (second.number, new, second.fields) == (2, True, {"标题": "文本", "日期": "日期"})
    back, new = engine.upload_template(NAME, one, by=designer)
    assert (back.number, new) == (3, True), "going back to an older one is a version too"
    (template,) = engine.word_templates(by=designer)
    assert [one.number for one in template.versions] == [3, 2, 1]
    assert engine.template_content(template.id, 2, by=designer) == two
    assert engine.template_content(template.id, by=designer) == one
    with pytest.raises(NotFound):
        engine.template_content(template.id, 4, by=designer)
    acts = engine.template_acts(template.id, by=designer)
    assert [(act.code, act.payload["version"], act.person_id) for act in acts if act.payload] == [
        ("template-uploaded", number, designer) for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("name", ["", " .docx", "a:b", "x" * 81, "{{ x }}"])
def test_names_are_names_of_files(name: str, engine: ProcessEngine, designer: int) -> None:
    with pytest.raises(Invalid) as caught:
        engine.upload_template(name, made("{{ x }}"), by=designer)
    assert caught.value.code == "bad-name"


def test_a_refused_template_makes_no_version(engine: ProcessEngine, designer: int) -> None:
    with pytest.raises(Invalid, match="正文第 2 段"):
        engine.upload_template(NAME, made("甲", "{{ x() }}"), by=designer)
    assert not engine.word_templates(by=designer)


def test_designers_alone(engine: ProcessEngine, designer: int, database_url: str) -> None:
    stranger = person(database_url, "stranger")
    version, _ = engine.upload_template(NAME, made("{{ 标题 }}"), by=designer)
    id = version.template.id
    for act in (
        lambda: engine.word_templates(by=stranger),
        lambda: engine.word_template(id, by=stranger),
        lambda: engine.upload_template(NAME, made("x"), by=stranger),
        lambda: engine.template_content(id, by=stranger),
        lambda: engine.template_fields(id, by=stranger),
        lambda: engine.template_differences(id, 1, 1, by=stranger),
        lambda: engine.template_uses(id, by=stranger),
        lambda: engine.template_acts(id, by=stranger),
        lambda: engine.template_questions(id, None, by=stranger),
        lambda: engine.try_template(id, None, values={}, by=stranger),
        lambda: engine.adopt_template(id, "memo", by=stranger),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_what_changed_in_the_text(engine: ProcessEngine, designer: int) -> None:
    version, _ = engine.upload_template(NAME, made("第一段", "{{ 标题 }}的通知", "第三段"), by=designer)
    engine.upload_template(NAME, made("第一段", "{{ 标题 }}的决定", "第三段"), by=designer)
    (hunk,) = engine.template_differences(version.template.id, 1, 2, by=designer)
    (change,) = [one for one in hunk if one.operation != "equal"]
    assert [(piece.operation, piece.text) for piece in change.cells[0]] == [
        ("equal", "{{ 标题 }}的"), ("delete", "通知"), ("insert", "决定")
    ]  # fmt: skip


def test_a_process_takes_the_latest_by_name_unless_it_brings_its_own(
    engine: ProcessEngine, designer: int
) -> None:
    with pytest.raises(Refused, match=NAME):
        engine.deploy(PROCESS)
    one, two = made("{{ 标题 }}"), made("二：{{ 标题 }}")
    version, _ = engine.upload_template(NAME, one, by=designer)
    engine.deploy(PROCESS)
    assert pinned(engine) == digest_of(one)
    engine.upload_template(NAME, two, by=designer)
    assert pinned(engine) == digest_of(one), "what is deployed keeps its template"
    (use,) = engine.template_uses(version.template.id, by=designer)
    assert use.version is not None and (use.version.number, use.current) == (1, False)
    assert engine.deploy(PROCESS).version == 2
    assert pinned(engine) == digest_of(two)
    own = made("自带的：{{ 标题 }}")
    engine.deploy({**PROCESS, NAME: own})
    assert pinned(engine) == digest_of(own)
    (use,) = engine.template_uses(version.template.id, by=designer)
    assert (use.version, use.current) == (None, False)


def test_a_process_is_given_the_new_version(engine: ProcessEngine, designer: int) -> None:
    one, two = made("{{ 标题 }}"), made("{{ 标题 }}{{ 编号 }}{% for 行 in 表 %}{{ 行.事 }}{% endfor %}")
    version, _ = engine.upload_template(NAME, one, by=designer)
    id = version.template.id
    engine.deploy(PROCESS)
    with pytest.raises(Conflict):
        engine.adopt_template(id, "memo", by=designer)
    engine.upload_template(NAME, two, by=designer)
    (use,) = engine.template_uses(id, by=designer)
    assert use.newly_required == ["编号", "表", "表[].事"]
    made_one = engine.adopt_template(id, "memo", by=designer)
    assert (made_one.version, pinned(engine)) == (2, digest_of(two))
    assert engine.definition_versions("memo")[1].resources[NAME] == digest_of(one)
    act = engine.template_acts(id, by=designer)[-1]
    assert act.code == "template-adopted" and act.payload is not None
    assert (act.payload["key"], act.payload["version"], act.payload["definition_version"]) == ("memo", 2, 2)
    with pytest.raises(NotFound):
        engine.adopt_template(id, "other", by=designer)


def test_shipped_templates_are_version_1_and_designers_keep_theirs(
    engine: ProcessEngine, designer: int
) -> None:
    names = {path.name for path in DOC_TEMPLATES.glob("*.docx")}
    assert {one.template.name for one in engine.enter_shipped_templates()} == names
    assert engine.enter_shipped_templates() == []
    template = next(one for one in engine.word_templates(by=designer) if one.name == "承诺书.docx")
    assert (template.latest.number, template.latest.uploaded_by_id) == (1, None)
    engine.upload_template("承诺书.docx", made("{{ 姓名 }}"), by=designer)
    assert engine.enter_shipped_templates() == [], "nor does a start of the software undo what a designer did"


def test_shipped_processes_leave_designers_their_versions(engine: ProcessEngine, designer: int) -> None:
    one, two = made("{{ 标题 }}"), made("二：{{ 标题 }}")
    version, _ = engine.upload_template(NAME, one, by=designer)
    assert engine.deploy_shipped(PROCESS).version == 1
    assert engine.deploy_shipped(PROCESS).version == 1
    engine.upload_template(NAME, two, by=designer)
    assert engine.deploy_shipped(PROCESS).version == 1, "a new version of a template waits for its button"
    engine.adopt_template(version.template.id, "memo", by=designer)
    assert (engine.deploy_shipped(PROCESS).version, pinned(engine)) == (2, digest_of(two))
    changed = {"memo.bpmn": PROCESS["memo.bpmn"].replace("便函”".encode(), b"") + b" "}
    assert engine.deploy(changed, by=designer).version == 3
    assert engine.deploy_shipped(PROCESS).version == 3, (
        "nor does a start of the software undo a designer's diagram"
    )
    upgraded = {"memo.bpmn": PROCESS["memo.bpmn"] + b"\n\n"}
    assert engine.deploy_shipped(upgraded).version == 4, (
        "a new version of the software brings its new diagram"
    )


@pytest.mark.parametrize("path", sorted(DOC_TEMPLATES.glob("*.docx")), ids=lambda path: path.stem)
def test_samples_fill_every_shipped_template(path: object) -> None:
    compiled = Template.load(path.read_bytes())  # type: ignore[attr-defined]
    questions = trials.questions(compiled.fields)
    form = forms.load(questions.form)
    values = form.clean({}, questions.values, now=NOW)
    assert not values or set(values) <= set(form.keys)
    for data in (questions.data, trials.from_form(compiled.fields, questions.values)):
        compiled.fill(trials.completed(compiled.fields, data))


def test_a_form_gives_back_what_it_was_filled_with() -> None:
    rows = (
        "{{ 标题 }}{{ 成文日期 }}{{ 金额|大写金额 }}{% if 加急 %}急{% endif %}{{ 人.姓名 }}{{ 人.职务 }}{{ 名单|join('、') }}",
        "{%p for 段 in 正文|段落 %}", "{{ 段.文字 }}", "{%p endfor %}",
        "{% for 行 in 表 %}{{ 行.事 }}{{ 行.数|num_cn }}{% endfor %}",
        "{% for 组 in 组 %}{{ 组.名 }}{% for 人 in 组.人 %}{{ 人.姓 }}{% endfor %}{% endfor %}",
        "{{ 像|图片(20) }}",
        "{{p 附件 }}",
    )  # fmt: skip
    compiled = Template.load(made(*rows))
    data = {
        "标题": "通知", "成文日期": date(2026, 3, 5), "金额": 5, "加急": True, "人": {"姓名": "甲", "职务": "书记"},
        "名单": ["甲", "乙"], "正文": "一段\n二段", "表": [{"事": "甲", "数": 1}], "组": [{"名": "一", "人": [{"姓": "赵"}]}],
    }  # fmt: skip
    questions = trials.questions(compiled.fields, data)
    found = trials.from_form(compiled.fields, questions.values)
    assert {name: found[name] for name in data} == data
    assert found["像"] == trials.sample_picture() and found["附件"] == trials.sample_document()
    compiled.fill(found)


def test_a_trial_shows_pages_findings_and_places_to_sign(engine: ProcessEngine, designer: int) -> None:
    content = made(
        "关于{{ 标题 }}的通知", "{%p if 有章 %}", "⟦印章:seal⟧", "{%p endif %}", "⟦签名:a⟧{{ 日 }}"
    )
    version, _ = engine.upload_template(NAME, content, by=designer)
    id = version.template.id
    questions = engine.template_questions(id, None, by=designer)
    assert set(forms.load(questions.form).keys) == {"标题", "有章", "日"}
    trial = engine.try_template(id, 1, data={"标题": "开会", "日": "2026-03-05"}, by=designer)
    text = read_package(trial.docx)["word/document.xml"].decode()
    assert (
        "关于" in text and "2026年3月5日" in text and "⟦" not in text and text.count("issignatureline") == 1
    )
    assert trial.rendered.pages == len(trial.pictures) == 1 and trial.pictures[0][:4] == b"\x89PNG"
    assert trial.deviations, "python-docx's own page is not that of the standard"
    with pytest.raises(Invalid) as caught:
        engine.try_template(id, 1, values={"标题": "开会"}, by=designer)
    assert caught.value.errors == {"日": "此项必填。"}


def test_a_document_of_the_process_becomes_part_of_another(
    engine: ProcessEngine, designer: int, database_url: str
) -> None:
    """The result of one render task is the sub-document of the next; its places for signatures stay behind."""
    data = '={"标题": "责任书的内容"}'
    slots = '=[{"slot": "a", "kind": "签名", "label": "签收"}]'
    process = draw(
        "two",
        start(),
        service(
            "one",
            "render",
            outputs={"附件": "=result"},
            template=NAME,
            title='="责任书"',
            data=data,
            slots=slots,
        ),
        service("other", "render", template="通知二.docx", title='="通知"', data='={"附件": 附件}'),
        end(),
        path("start", "one", "other", "end"),
    )
    engine.upload_template(NAME, made("{{ 标题 }}", "⟦签名:a⟧"), by=designer)
    engine.upload_template("通知二.docx", made("通知如下", "{{p 附件 }}", "此通知"), by=designer)
    engine.deploy({"two.bpmn": process})
    engine.start("two", by=designer)
    engine.run_jobs()
    database = Database(database_url)
    with database.read() as session:
        letter, notice = (
            register.package(session, document)
            for document in session.scalars(select(Document).order_by(Document.id))
        )
    database.close()
    assert [line for line in lines(notice) if line] == ["通知如下", "责任书的内容", "此通知"]
    assert b"issignatureline" in read_package(letter)["word/document.xml"]
    assert b"issignatureline" not in read_package(notice)["word/document.xml"]
