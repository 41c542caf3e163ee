"""The page: complete, small, self-contained, and proof against hostile names."""

from __future__ import annotations

import builtins
import itertools
import re
from html.parser import HTMLParser

import pytest

import gpusynth.report
from gpusynth.errors import BackendUnavailableError, DataError, OutputError
from gpusynth.evaluate.results import write_evaluation
from gpusynth.report import render_html, write_html

VOID = {"meta", "input", "br", "img", "link", "hr"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(text)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(wide) -> str:
    return render_html(wide)


def test_page_is_well_formed_and_small(page, wide):
    reader = Reader(page)
    assert reader.open == []
    assert len(wide.columns) == 130
    assert len(page.encode()) < 3_000_000
    articles = [a for a in reader.named("article") if a.get("data-name")]
    assert {a["data-name"] for a in articles} == {c.name for c in wide.columns}


def test_page_needs_nothing_else(page):
    reader = Reader(page)
    for tag, attributes in reader.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not attributes.get("src")
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in page
    assert "@import" not in page
    policy = next(a for a in reader.named("meta") if a.get("http-equiv"))
    assert (policy["content"] or "").startswith("default-src 'none'")


def test_every_picture_is_described(page):
    for attributes in Reader(page).named("svg"):
        assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")


def test_links_and_identifiers_match(page):
    reader = Reader(page)
    names = [a["id"] for _, a in reader.tags if a.get("id")]
    assert len(names) == len(set(names))
    targets = {(a.get("href") or "")[1:] for a in reader.named("a")}
    assert targets <= set(names)


def test_headings_descend_one_by_one(page):
    levels = [int(tag[1]) for tag, _ in Reader(page).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_hostile_names_stay_text(hostile):
    page = render_html(hostile)
    reader = Reader(page)
    assert reader.open == []
    assert len(reader.named("script")) == 2
    assert not reader.named("img")
    assert "<b>bold" not in page
    assert "alert(1)</script>" not in page
    assert "{{ 7 * 7 }}" in " ".join(reader.words)
    assert "49" not in [word.strip() for word in reader.words]


def test_same_results_same_bytes(wide, tmp_path, page):
    assert render_html(wide) == page
    write_evaluation(wide, tmp_path / "e.json")
    gpusynth.report(tmp_path / "e.json", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == page


def test_nothing_half_written(wide, tmp_path):
    with pytest.raises(OutputError, match="Make the directory first"):
        write_html(wide, tmp_path / "missing" / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_without_jinja2(wide, tmp_path, monkeypatch):
    known = builtins.__import__

    def without(name, *rest, **named):
        if name == "jinja2":
            raise ImportError(name)
        return known(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BackendUnavailableError, match=r"gpusynth\[report\]"):
        write_html(wide, tmp_path / "r.html")


def test_no_evaluation(tmp_path):
    (tmp_path / "e.json").write_text('{"format": "something", "secret": 12345}')
    with pytest.raises(DataError, match=r"e\.json is no evaluation") as caught:
        gpusynth.report(tmp_path / "e.json", tmp_path / "r.html")
    assert "12345" not in str(caught.value)
    assert not (tmp_path / "r.html").exists()
