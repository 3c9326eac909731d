"""A designer changes a running installation's process in the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Guard
from tests.browser.site import Site


@pytest.fixture
def designer(page: Page, site: Site) -> Page:
    """Signed in as a designer, the member's commitment open."""
    site.sign_in(page, "xuzhiqiu")
    page.get_by_role("link", name="流程设计").click()
    page.get_by_role("row", name="承诺").get_by_role("link").first.click()
    expect(page.locator("[data-designer][data-ready='1']")).to_be_visible()
    expect(page.get_by_role("status").last).to_have_text("检查通过")
    return page


def select(page: Page, name: str) -> None:
    page.locator(".djs-shape", has_text=name).first.locator(".djs-hit").first.click(force=True)


def entry(page: Page, name: str) -> Locator:
    return page.locator(f"[data-entry-id='{name}']")


def rename(page: Page, name: str) -> None:
    if not entry(page, "name").is_visible():
        page.locator("[data-group-id=group-general] .bio-properties-panel-group-header").click()
    entry(page, "name").get_by_role("textbox").fill(name)
    entry(page, "name").get_by_role("textbox").blur()


def test_a_changed_diagram_becomes_a_new_version(designer: Page, site: Site) -> None:
    select(designer, "支部审核")
    rename(designer, "支部书记审核")
    designer.get_by_role("button", name="部署").click()
    expect(designer.locator(".designer-status")).to_have_text("已部署第 2 版")
    latest = next(one for one in site.engine.definitions() if one.key == "member_commitment")
    assert latest.version == 2
    assert "支部书记审核" in site.engine.definition_xml(latest.id).decode()
    designer.get_by_role("link", name="流程设计").first.click()
    designer.get_by_role("row", name="承诺").get_by_role("link").first.click()
    expect(designer.locator(".djs-shape", has_text="支部书记审核")).to_be_visible()
    designer.get_by_role("button", name="部署").click()  # nothing changed since: no third version
    expect(designer.locator(".designer-status")).to_have_text("已部署第 2 版")


def test_a_diagram_that_cannot_run_is_refused_beside_the_element(
    designer: Page, site: Site, guard: Guard
) -> None:
    select(designer, "支部审核")
    entry(designer, "lvze-Form-ref").get_by_role("combobox").select_option("")
    entry(designer, "lvze-Assignment-post").get_by_role("combobox").select_option("")
    designer.get_by_role("button", name="部署").click()
    expect(designer.locator(".designer-status")).to_contain_text("没有部署")
    expect(designer.get_by_label("检查结果").get_by_role("listitem").first).to_contain_text("支部审核")
    expect(designer.locator(".finding-badge.is-error")).to_be_visible()
    assert next(one for one in site.engine.definitions() if one.key == "member_commitment").version == 1


def test_only_designers_come_in(page: Page, site: Site, guard: Guard) -> None:
    guard.allow("403")
    site.sign_in(page, "fanchengzhi")
    expect(page.get_by_role("link", name="流程设计")).to_have_count(0)
    answer = page.goto(f"{site.address}/designer/1")
    assert answer and answer.status == 403


def test_the_page_is_accessible_and_in_chinese(designer: Page, violations: object) -> None:
    assert violations(designer) == []  # type: ignore[operator]
    assert designer.locator("[data-designer]").get_attribute("data-untranslated") is None
