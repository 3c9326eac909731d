"""A person at a browser: signs in, takes a step out of the inbox, fills the form, signs by hand, hands in."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.site import Site
from web.play import handwriting

#: The box that strokes are drawn in, whatever the screen.
WIDTH = 600


class Desk:
    """One person's browser window, signed in.

    :ivar name: what the signature reads
    """

    def __init__(self, site: Site, page: Page, username: str, name: str) -> None:
        self.site, self.page, self.name = site, page, name
        site.sign_in(page, username)

    def take(self, title: str) -> Page:
        """Open the step with that title from the inbox."""
        self.page.goto(f"{self.site.address}/inbox")
        self.page.get_by_role("link", name=title, exact=True).click()
        expect(self.page.get_by_role("heading", name=title, level=1)).to_be_visible()
        return self.page

    def choose(self, group: str, option: str) -> None:
        """Choose a radio button, and wait for what the form shows because of it."""
        chosen = self.page.get_by_role("radiogroup", name=group).get_by_label(option, exact=True)
        chosen.check()
        expect(self.page.locator(".htmx-request, .htmx-settling")).to_have_count(0)

    def see(self, document: str) -> None:
        """Wait until the pages of the document beside the form have been drawn."""
        picture = self.page.get_by_role("img", name=f"《{document}》第 1 页")
        expect(picture).to_be_visible()
        expect(picture).to_have_js_property("complete", True)

    def sign(self) -> None:
        """Write one's name on the pad."""
        pad = self.page.get_by_role("img", name="手写签名区")
        pad.scroll_into_view_if_needed()
        box = pad.bounding_box()
        assert box
        scale = box["width"] / WIDTH
        mouse = self.page.mouse
        for stroke in handwriting(self.name).strokes:
            (x, y), *rest = ((box["x"] + x * scale, box["y"] + y * scale) for x, y in stroke)
            mouse.move(x, y)
            mouse.down()
            for x, y in rest:
                mouse.move(x, y)
            mouse.up()
        expect(self.page.get_by_text("已签", exact=True).last).to_be_visible()

    def hand_in(self) -> None:
        """Submit; the background work that follows is done before anybody looks again."""
        self.submit.click()
        expect(self.page.get_by_role("status").filter(has_text="已提交")).to_be_visible()
        self.site.engine.run_jobs()

    @property
    def opinion(self) -> Locator:
        return self.page.get_by_role("textbox", name=re.compile("^意见"))

    @property
    def submit(self) -> Locator:
        return self.page.get_by_role("button", name="提交")
