"""Rabi oscillation in the jump record: when the first photon leaves, for several couplings."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...statistics.chi_square import chi_square_p_value
from ...store.ensemble import Ensemble
from ...systems import two_level
from ...systems.twolevel.parameters import ModeParameters
from ...systems.twolevel.quantum_jumps import PHOTON_LOSS
from ...theory import first_passage
from ...theory.twolevel import waiting_times as quantum_jumps
from ...utils.results import Result
from ...utils.tables import columns
from ..averages.hotelling import FALSE_ALARM
from ..requirements import need, need_trajectories
from .waiting_times import waiting_times

_LEAST = 500
_BINS = 40
_LEAST_EXPECTED = 10  # waits in a bin of the χ² test
_FINER = 20  # points of the laws in each bin
_PHOTONS = 40  # of the golden rule, beyond those of the start


@dataclass(frozen=True, eq=False, repr=False)
class RabiOnset(Result):
    """When the first photon left, in runs with different couplings.

    Attributes
    ----------
    ensembles : list of Ensemble
        By growing coupling.
    edges : ndarray, shape (n_bins + 1,)
        Seconds.
    density, error : ndarray, shape (n_ensembles, n_bins)
        First photons per second and trajectory, with standard errors.
    fine : ndarray, shape (n_fine,)
        Seconds.
    exact, golden : ndarray, shape (n_ensembles, n_fine)
        Densities of the density matrix and of the golden rule.
    p_exact, p_golden : ndarray, shape (n_ensembles,)
        Chance of so large a χ² of the histogram against each law, from noise alone.
    """

    ensembles: list[Ensemble]
    edges: np.ndarray
    density: np.ndarray
    error: np.ndarray
    fine: np.ndarray
    exact: np.ndarray
    golden: np.ndarray
    p_exact: np.ndarray
    p_golden: np.ndarray

    @property
    def facts(self) -> str:
        """How many runs."""
        return f"{len(self.ensembles)} couplings"

    @property
    def verdict(self) -> str:
        """In how many runs each distribution agrees."""
        n = len(self.ensembles)
        counts = [int((p >= FALSE_ALARM).sum()) for p in (self.p_exact, self.p_golden)]
        return (
            f"the density matrix agrees in {counts[0]} of {n} runs, the golden rule in "
            f"{counts[1]} (noise alone: p < {FALSE_ALARM:g} in {FALSE_ALARM:.0%} of runs)"
        )

    def __str__(self):
        rows = []
        for k, ensemble in enumerate(self.ensembles):
            p = ensemble.model.parameters
            rows.append(
                (
                    f"{ensemble.model.coupling:.4g}",
                    f"{4 * ensemble.model.coupling / p.width:.3g}",
                    f"{ensemble.ntraj}",
                    _judged(self.p_exact[k]),
                    _judged(self.p_golden[k]),
                )
            )
        head = ("coupling g", "4g/Γ", "trajectories", "density matrix", "golden rule")
        return "\n".join(
            [
                f"first '{PHOTON_LOSS}' of quantum-jump trajectories (χ² of the histogram; noise "
                f"alone gives p < {FALSE_ALARM:g} in {FALSE_ALARM:.0%} of runs)",
                "",
                *columns(rows, head, right=(0, 1, 2)),
            ]
        )


def rabi_onset(ensembles):
    """Compare the time of the first photon with the density matrix and with the golden rule.

    Parameters
    ----------
    ensembles : sequence of Ensemble
        Of quantum jumps with a quantised mode, that differ in the coupling alone;
        recorded with "events".

    Returns
    -------
    RabiOnset
        Printable; `plotting.rabi_onset` draws it.
    """
    if not ensembles:
        raise InputError("Rabi oscillation is looked for in one ensemble at least")
    for ensemble in ensembles:
        _check(ensemble, ensembles[0])
    ordered = sorted(ensembles, key=lambda e: e.model.coupling)
    end = min(float(e.times[-1]) for e in ordered)
    edges = np.linspace(0, end, _BINS + 1)
    fine = np.linspace(0, end, _BINS * _FINER + 1)
    found = [_histogram(ensemble, edges) for ensemble in ordered]
    laws = [_laws(ensemble, fine) for ensemble in ordered]
    p_values = [
        [_chi_square(numbers, e.ntraj, law.survival[::_FINER]) for law in pair]
        for (numbers, *_), e, pair in zip(found, ordered, laws, strict=True)
    ]
    exact, golden = (np.array([pair[k].density for pair in laws]) for k in range(2))
    _, density, error = (np.array(values) for values in zip(*found, strict=True))
    return RabiOnset(ordered, edges, density, error, fine, exact, golden, *np.array(p_values).T)


def _check(ensemble, first):
    model = ensemble.model
    if not isinstance(getattr(model, "parameters", None), ModeParameters):
        raise InputError(f"{model.name} has no quantised mode that exchanges quanta coherently")
    need(ensemble, "events", "the first photon needs every event")
    need_trajectories(ensemble, _LEAST, "a histogram needs")
    mine, other = ({**e.model.asdict(), "coupling": 0} for e in (ensemble, first))
    if mine != other or ensemble.initial != first.initial:
        raise InputError("these runs differ in more than the coupling; vary `parameters.g` alone")


def _histogram(ensemble, edges):
    """Numbers of first photons, and their density with its error."""
    waits = waiting_times(ensemble, PHOTON_LOSS, max_states=0)
    numbers, _ = np.histogram(waits.durations[waits.ended], edges)
    each = ensemble.ntraj * np.diff(edges)
    part = (numbers + 1) / (ensemble.ntraj + 2)  # so that no count has no error
    error = np.sqrt(ensemble.ntraj * part * (1 - part)) / each
    return numbers, numbers / each, error


def _laws(ensemble, times):
    """Laws of the density matrix and of the golden rule."""
    p, initial = ensemble.model.parameters, ensemble.initial
    exact = quantum_jumps.waiting_time_distribution(ensemble.model, times, initial, [PHOTON_LOSS])
    model = two_level(abs(p.g), p.detuning, p.gamma_u, p.gamma_l, p.gamma_b, p.f_u, p.f_l, p.n_b)
    most = int(initial.draw(model, 0, 0, 1000)[:, model.pools.index("photon")].max()) + _PHOTONS
    golden = first_passage.waiting_time_distribution(
        model, times, initial, PHOTON_LOSS, truncate={"photon": most}
    )
    return exact, golden


def _chi_square(numbers, n, survival):
    """p-value of numbers in bins, and of waits that go on after the last bin, by χ²."""
    expected = np.append(-np.diff(survival), survival[-1]) * n
    observed = np.append(numbers, n - numbers.sum()).astype(float)
    p = chi_square_p_value(observed, expected, _LEAST_EXPECTED)
    return np.nan if p is None else p


def _judged(p):
    return f"{'agrees' if p >= FALSE_ALARM else 'DISAGREES'}, p = {p:.3g}"
