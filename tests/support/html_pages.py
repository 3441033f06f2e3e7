"""Taking an HTML page apart, strictly."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "br", "hr", "link", "input", "source", "wbr"}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "div"),
    *("section", "nav", "ol", "ul", "li", "a", "strong", "table", "tr", "th", "td", "bdi"),
    *("pre", "code", "figure", "figcaption", "img"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "id", "class", "role", "tabindex"),
    *("aria-label", "scope", "href", "src", "alt", "width", "height"),
}


class Page(HTMLParser):
    """A page taken apart; refuses tags that do not nest."""

    def __init__(self, path):
        super().__init__()
        self.source = Path(path).read_bytes().decode()  # refuses what is not UTF-8
        self.stack, self.tags, self.texts = [], [], []
        self.feed(self.source)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):  # noqa: D102
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), "an attribute twice"
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):  # noqa: D102
        assert self.stack.pop() == tag

    def handle_data(self, data):  # noqa: D102
        self.texts.append((tuple(self.stack), data))

    def all(self, tag):
        """Attributes of every element of a tag."""
        return [attrs for name, attrs in self.tags if name == tag]

    def inside(self, tag):
        """Text of every element of a tag that holds no other one."""
        return [text for stack, text in self.texts if stack[-1:] == (tag,)]

    @property
    def text(self):
        """What a reader sees."""
        return "".join(text for stack, text in self.texts if "style" not in stack)
