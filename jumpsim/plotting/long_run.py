"""Figure of one long trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..utils.text import readable_times
from .style import panel_figure, series_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..analysis.averages.long_run import StationaryAverages

_MAX_MARKERS = 20
_MIN_BLOCKS = 8  # number of blocks that gives a usable estimate of their scatter


def stationary_averages(result: StationaryAverages) -> Figure:
    """Draw block averages in time, and the standard error against the block length.

    Parameters
    ----------
    result : analysis.averages.long_run.StationaryAverages

    Returns
    -------
    matplotlib.figure.Figure
        Left, averages of joined blocks less the total average, and the stationary theory. Right,
        the standard error against the block length: blocks are long enough to be independent where
        it does not depend on their length.
    """
    run = result.run
    n = len(run)
    title = (
        f"{run.model.name}: one trajectory of {run.events:.3g} events, {n} blocks ± standard error "
        + (f"(markers), {result.theory} (lines)" if result.theory else "(markers)")
    )
    factor, unit = readable_times(run.times)
    joined = -(-n // _MAX_MARKERS)
    means = run.joined(joined)
    n_joined = len(means)
    edges = run.times[::joined][: n_joined + 1] * factor
    lengths = np.array([2**k for k in range(40) if n // 2**k >= _MIN_BLOCKS])
    spread = np.sqrt(np.diag(run.cov()))
    with panel_figure(2, title, width=3.9) as (figure, (left, right)):
        for p, name in enumerate(run.model.pools):
            style, marks = series_style(p, name)
            if spread[p] > 0:
                error = np.full(n_joined, run.sem()[p] * np.sqrt(n / joined)) / spread[p]
                away = (means[:, p] - run.mean()[p]) / spread[p]
                left.errorbar((edges[1:] + edges[:-1]) / 2, away, error, **marks)
                if result.theory:
                    left.axhline((result.mean[p] - run.mean()[p]) / spread[p], **style)
            if spread[p] > 0 and len(lengths):
                errors = np.array([run.sem(k)[p] for k in lengths])
                known = errors / np.sqrt(2 * (n // lengths - 1))
                right.errorbar(lengths * run.block * factor, errors, known, **marks)
        left.set_xlabel(f"time ({unit})")
        left.set_ylabel("(block average - average) / σ of the count")
        if right.lines:
            right.set_xscale("log")
            right.set_yscale("log")
            ticks = lengths * run.block * factor
            right.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
            right.minorticks_off()
        right.set_xlabel(f"block length ({unit})")
        right.set_ylabel("standard error of the average count")
        figure.legend(*left.get_legend_handles_labels(), loc="outside right center")
    return figure
