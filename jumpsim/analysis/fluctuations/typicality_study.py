"""Typicality in one result: deviations, tail, scaling, signs of the entropy production."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError
from ...store.ensemble import Ensemble
from ...utils.results import Result
from ...utils.text import with_interval
from ..entropy.production_signs import ProductionSigns, SignScaling, production_signs, signs_scaling
from ..requirements import optional_theory
from .gaussian_tail import LEAST, GaussianTail, gaussian_tail
from .typicality import Scaling, Typicality, typicality_scaling


@dataclass(frozen=True, eq=False, repr=False)
class TypicalityStudy(Result):
    """Deviations of the trajectories in systems of one or several sizes.

    Attributes
    ----------
    runs : tuple of Typicality
        From the smallest to the largest system.
    epsilon : float or None
        The fraction of trajectories with at most this deviation is printed.
    tail : GaussianTail or None
        Tail of the deviations of the smallest system; None for fewer than 50 trajectories.
    scaling : Scaling or None
        Deviations as a function of the size; None for one size.
    signs : tuple of ProductionSigns
        Signs of the entropy production, of the runs with recorded events.
    signs_scaling : SignScaling or None
        The same as a function of the size; None for one size.
    no_signs : str
        Why the signs are not known although events are recorded.
    no_tail : str
        Why the tail is not known.
    """

    runs: tuple[Typicality, ...]
    epsilon: float | None
    tail: GaussianTail | None
    scaling: Scaling | None
    signs: tuple[ProductionSigns, ...]
    signs_scaling: SignScaling | None
    no_signs: str = ""
    no_tail: str = ""

    @property
    def facts(self) -> str:
        """Number of runs, and the smallest of them."""
        return f"{len(self.runs)} runs, the smallest of {self.runs[0].facts}"

    @property
    def verdict(self) -> str:
        """The median deviation, the tail, and the exponents for several sizes."""
        tail = self._no_tail if self.tail is None else self.tail.verdict
        scaling = [] if self.scaling is None else [self.scaling.verdict]
        return "\n".join([self.runs[0].verdict, tail, *scaling])

    @property
    def _no_tail(self) -> str:
        return f"tail: undecided, {self.no_tail}"

    def __str__(self) -> str:
        parts = ["\n".join([str(run), *self._within(run)]) for run in self.runs]
        parts.append(self._no_tail if self.tail is None else str(self.tail))
        more = [self.scaling, *self.signs, self.signs_scaling]
        signs = [f"no signs of the entropy production: {self.no_signs}"] if self.no_signs else []
        return "\n\n".join([*parts, *(str(part) for part in more if part is not None), *signs])

    def _within(self, run: Typicality) -> list[str]:
        """Lines about the fraction of trajectories with a deviation of at most `epsilon`."""
        if self.epsilon is None:
            return []
        pools, fractions = run.ensemble.model.pools, zip(*run.within(self.epsilon), strict=True)
        return [
            f"  within {self.epsilon:g} in {name}: {with_interval(*fraction)} of the trajectories"
            for name, fraction in zip(pools, fractions, strict=True)
        ]


def typicality_study(
    runs: Sequence[Typicality], epsilon: float | None = None, signs: bool = True
) -> TypicalityStudy:
    """Deviations of single trajectories, their tail and scaling, signs of the entropy production.

    Parameters
    ----------
    runs : sequence of Typicality
        Of one system at one or several sizes.
    epsilon : float, optional
        Also print the fraction of trajectories with at most this deviation.
    signs : bool
        Whether to analyse the signs of the entropy production of runs with recorded events.

    Returns
    -------
    TypicalityStudy
        Printable; `plotting.typicality` draws it.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [0.1, 0.5], 200, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> js.typicality_study([js.typicality(run)], epsilon=0.1).facts
    '1 runs, the smallest of 200 trajectories of hohlraum'
    """
    runs = tuple(sorted(runs, key=lambda run: run.sizes.max()))
    several = len(runs) > 1
    scaling = typicality_scaling(runs) if several else None
    tail, no_tail = None, f"{runs[0].ntraj} trajectories are too few"
    if runs[0].ntraj >= LEAST:
        tail, no_tail = optional_theory(gaussian_tail, runs[0])
    found: tuple[ProductionSigns, ...] = ()
    no_signs = ""
    try:
        found = tuple(map(production_signs, _with_events(runs))) if signs else ()
    except InputError as error:  # no entropy is produced within the system, or none is defined
        no_signs = str(error)
    both = signs_scaling(found) if len(found) > 1 else None
    return TypicalityStudy(runs, epsilon, tail, scaling, found, both, no_signs, no_tail)


def _with_events(runs: Sequence[Typicality]) -> list[Ensemble]:
    """Ensembles with recorded events and at least two trajectories and two times."""
    kept = [run.ensemble for run in runs if "events" in run.ensemble.record]
    return [ensemble for ensemble in kept if ensemble.ntraj > 1 and len(ensemble.times) > 1]
