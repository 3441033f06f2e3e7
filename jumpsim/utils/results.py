"""What every result of an analysis shares: a short line, a verdict, arrays by name."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class Result(ABC):
    """Base of results, which are frozen dataclasses declared with ``repr=False``.

    `repr` is one short line, `str` the full table, `verdict` the outcome in words.
    """

    no_exact = ""  # why there is no exact prediction, for the results that may have one

    @property
    def facts(self) -> str:
        """Main facts for the short line; by default the run that was analysed."""
        ensemble = getattr(self, "ensemble", None)
        return "" if ensemble is None else trajectories_of(ensemble)

    @property
    @abstractmethod
    def verdict(self) -> str:
        """The outcome in words."""

    @property
    def missing_exact(self) -> list[str]:
        """Lines of the table that say why there is no exact prediction."""
        return ["", f"no exact values: {self.no_exact}"] if self.no_exact else []

    def __repr__(self) -> str:
        name, facts = type(self).__name__, self.facts
        return f"<{name}: {facts}>" if facts else f"<{name}>"

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays among the fields.

        Returns
        -------
        dict of str to ndarray
            By the name of the field.
        """
        fields = vars(self).items()
        return {name: value for name, value in fields if isinstance(value, np.ndarray)}


def trajectories_of(ensemble: Any) -> str:
    """Number of trajectories and name of the model."""
    return f"{ensemble.ntraj} trajectories of {ensemble.model.name}"
