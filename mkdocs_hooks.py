"""Lists as on GitHub: Python-Markdown by itself wants their texts indented by four spaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown.blockprocessors import ListIndentProcessor, OListProcessor, UListProcessor
from markdown.extensions import Extension

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from markdown import Markdown
    from mkdocs.config.defaults import MkDocsConfig


def on_config(config: MkDocsConfig) -> None:
    """MkDocs calls this with the configuration that it has read."""
    config.markdown_extensions.append(Lists())


class Lists(Extension):
    """Two spaces indent what belongs to an item; code blocks outside of lists keep their four."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name is Python-Markdown's
        """Make the processors of lists again: each reads `tab_length` when it is made."""
        code, md.tab_length = md.tab_length, 2
        md.parser.blockprocessors.register(Indented(md.parser), "indent", 90)
        md.parser.blockprocessors.register(OListProcessor(md.parser), "olist", 40)
        md.parser.blockprocessors.register(UListProcessor(md.parser), "ulist", 30)
        md.tab_length = code


class Indented(ListIndentProcessor):
    """A further paragraph of an item. The next item ends it, without an empty line between them."""

    def run(self, parent: Element, blocks: list[str]) -> None:
        """Process the paragraph; put back what follows it."""
        blocks[:1] = re.split(r"\n(?=[*+-] |\d+\. )", blocks[0], maxsplit=1)
        super().run(parent, blocks)
