"""Second-law audit of the model of a run, with the premises of its golden rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ..systems import CATALOGUE
from ..systems.couplings import Validity
from ..thermo.second_law.audit import Audit, audit
from ..utils.results import Result

if TYPE_CHECKING:
    from ..model.initial import Start
    from ..model.model import Model
    from ..run.parameter_file import Spec
    from ..store.ensemble import Ensemble


@dataclass(frozen=True, eq=False, repr=False)
class RunAudit(Result):
    """Audit of the model of a run or of a parameter file.

    Attributes
    ----------
    audit : Audit
        Checks of detailed balance and of both laws of thermodynamics.
    premises : Validity or None
        Premises of the golden rule, where a parameter file names a system whose rates are derived
        from couplings.
    """

    audit: Audit
    premises: Validity | None

    @property
    def facts(self) -> str:
        """Main facts of the audit."""
        return self.audit.facts

    @property
    def verdict(self) -> str:
        """The verdict of the audit."""
        return self.audit.verdict

    def __str__(self) -> str:
        if self.premises is None:
            return str(self.audit)
        return f"{self.audit}\n\npremises of the golden rule\n{self.premises}"


def audit_run(run: Ensemble | Spec, until: float | str | None = None) -> RunAudit:
    """Check whether the model of a run obeys detailed balance and the laws of thermodynamics.

    Parameters
    ----------
    run : Ensemble or Spec
        A run, or a parameter file read by `load_spec`.
    until : float or str, optional
        Last time of the rate equations, which start from the mean initial counts: seconds, or a
        text with a unit.

    Returns
    -------
    RunAudit
        Printable.

    Examples
    --------
    >>> import jumpsim as js
    >>> model = js.systems.hohlraum(tls=20, modes=10, gamma_tilde="1 Hz")
    >>> run = js.simulate(model, [1.0, 2.0], 10, {"N": 12, "m": 3}, seed=1, progress=False)
    >>> js.audit_run(run).audit.balanced
    True
    """
    system = CATALOGUE.get(getattr(run, "system", None) or "")  # not kept by a store
    premises = system.check_premises(getattr(run, "parameters", {})) if system else None
    times = None if until is None else [until]
    return RunAudit(audit(cast("Model", run.model), cast("Start", run.initial), times), premises)
