"""Baths of pools without energies: events are counted, heat is refused with the reason."""

import numpy as np
import pytest

import jumpsim as js
from jumpsim.cli.main import main

REFUSED = r"events of bath 'outside' carry no energy.* give the pools an energy, or .*\(emit\)"


def emitter(pool):
    channels = [
        js.Channel("pump", 3.0, {}, {"m": 1}),
        js.Channel("emit", 2.0, {"m": 1}, bath="outside"),
    ]
    return js.Model([pool], channels, name="emitter")


@pytest.fixture(scope="module")
def light():
    model = emitter(js.Pool.mass_action("m"))
    return js.simulate(
        model, [4.0, 5.0, 10.0, 20.0], 200, {"m": 0}, 1, ["events", "jumps", "counts"],
        progress=False,
    )  # fmt: skip


def test_coincidences_count_the_events(light):
    found = js.coincidences(light, "outside", after=4.0, longest=1.0, bins=3)
    named = js.coincidences(light, "emit", after=4.0, longest=1.0, bins=3)
    assert found.g2.tolist() == named.g2.tolist()
    assert found.g2[0] == pytest.approx(1.0, abs=0.1)  # Poisson: independent arrivals and lives


def test_a_bath_counts_all_its_channels():
    """Elastic scattering into a bath carries no energy, but it is an event."""
    model = js.Model(
        [js.Pool.tls("m", 1)],
        [
            js.Channel("pump", 3.0, {}, {"m": 1}),
            js.Channel("emit", 2.0, {"m": 1}, bath="outside"),
            js.Channel("scatter", 5.0, bath="outside"),
        ],
    )
    run = js.simulate(model, [10.0, 20.0], 50, {"m": 0}, 1, ["events", "jumps"], progress=False)
    both = js.coincidences(run, ["emit", "scatter"], after=4.0, longest=1.0, bins=3)
    bath = js.coincidences(run, "outside", after=4.0, longest=1.0, bins=3)
    assert bath.g2.tolist() == both.g2.tolist()


def test_heat_is_refused(light):
    for analysis in (
        lambda: js.counting(light, "outside"),
        lambda: js.uncertainty(light, "outside", after=4.0),
        lambda: js.count_cumulants(light.model, [1.0], {"m": 0}, "outside", truncate={"m": 30}),
    ):
        with pytest.raises(js.InputError, match=REFUSED):
            analysis()
    assert js.counting(light, "emit").cumulants[0, -1] > 10


def test_heat_of_pools_with_energies():
    model = emitter(js.Pool.tls("m", 1))
    run = js.simulate(model, [5.0, 20.0], 50, {"m": 0}, 1, ["events", "jumps"], progress=False)
    heat, events = (js.counting(run, what).cumulants for what in ("outside", "emit"))
    np.testing.assert_array_equal(heat, events)


def test_on_the_command_line(tmp_path, capsys):
    model = emitter(js.Pool.mass_action("m"))
    out = tmp_path / "light.h5"
    js.simulate(model, [5.0, 20.0], 50, {"m": 0}, 1, ["jumps"], store=out, progress=False)
    assert main(["counting", str(out), "outside"]) == 2
    text = capsys.readouterr().err
    assert "carry no energy" in text
    assert text.count("\n") == 1
