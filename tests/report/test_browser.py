"""The page in headless Chromium: no errors, tooltips, search and sorting, both styles, print."""

from __future__ import annotations

import struct

import pytest

from gpusynth.report import write_html
from tests.report.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

CENTRE = """(async () => {{
  const e = {element};
  e.scrollIntoView({{block: 'center', behavior: 'instant'}});
  // the scroll event, which hides tooltips, comes with the next frame
  for (const _ of [1, 2]) await new Promise((done) => requestAnimationFrame(done));
  const b = e.getBoundingClientRect();
  return [b.left + b.width * {across}, b.top + b.height * {down}];
}})()"""

ROWS = "[...document.querySelectorAll('#table-attribute tbody tr')]"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture
def page(browser, wide, tmp_path):
    write_html(wide, tmp_path / "report.html")
    browser.problems.clear()
    browser.size(1280, 900)
    browser.prefer("light")
    browser.open((tmp_path / "report.html").as_uri())
    yield browser
    assert browser.problems == []


def centre(page: Browser, element: str, across: float = 0.5, down: float = 0.5) -> list[float]:
    return page.run(CENTRE.format(element=element, across=across, down=down))


def shown_cards(page: Browser) -> list[str]:
    return page.run(
        "[...document.querySelectorAll('#column-cards > .column')]"
        ".filter(c => !c.hidden).map(c => c.dataset.name)"
    )


def test_opens_quickly(page, wide, tmp_path):
    """Issue: under 2 s at 130 columns; the best of three, since the machine is shared."""
    seconds = [page.open((tmp_path / "report.html").as_uri()) for _ in range(3)]
    assert min(seconds) < 2.0
    assert page.run("document.title").startswith("Evaluation of")


def test_no_script_is_let_in(browser, hostile, tmp_path):
    write_html(hostile, tmp_path / "hostile.html")
    browser.problems.clear()
    browser.open((tmp_path / "hostile.html").as_uri())
    assert browser.problems == []
    assert browser.run("document.querySelectorAll('main img, main script:not([type])').length") == 0
    name = browser.run("document.querySelector('#column-cards h3').textContent")
    assert name in {column.name for column in hostile.columns}


def test_search(page):
    assert len(shown_cards(page)) == 130
    type_in = "(e => {{ e.value = {!r}; e.dispatchEvent(new Event('input')); }})({})"
    page.run(type_in.format("receipts", "document.querySelector('#find')"))
    cards = shown_cards(page)
    assert cards
    assert all("RECEIPTS" in name for name in cards)
    assert page.run("document.querySelector('#count').textContent") == f"{len(cards)} of 130"
    rows = page.run(
        "[...document.querySelectorAll('#column-table tbody tr')].filter(r => !r.hidden).length"
    )
    assert rows == len(cards)
    page.run(type_in.format("no such column", "document.querySelector('#find')"))
    assert shown_cards(page) == []
    assert page.run("document.querySelector('#nothing').hidden") is False


@pytest.mark.parametrize("order", ["excess", "ratio", "distance", "pairs", "name", "position"])
def test_sorting_of_cards(page, wide, order):
    page.run(
        "(e => { e.value = %r; e.dispatchEvent(new Event('change')); })"  # noqa: UP031
        "(document.querySelector('#order'))" % order
    )
    cards = shown_cards(page)
    columns = {column.name: column for column in wide.columns}
    if order == "position":
        assert cards == list(columns)
    elif order == "distance":
        values = [columns[name].distance.mean for name in cards]
        assert values == sorted(values, reverse=True)
    elif order == "pairs":
        values = [columns[name].pair_distance for name in cards]
        assert values == sorted(values, reverse=True)
    elif order == "name":
        assert cards[0] < cards[-1]
    assert sorted(cards) == sorted(columns)


