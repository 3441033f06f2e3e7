"""The second-law audit of a run's model, with the premises of its golden rule."""

from dataclasses import dataclass

from ..systems import CATALOGUE
from ..systems.couplings import Validity
from ..thermo.second_law.audit import Audit, audit
from ..utils.results import Result


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
    def facts(self):
        """Those of the audit."""
        return self.audit.facts

    @property
    def verdict(self):
        """That of the audit."""
        return self.audit.verdict

    def __str__(self):
        if self.premises is None:
            return str(self.audit)
        return f"{self.audit}\n\npremises of the golden rule\n{self.premises}"


def audit_run(run, until=None):
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
    system = CATALOGUE.get(getattr(run, "system", None))  # a store does not keep the parameters
    premises = system.check_premises(run.parameters) if system else None
    times = None if until is None else [until]
    return RunAudit(audit(run.model, run.initial, times), premises)
