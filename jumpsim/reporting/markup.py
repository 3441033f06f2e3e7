"""HTML elements: all tags are written and all strings are escaped in this module."""

import base64
import html
import io
import shlex
import string
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..plotting.style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST = 4000  # characters of a text from a store
_LARGEST_SVG = 300_000  # bytes; a larger figure is written as PNG
_DOTS_PER_INCH = 170
_PIXELS_PER_INCH = 96  # of CSS

_PAGE = string.Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
$style
</style>
</head>
<body>
<main>
$body
</main>
</body>
</html>
""")

_STYLE = """
:root { color-scheme: light dark; --line: #c9ced6; --soft: #f3f5f8; --warn: #fff1d6; --bad: #ffe3de;
  --text: #1b1f24; --back: #ffffff; --link: #0b5394; }
@media (prefers-color-scheme: dark) {
  :root { --line: #444c56; --soft: #22272e; --warn: #4a3708; --bad: #5a1e16; --text: #e6e9ed;
    --back: #15181c; --link: #8fbdf0; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--back); color: var(--text); line-height: 1.5;
  font-family: system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 0.5rem; padding-top: 0.8rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 0.4rem; }
a { color: var(--link); }
nav ol { padding-left: 1.6rem; }
nav li { margin: 0.35rem 0; font-size: 0.93rem; }
.notice { border-left: 0.4rem solid #c98200; background: var(--warn); padding: 0.6rem 0.9rem;
  margin: 0 0 1rem; }
.notice.bad { border-color: #c1270e; background: var(--bad); }
.notice ul { margin: 0.3rem 0 0; padding-left: 1.2rem; }
.question { font-style: italic; margin: 0 0 0.4rem; }
.verdict { font-weight: 600; margin: 0.4rem 0 0.8rem; }
.box { overflow-x: auto; margin: 0.6rem 0; border: 1px solid var(--line); border-radius: 4px; }
pre { margin: 0; padding: 0.7rem 0.8rem; width: max-content; min-width: 100%; font-size: 0.82rem;
  line-height: 1.4; white-space: pre; overflow-wrap: normal; direction: ltr;
  unicode-bidi: bidi-override; font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono",
  monospace; background: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.7rem;
  border-top: 1px solid var(--line); }
tr:first-child th, tr:first-child td { border-top: 0; }
th { width: 7.5rem; font-weight: 600; overflow-wrap: normal; }
figure { margin: 1rem 0; }
.drawn { background: #ffffff; }
.drawn img { display: block; height: auto; max-width: max(100%, 60rem); margin: 0 auto; }
figcaption { margin-top: 0.3rem; font-size: 0.9rem; }
code { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 0.88em; background: var(--soft); padding: 0.1em 0.3em; }
@media print { .box { overflow: visible; } pre { width: auto; white-space: pre-wrap; } }
""".strip()


def text(value: str, lines: bool = False) -> str:
    """Escape any string; characters that are not printable are replaced by their codes.

    Parameters
    ----------
    value : str
    lines : bool
        Whether line ends are kept.

    Returns
    -------
    str
        HTML.
    """
    value = value if len(value) <= _LONGEST or lines else f"{value[:_LONGEST]} ... (truncated)"
    shown = (c if c.isprintable() or (lines and c == "\n") else _code(c) for c in value)
    return html.escape("".join(shown), quote=True)


def _code(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def sentence(words: str) -> str:
    """Escaped text as a sentence, with a capital letter and a full stop."""
    escaped = text(words[:1].upper() + words[1:])
    return escaped if escaped.endswith(".") else f"{escaped}."


def element(tag: str, inner: str, **attributes: str | int) -> str:
    """HTML element; attributes are escaped ("kind" is written as "class", "aria" as "aria-label").

    Parameters
    ----------
    tag : str
    inner : str
        HTML.
    **attributes
    """
    names = {"kind": "class", "aria": "aria-label"}
    given = "".join(f' {names.get(k, k)}="{text(str(v))}"' for k, v in attributes.items())
    return f"<{tag}{given}>{inner}</{tag}>"


def box(inner: str, label: str, kind: str = "box") -> str:
    """Box with a horizontal scroll bar for wide content, which the keyboard can scroll."""
    return element("div", inner, kind=kind, role="group", tabindex=0, aria=label)


def printed(lines: str, label: str) -> str:
    """Printed table in a fixed-width font."""
    return box(element("pre", text(lines, lines=True)), label)


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """Table of (name, text) pairs."""
    cells = (
        element("tr", element("th", text(name), scope="row") + element("td", bdi(value)))
        for name, value in pairs
    )
    return element("table", "\n".join(cells))


def bdi(value: str) -> str:
    """Text from a store, which may be written from right to left."""
    return element("bdi", text(value))


def command(words: Sequence[str]) -> str:
    """Command, quoted for the shell."""
    return element("code", text(shlex.join(words)))


def picture(draw: Callable[[], "Figure"]) -> tuple[str, bytes, tuple[float, float]]:
    """Draw a figure as SVG, or as PNG if the SVG is too large.

    Parameters
    ----------
    draw : callable
        Returns a `matplotlib.figure.Figure`. Values that cannot be drawn (the temperature of an
        empty pool, a character missing in the font) are omitted without a warning.

    Returns
    -------
    media_type : str
        "image/svg+xml" or "image/png".
    content : bytes
    size : tuple of float
        Width and height, inches.
    """
    import matplotlib as mpl

    settings = {**STYLE, "svg.hashsalt": "jumpsim", "svg.fonttype": "path"}
    with np.errstate(all="ignore"), mpl.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        drawn, out = draw(), io.BytesIO()
        width, height = (float(side) for side in drawn.get_size_inches())
        drawn.savefig(out, format="svg", metadata={"Date": None}, facecolor="white")
        if out.tell() <= _LARGEST_SVG:
            return "image/svg+xml", out.getvalue(), (width, height)
        out = io.BytesIO()
        drawn.savefig(out, format="png", dpi=_DOTS_PER_INCH, facecolor="white")
    return "image/png", out.getvalue(), (width, height)


def figure(
    media_type: str, content: bytes, inches: tuple[float, float], alt: str, words: Sequence[str]
) -> str:
    """Figure with its description in words and the command that draws it.

    Parameters
    ----------
    media_type, content, inches
        As returned by `picture`.
    alt : str
        Description of the figure.
    words : sequence of str
        Words of the command.

    Returns
    -------
    str
        HTML.
    """
    width, height = (round(side * _PIXELS_PER_INCH) for side in inches)
    data = base64.b64encode(content).decode("ascii")
    source = f"data:{media_type};base64,{data}"
    image = f'<img src="{source}" width="{width}" height="{height}" alt="{text(alt)}">'
    caption = element("figcaption", f"Command for this figure: {command(words)}")
    return element("figure", f"{box(image, 'figure', 'box drawn')}\n{caption}")


def page(title: str, body: str) -> str:
    """Complete HTML page.

    Parameters
    ----------
    title : str
        Text; it is escaped.
    body : str
        HTML.
    """
    return _PAGE.substitute(title=text(title), style=_STYLE, body=body)
