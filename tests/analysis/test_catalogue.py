"""One entry for each analysis: names, options, documentation and results that follow from it."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from support.analyses import ANALYSES as CALLS

import jumpsim as js
from jumpsim.analysis.catalogue import ANALYSES
from jumpsim.analysis.declaration import REQUIRED
from jumpsim.cli.main import main
from jumpsim.utils.results import Result

ROOT = Path(__file__).parents[2]
BY_NAME = {analysis.name: analysis for analysis in ANALYSES}


@pytest.fixture(scope="module")
def ensemble():
    model = js.systems.hohlraum(tls=6, modes=4, gamma_tilde=1.0)
    record = ["counts", "jumps", "events"]
    return js.simulate(model, np.linspace(0, 4, 17), 64, {"N": 4, "m": 0}, seed=1, record=record)


def test_names_are_there_once():
    names = [name for analysis in ANALYSES for name in analysis.public]
    assert len(names) == len(set(names))
    sections = [s.function or a.name for a in ANALYSES for s in a.sections]
    assert len(sections) == len(set(sections))


@pytest.mark.parametrize("name", BY_NAME)
def test_command_function_and_figure_share_a_name(name):
    analysis = BY_NAME[name]
    assert getattr(js, name) is analysis.function(name)
    assert hasattr(js.plotting, name) is analysis.figure
    for each in analysis.public:
        assert getattr(js, each).__name__ == each
        assert getattr(js, each).__module__ == f"jumpsim.{analysis.public[each]}"


@pytest.mark.parametrize("name", BY_NAME)
def test_options_are_keywords_with_the_same_defaults(name):
    analysis = BY_NAME[name]
    keywords = {}
    for function in (analysis.each or name, analysis.together):
        if function not in ("", "run"):
            keywords |= inspect.signature(analysis.function(function)).parameters
    for option in analysis.options:
        default = keywords[option.name].default
        needed = option.default is REQUIRED
        assert default is inspect.Parameter.empty if needed else default == option.default


@pytest.mark.parametrize("call", CALLS)
def test_every_result_has_the_same_base(ensemble, call):
    result = CALLS[call](ensemble)
    assert isinstance(result, Result)
    assert repr(result).startswith(f"<{type(result).__name__}: ")
    assert "\n" not in repr(result)
    assert len(repr(result)) < 160
    assert isinstance(result.verdict, str)
    assert len(result.verdict) > 10
    assert len(str(result)) >= len(repr(result)) - 40
    for name, array in result.arrays().items():
        assert array is getattr(result, name)


def test_facts_and_arrays(ensemble):
    found = js.counting(ensemble, "emission")
    assert repr(found) == (
        "<Counting: counts of emission in 16 windows, 64 trajectories of hohlraum>"
    )
    shapes = {name: array.shape for name, array in found.arrays().items()}
    assert shapes["cumulants"] == (4, 16)
    assert set(shapes) == {"windows", "cumulants", "errors", "fano", "fano_error"}


def test_results_of_several_runs(ensemble):
    large = js.simulate(
        ensemble.model.scaled(2), ensemble.times, 64, {"N": 8, "m": 0}, seed=2,
        record=["counts", "events"],
    )  # fmt: skip
    study = BY_NAME["typicality"].result([large, ensemble], epsilon=0.2)
    assert [run.ensemble for run in study.runs] == [ensemble, large]
    assert "within 0.2 in m: " in str(study)
    assert study.verdict.count("\n") == 3
    falling = BY_NAME["clausius"].result([ensemble, large], after="0.25 s", until=1.0)
    assert (falling.families[0][0].begin, falling.families[0][0].end) == (0.25, 1.0)
    assert falling.verdict.startswith("hohlraum: ")
    for result in (study, study.scaling, study.signs_scaling, falling):
        assert isinstance(result, Result)
        assert "2 " in repr(result)
        assert result.verdict


def test_an_audit_of_a_run_and_of_a_parameter_file(ensemble, capsys):
    result = js.audit_run(ensemble)
    assert result.verdict == js.audit(ensemble.model, ensemble.initial).verdict
    assert repr(result) == "<RunAudit: hohlraum, detailed balance>"
    assert main(["audit", str(ROOT / "data" / "open_waveguide.toml")]) == 0
    assert "\n\npremises of the golden rule\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["waiting", "a.h5"], "the command 'waiting' is called 'waiting_times'"),
        (["passage", "a.h5"], "the command 'passage' is called 'first_passages'"),
        (["theorem", "a.h5"], "the command 'theorem' is called 'fluctuation_theorem'"),
        (["levels", "a.h5"], "the command 'levels' is called 'level_thermodynamics'"),
        (["rabi", "a.h5"], "the command 'rabi' is called 'rabi_onset'"),
        (["waiting-times", "a.h5"], "the command 'waiting-times' is called 'waiting_times'"),
        (["coincidences", "a.h5", "x", "--begin", "1 us"], "(--begin is now called --after)"),
        (["clausius", "a.h5", "--end", "1 us"], "(--end is now called --until)"),
        (["waiting_times", "a.h5", "x", "--after", "y"], "--after: `TIME` must be a time such as"),
        (["counting", "a.h5", "x=y"], "a weight must be a number, as in NAME=-1, but is 'x=y'"),
    ],
)
def test_former_commands_name_the_present_ones(capsys, words, message):
    with pytest.raises(SystemExit) as stop:
        main(words)
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert message in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)
