"""Names and texts from a store never become tags, formulas or addresses of the page."""

import re
import shlex

import pytest
from support.html_pages import ATTRIBUTES, TAGS, Page
from support.networks import leaky
from support.reported_runs import plan

import jumpsim as js
from jumpsim.reporting import markup
from jumpsim.run.block_task import run_block
from jumpsim.store import hdf5_layout
from jumpsim.store.outcome import Outcome
from jumpsim.utils import provenance

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</pre></table></style>",
    "$x_{ $\\frac", "&amp; & &lt;", "' onload='x", "<!-- -->]]>", "--><svg onload=x>",
)  # fmt: skip


def hostile_store(path, monkeypatch, pools):
    """Write a store in which every text that can be hostile is."""
    evil = " ".join(HOSTILE)
    model = leaky(evil[:190], pools, bath=HOSTILE[1] + HOSTILE[3], leak=evil[:180])
    names = ("jumpsim", "commit", "python", "platform", "cpu", "host", "command", "written")
    texts = dict.fromkeys(names, f"{evil}\x00\x1b[2J\u202e\ud800{evil}\nx")
    texts |= {"packages": {evil: evil}, evil: evil}
    monkeypatch.setattr(provenance, "context", lambda: texts)
    made = plan(model)
    pieces = [(0, 60, run_block(made, 0, 60)[0], 0)]
    hdf5_layout.write(path, made, pieces, Outcome.from_text(f"{evil}\x1b\u202e"))


@pytest.mark.parametrize("pools", [("a__b", "_"), ("אב", "_x'")])
def test_nothing_from_a_store_becomes_a_tag(tmp_path, monkeypatch, pools):
    path = tmp_path / "a <b>'\"&$(x).h5"
    hostile_store(path, monkeypatch, pools)
    parsed = Page(js.report(path))
    assert {tag for tag, _ in parsed.tags} <= TAGS
    for tag, attrs in parsed.tags:
        assert set(attrs) <= ATTRIBUTES, tag
    assert len(parsed.all("img")) >= 4  # the figures: no name broke one
    for name in HOSTILE:
        assert name in parsed.text
    assert "\\x00\\x1b[2J\\u202e\\ud800" in parsed.text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e\ud800-\udfff]", parsed.source)
    assert shlex.quote(str(path)) in parsed.text


@pytest.mark.usefixtures("bare")
def test_provenance_of_any_shape(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "context", lambda: [1, {"host": None}])
    made = plan(record=("counts",))
    outcome = Outcome.from_text("all is well")
    hdf5_layout.write(tmp_path / "a.h5", made, [(0, 9, run_block(made, 0, 9)[0], 0)], outcome)
    parsed = Page(js.report(tmp_path / "a.h5"))
    assert parsed.text.count("not known") >= 6


def test_text_escapes_what_it_should():
    assert markup.text("<a href='x\">&\n\t") == "&lt;a href=&#x27;x&quot;&gt;&amp;\\n\\t"
    assert markup.text("a\nb\x07", lines=True) == "a\nb\\x07"
    assert len(markup.text("x" * 10**6)) < 10_000
    assert markup.element("p", "", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;"></p>'
