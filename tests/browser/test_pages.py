# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser: with and without JavaScript, on a phone, under its own policy."""
import pytest

import chromium
from harness.places import free_port
from harness.wait import eventually

pytestmark = pytest.mark.skipif(not chromium.available(), reason="no chromium here")

WIDER = """return [...document.querySelectorAll('*')]
    .filter(e => e.scrollWidth > e.clientWidth)
    .map(e => e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 80))"""
LONG = "a-service-whose-name-is-much-longer-than-a-phone-is-wide-" + "x" * 40


@pytest.fixture
def pages(site):
    """A site with one service up, one down, one incident with a note; the paths to look at."""
    site.service(LONG)
    server = site.service("llama")
    hook = site.webhook()
    site.start()
    site.wait_service("llama")
    server.kill()
    hook.wait("incident.opened", service="llama")
    number = site.wait_incident("llama")["id"]
    site.unix.post(f"/v1/incidents/{number}/note", {"comment": "<i>looking</i> " + "y" * 200})
    site.paths = ["/", "/services/llama", f"/services/{LONG}", f"/incidents/{number}"]
    return site


@pytest.fixture
def browse(site):
    """Makes browsers that are closed at the end."""
    made = []

    def make(**kind):
        made.append(chromium.Browser(site.directory / f"chromium{len(made)}", **kind))
        return made[-1]
    yield make
    for browser in made:
        browser.close()


def _url(site, path):
    return f"http://127.0.0.1:{site.port}{path}"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_complete(pages, browse, scripts):
    browser = browse(scripts=scripts)
    for path in pages.paths:
        browser.open(_url(pages, path))
        assert "llama" in browser.text() or LONG in browser.text(), path
    browser.open(_url(pages, "/"))
    text = browser.text()
    assert "llama is down" in text and LONG in text
    for role in ("engine", "process", "notify", "web"):
        assert role in text
    browser.open(_url(pages, pages.paths[-1]))
    assert "<i>looking</i>" in browser.text()


def test_no_word_on_the_console(pages, browse):
    """A violation of the policy, a missing asset and a script error all speak there."""
    browser = browse()
    for path in pages.paths:
        browser.open(_url(pages, path))
        assert browser.console() == [], path


@pytest.mark.parametrize("width", [320, 390])
def test_phone(pages, browse, width):
    browser = browse(width=width)
    for path in pages.paths:
        browser.open(_url(pages, path))
        wide = browser.run("return document.scrollingElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} wide: {browser.run(WIDER)}"


SPILLS = """return [...document.querySelectorAll('.card')].flatMap(card =>
    [...card.querySelectorAll('code, h3, p, dd')].filter(e =>
        e.getBoundingClientRect().right > card.getBoundingClientRect().right)
    .map(e => e.textContent.slice(0, 80)))"""


def test_nothing_spills(site, browse):
    """The page of a host without services, on the narrowest phone."""
    site.start()
    browser = browse(width=320)
    for path in ("/", "/incidents", "/alerts", "/about", "/nothing"):
        browser.open(_url(site, path))
        assert browser.run(SPILLS) == [], path


BROKEN = """return [...document.querySelectorAll('.metric, .whole')].flatMap(e => [...e.childNodes])
    .filter(n => n.nodeType === Node.TEXT_NODE).map(n => {
        const range = document.createRange();
        range.selectNodeContents(n);
        return range.getClientRects().length === 1 ? '' : n.textContent;
    }).filter(text => text)"""


def test_words_stay_whole(pages, browse):
    """On a phone a metric's name breaks between its words and a time not at all."""
    pages.section("webhook", "gone", url=f"http://127.0.0.1:{free_port()}/")
    pages.reload()
    pages.servers["llama"].start()
    pages.wait_service("llama")
    pages.servers["llama"].kill()
    browser = browse(width=360)
    eventually(lambda: "Webhook gone" in pages.tcp.get("/").text, "the webhook that takes nothing")
    for path, shown in (("/", ".whole"), ("/about", ".whole"), (f"/services/{LONG}", ".metric")):
        browser.open(_url(pages, path))
        assert browser.run(f"return document.querySelectorAll('{shown}').length") > 0, path
        assert browser.run(BROKEN) == [], path


def test_dark(pages, browse):
    """The background follows what the person likes."""
    colours = set()
    for dark in (False, True):
        browser = browse(dark=dark)
        browser.open(_url(pages, "/"))
        if dark and not browser.run("return matchMedia('(prefers-color-scheme: dark)').matches"):
            pytest.skip("this Chromium cannot be told to be dark")
        colours.add(browser.run("return getComputedStyle(document.body).backgroundColor + "
                                "getComputedStyle(document.documentElement).backgroundColor"))
    assert len(colours) == 2


def test_structure(pages, browse):
    """What a screen reader stands on."""
    browser = browse()
    for path in pages.paths:
        browser.open(_url(pages, path))
        assert browser.run("return document.documentElement.lang") == "en", path
        assert browser.run("return document.title"), path
        assert browser.run("return document.querySelectorAll('h1').length") == 1, path
        assert browser.run("return document.querySelectorAll('main').length") == 1, path
        assert browser.run("return [...document.images].every(i => i.hasAttribute('alt'))"), path
        assert browser.run(
            "return [...document.querySelectorAll('table')].every(t => t.querySelector('th'))"
        ), path


def test_links_lead_somewhere(pages, browse):
    browser = browse()
    links = set()
    for path in pages.paths:
        browser.open(_url(pages, path))
        links.update(browser.run(
            "return [...document.links].map(a => a.href)"
            ".filter(h => h.startsWith(location.origin))"))
    for link in links:
        path = link.partition(f":{pages.port}")[2].partition("#")[0] or "/"
        assert pages.tcp.get(path).status == 200, path


def test_live_update(pages, browse):
    """With scripts the page follows what happens, without a reload by the person."""
    browser = browse()
    browser.open(_url(pages, "/"))
    assert "llama is down" in browser.text()
    pages.servers["llama"].start()
    eventually(lambda: "llama is down" not in browser.text(), "the page after the recovery")
