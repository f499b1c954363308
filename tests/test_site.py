"""The documentation site. That its links lead somewhere and no page is left out, `mkdocs build --strict` checks."""

from html.parser import HTMLParser

import pytest
from markdown import Markdown
from markdown_it import MarkdownIt
from mkdocs.config import load_config
from support.commands import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
ITEMS = ("h1", "h2", "h3", "h4", "li", "pre", "td", "th", "img")


@pytest.fixture(scope="module")
def site():
    """What turns a page into HTML for the site."""
    config = load_config(str(ROOT / "mkdocs.yml"))
    config = config.plugins.on_config(config)
    return Markdown(extensions=config.markdown_extensions, extension_configs=config.mdx_configs)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_site_shows_what_github_shows(page, site):
    """Two readers of Markdown, one outline: Python-Markdown differs in lists, escapes and what may follow what."""
    text = page.read_text(encoding="utf-8")
    assert Outline.of(site.reset().convert(text)) == Outline.of(MarkdownIt().enable("table").render(text))


class Outline(HTMLParser):
    """Headings, items, blocks and cells, each with the words up to the next."""

    @classmethod
    def of(cls, html):
        """The outline of a page."""
        outline = cls()
        outline.parts = [["", ""]]
        outline.feed(html)
        return [(tag, "".join(words.split())) for tag, words in outline.parts]

    def handle_starttag(self, tag, attrs):
        """A part begins."""
        if tag in ITEMS:
            self.parts.append([tag, dict(attrs).get("src", "")])

    def handle_data(self, data):
        """Its words, without the sign that links to a heading."""
        self.parts[-1][1] += data.replace("¶", "")
