"""Rabi oscillation in the emission time of the first photon, for several couplings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from ...errors import InputError
from ...statistics.chi_square import chi_square_p_value
from ...store.ensemble import Ensemble
from ...systems import two_level
from ...systems.twolevel.parameters import ModeParameters
from ...systems.twolevel.quantum_jumps import PHOTON_LOSS, TwoLevel
from ...theory import first_passage
from ...theory.first_passage import Passage
from ...theory.twolevel import waiting_times as quantum_jumps
from ...utils.results import Result
from ...utils.tables import columns
from ...utils.typing import Array, IntArray
from ..averages.hotelling import FALSE_ALARM
from ..requirements import require_record, require_trajectories
from .waiting_times import waiting_times

_LEAST = 500  # trajectories
_BINS = 40
_LEAST_EXPECTED = 10  # expected number of photons in a bin of the χ² test
_FINER = 20  # points of the exact distributions in each bin
_PHOTONS = 40  # truncation of the golden rule: photons in addition to those at the start


@dataclass(frozen=True, eq=False, repr=False)
class RabiOnset(Result):
    """Emission times of the first photon, for runs with different couplings.

    Attributes
    ----------
    ensembles : list of Ensemble
        By increasing coupling.
    edges : ndarray, shape (n_bins + 1,)
        Limits of the bins, seconds.
    density, error : ndarray, shape (n_ensembles, n_bins)
        Probability density of the emission time (histogram), per second, and its standard error.
    fine : ndarray, shape (n_fine,)
        Times of `exact` and `golden`, seconds.
    exact, golden : ndarray, shape (n_ensembles, n_fine)
        Probability densities from the density matrix and from the golden rule, per second.
    p_exact, p_golden : ndarray, shape (n_ensembles,)
        p-values of the χ² tests of the histogram against both distributions.
    """

    ensembles: list[Ensemble]
    edges: Array
    density: Array
    error: Array
    fine: Array
    exact: Array
    golden: Array
    p_exact: Array
    p_golden: Array

    @property
    def facts(self) -> str:
        """Number of couplings."""
        return f"{len(self.ensembles)} couplings"

    @property
    def verdict(self) -> str:
        """Number of runs that agree with each distribution."""
        n = len(self.ensembles)
        counts = [int((p >= FALSE_ALARM).sum()) for p in (self.p_exact, self.p_golden)]
        return (
            f"the density matrix agrees in {counts[0]} of {n} runs, the golden rule in "
            f"{counts[1]} (by chance alone p < {FALSE_ALARM:g} in {FALSE_ALARM:.0%} of runs)"
        )

    def __str__(self) -> str:
        rows = []
        for k, ensemble in enumerate(self.ensembles):
            model = _mode_model(ensemble)
            rows.append(
                (
                    f"{model.coupling:.4g}",
                    f"{4 * model.coupling / model.parameters.width:.3g}",
                    f"{ensemble.ntraj}",
                    _agreement(self.p_exact[k]),
                    _agreement(self.p_golden[k]),
                )
            )
        head = ("coupling g", "4g/Γ", "trajectories", "density matrix", "golden rule")
        return "\n".join(
            [
                f"first '{PHOTON_LOSS}' of quantum-jump trajectories (χ² test of the histogram; by "
                f"chance alone p < {FALSE_ALARM:g} in {FALSE_ALARM:.0%} of runs)",
                "",
                *columns(rows, head, right=(0, 1, 2)),
            ]
        )


def rabi_onset(ensembles: Sequence[Ensemble]) -> RabiOnset:
    """Compare the emission time of the first photon with density matrix and golden rule.

    Parameters
    ----------
    ensembles : sequence of Ensemble
        Of models with quantum jumps and a quantised mode, which differ only in the coupling;
        recorded with "events". At least 500 trajectories each.

    Returns
    -------
    RabiOnset
        Printable; `plotting.rabi_onset` draws it.

    Raises
    ------
    InputError
        When there is no ensemble, one has another model or too few trajectories, or events are not
        recorded.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.two_level_mode(
    ...     E_u=10.0, E_l=0.0, omega_cav=10.0, g=2.0, gamma_u=0.1, gamma_l=0.1, gamma_b=0.5,
    ...     f_u=0.95, f_l=0.05, n_b=0.0,
    ... )
    >>> start = {"u": 1, "l": 0, "photon": 0}
    >>> run = js.simulate(model, [5.0], 500, start, 1, ["events"], progress=False)
    >>> js.rabi_onset([run]).facts
    '1 couplings'
    """
    if not ensembles:
        raise InputError("at least one ensemble is needed")
    for ensemble in ensembles:
        _check(ensemble, ensembles[0])
    ordered = sorted(ensembles, key=lambda e: _mode_model(e).coupling)
    end = min(float(e.times[-1]) for e in ordered)
    edges = np.linspace(0, end, _BINS + 1)
    fine = np.linspace(0, end, _BINS * _FINER + 1)
    found = [_histogram(ensemble, edges) for ensemble in ordered]
    theories = [_theories(ensemble, fine) for ensemble in ordered]
    p_values = [
        [_chi_square(numbers, e.ntraj, theory.survival[::_FINER]) for theory in pair]
        for (numbers, *_), e, pair in zip(found, ordered, theories, strict=True)
    ]
    exact, golden = (np.array([pair[k].density for pair in theories]) for k in range(2))
    p_exact, p_golden = np.array(p_values).T
    _, density, error = (np.array(values) for values in zip(*found, strict=True))
    return RabiOnset(ordered, edges, density, error, fine, exact, golden, p_exact, p_golden)


def _mode_model(ensemble: Ensemble) -> TwoLevel:
    return cast("TwoLevel", ensemble.model)


def _check(ensemble: Ensemble, first: Ensemble) -> None:
    """Check that a run differs from the first one only in the coupling."""
    model = ensemble.model
    if not isinstance(getattr(model, "parameters", None), ModeParameters):
        raise InputError(f"{model.name} has no quantised mode that exchanges quanta coherently")
    require_record(ensemble, "events", "the first photon needs every event")
    require_trajectories(ensemble, _LEAST, "a histogram needs")
    own, other = ({**e.model.asdict(), "coupling": 0} for e in (ensemble, first))
    if own != other or ensemble.initial != first.initial:
        raise InputError("these runs differ in more than the coupling; vary only `parameters.g`")


def _histogram(ensemble: Ensemble, edges: Array) -> tuple[IntArray, Array, Array]:
    """Number of first photons in each bin, probability density, and its standard error."""
    waits = waiting_times(ensemble, PHOTON_LOSS, max_states=0)
    numbers, _ = np.histogram(waits.durations[waits.ended], edges)
    norm = ensemble.ntraj * np.diff(edges)
    part = (numbers + 1) / (ensemble.ntraj + 2)  # an empty bin has an error as well
    error = np.sqrt(ensemble.ntraj * part * (1 - part)) / norm
    return numbers, numbers / norm, error


def _theories(ensemble: Ensemble, times: Array) -> tuple[Passage, Passage]:
    """Distributions of the density matrix and of the golden rule."""
    quantum, initial = _mode_model(ensemble), ensemble.initial
    p = cast("ModeParameters", quantum.parameters)
    exact = quantum_jumps.waiting_time_distribution(quantum, times, initial, [PHOTON_LOSS])
    model = two_level(abs(p.g), p.detuning, p.gamma_u, p.gamma_l, p.gamma_b, p.f_u, p.f_l, p.n_b)
    most = int(initial.draw(model, 0, 0, 1000)[:, model.pools.index("photon")].max()) + _PHOTONS
    golden = first_passage.waiting_time_distribution(
        model, times, initial, PHOTON_LOSS, truncate={"photon": most}
    )
    return exact, golden


def _chi_square(numbers: IntArray, n: int, survival: Array) -> float:
    """p-value of the χ² test of the numbers in the bins and after the last bin."""
    expected = np.append(-np.diff(survival), survival[-1]) * n
    observed = np.append(numbers, n - numbers.sum()).astype(float)
    p = chi_square_p_value(observed, expected, _LEAST_EXPECTED)
    return np.nan if p is None else p


def _agreement(p: float) -> str:
    return f"{'agrees' if p >= FALSE_ALARM else 'DISAGREES'}, p = {p:.3g}"
