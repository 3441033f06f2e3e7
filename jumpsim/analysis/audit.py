"""The second-law audit of a run's model, with the premises of its golden rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..systems import CATALOGUE
from ..systems.couplings import Validity
from ..thermo.second_law.audit import Audit, audit
from ..utils.results import Result

if TYPE_CHECKING:
    from ..run.parameter_file import Spec
    from ..store.ensemble import Ensemble


@dataclass(frozen=True, eq=False, repr=False)
class RunAudit(Result):
    """Audit of the model of a run or of a parameter file.

    Attributes
    ----------
    audit : Audit
    premises : Validity or None
        Of the golden rule, where a parameter file names a system that is derived from couplings.
    """

    audit: Audit
    premises: Validity | None

    @property
    def facts(self) -> str:
        """Those of the audit."""
        return self.audit.facts

    @property
    def verdict(self) -> str:
        """That of the audit."""
        return self.audit.verdict

    def __str__(self) -> str:
        if self.premises is None:
            return str(self.audit)
        return f"{self.audit}\n\npremises of the golden rule\n{self.premises}"


def audit_run(run: Ensemble | Spec, until: float | str | None = None) -> RunAudit:
    """Audit the model of a run, from its start, against the second law.

    Parameters
    ----------
    run : Ensemble or Spec
        A run, or what `load_spec` read.
    until : float or str, optional
        How far the rate equations are followed.

    Returns
    -------
    RunAudit
        Printable.
    """
    system = CATALOGUE.get(getattr(run, "system", None) or "")  # not kept by a store
    premises = system.check_premises(getattr(run, "parameters", {})) if system else None
    times = None if until is None else [until]
    return RunAudit(audit(run.model, run.initial, times), premises)