def test_sorting_of_a_table(page):
    read = ROWS + ".map(r => r.cells[0].textContent)"
    press = "document.querySelectorAll('#table-attribute thead button')[0].click()"
    page.run(press)
    ascending = page.run(read)
    state = "document.querySelectorAll('#table-attribute thead th')[0].getAttribute('aria-sort')"
    assert page.run(state) == "ascending"
    page.run(press)
    assert page.run(read) == ascending[::-1]
    assert page.run(state) == "descending"
    numbers = ROWS + ".map(r => +r.cells[1].dataset.value)"
    page.run("document.querySelectorAll('#table-attribute thead button')[1].click()")
    values = page.run(numbers)
    assert values == sorted(values, reverse=True)


def test_tooltip_of_a_bar(page, wide):
    x, y = centre(page, "document.querySelector('#column-cards [data-tip]')")
    page.move(x, y)
    assert page.run("document.querySelector('#tip').hidden") is False
    told = page.run("document.querySelector('#tip').textContent")
    wanted = page.run("document.querySelector('#column-cards [data-tip]').dataset.tip").split("\n")
    assert all(part in told for part in wanted)
    page.move(2, 2)
    assert page.run("document.querySelector('#tip').hidden") is True


def test_tooltip_of_a_pair(page, wide):
    """The cell in row 4 and column 9 of the map is pair (4, 9)."""
    n = len(wide.columns)
    map_ = "document.querySelector('[data-heat]')"
    page.move(*centre(page, map_, 9.5 / n, 4.5 / n))
    told = page.run("document.querySelector('#tip').textContent")
    at = 4 * n - 4 * 5 // 2 + 9 - 4 - 1
    names = wide.pairs.columns
    assert told.startswith(f"{names[4]} \u00d7 {names[9]}")
    assert f"{wide.pairs.distance[at]:.3f}" in told


def test_keyboard(page):
    """Arrow keys move within a plot; what is shown is also said."""
    page.run("document.querySelector('#column-cards svg.plot').focus({preventScroll: false})")
    page.press("ArrowRight")
    first = page.run("document.querySelector('#spoken').textContent")
    page.press("ArrowRight")
    second = page.run("document.querySelector('#spoken').textContent")
    assert ": real " in first
    assert first != second
    page.press("Escape")
    assert page.run("document.querySelector('#tip').hidden") is True
    page.run("document.querySelector('[data-heat]').focus()")
    page.press("ArrowRight")
    assert "distance" in page.run("document.querySelector('#spoken').textContent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
def test_fits_and_can_be_read(page, tmp_path, width, scheme):
    """Nothing is wider than the window; text has the contrast that WCAG 2 AA asks for."""
    page.size(width, 900)
    page.prefer(scheme)
    page.open((tmp_path / "report.html").as_uri())
    assert page.run("document.documentElement.scrollWidth") == width
    poor = page.run(
        """(() => {
          const light = (c) => {
            const v = c.match(/[\\d.]+/g).slice(0, 3).map(Number).map((n) => n / 255)
              .map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4));
            return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
          };
          const ground = (e) => {
            for (let at = e; at; at = at.parentElement) {
              const c = getComputedStyle(at).backgroundColor;
              if (!/, 0\\)$|transparent/.test(c)) return c;
            }
            return 'rgb(255, 255, 255)';
          };
          const poor = new Set();
          for (const e of document.querySelectorAll('p, h1, h2, h3, td, th, a, span, dt, dd, text,'
              + ' summary, label, li, figcaption')) {
            const s = getComputedStyle(e);
            const ink = e.tagName === 'text' ? s.fill : s.color;
            const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x);
            if ((a + 0.05) / (b + 0.05) < 4.5) poor.add(`${e.tagName} ${e.className} ${ink}`);
          }
          return [...poor].slice(0, 5);
        })()"""
    )
    assert poor == []
    page.picture(tmp_path / "page.png")
    content = (tmp_path / "page.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (width, 900)


def test_print(page, tmp_path):
    """A printed page opens what is folded, and folds it again."""
    folded = "document.querySelectorAll('details:not([open])').length"
    before = page.run(folded)
    assert before > 0
    page.print(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert page.run(folded) == before
    page.prefer("dark", medium="print")
    colour = page.run("getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('.contents')).display") == "none"
