"""Reports without their slowest parts."""

import pytest

from jumpsim.reporting import page


@pytest.fixture(autouse=True)
def _quick(request, monkeypatch):
    """Leave out the tail of the deviations, which takes a second."""
    if "whole" not in request.fixturenames:
        monkeypatch.setattr("jumpsim.analysis.fluctuations.typicality_study.LEAST", 10**9)


@pytest.fixture
def bare(monkeypatch):
    """Ask nothing, which is quick."""
    monkeypatch.setattr(page, "SECTIONS", [])
