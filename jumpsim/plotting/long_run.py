"""Figure of one long trajectory."""

import numpy as np

from ..utils.text import readable_times
from .style import look, sheet

_MOST_MARKS = 20
_LEAST_JOINED = 8  # blocks, so that their scatter is known


def stationary_averages(result):
    """Draw averages of blocks in time, and the standard error against the length of a block.

    Parameters
    ----------
    result : inference.atrest.StationaryAverages

    Returns
    -------
    matplotlib.figure.Figure
        Left averages of joined blocks, from the average of all, beside the theory at rest.
        Where blocks are long enough the error does not grow when they are joined.
    """
    run = result.run
    n = len(run)
    title = (
        f"{run.model.name}: one trajectory of {run.events:.3g} events, {n} blocks ± standard error "
        + (f"(marks), {result.theory} (lines)" if result.theory else "(marks)")
    )
    factor, unit = readable_times(run.times)
    joined = -(-n // _MOST_MARKS)
    means = run.joined(joined)
    whole = len(means)
    edges = run.times[::joined][: whole + 1] * factor
    lengths = np.array([2**k for k in range(40) if n // 2**k >= _LEAST_JOINED])
    spread = np.sqrt(np.diag(run.cov()))
    with sheet(2, title, width=3.9) as (figure, (left, right)):
        for p, name in enumerate(run.model.pools):
            style, marks = look(p, name)
            if spread[p] > 0:
                error = np.full(whole, run.sem()[p] * np.sqrt(n / joined)) / spread[p]
                away = (means[:, p] - run.mean()[p]) / spread[p]
                left.errorbar((edges[1:] + edges[:-1]) / 2, away, error, **marks)
                if result.theory:
                    left.axhline((result.mean[p] - run.mean()[p]) / spread[p], **style)
            if spread[p] > 0 and len(lengths):
                errors = np.array([run.sem(k)[p] for k in lengths])
                known = errors / np.sqrt(2 * (n // lengths - 1))
                right.errorbar(lengths * run.block * factor, errors, known, **marks)
        left.set_xlabel(f"time ({unit})")
        left.set_ylabel("(average of a block - average) / σ of the count")
        if right.lines:
            right.set_xscale("log")
            right.set_yscale("log")
            ticks = lengths * run.block * factor
            right.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
            right.minorticks_off()
        right.set_xlabel(f"length of a block ({unit})")
        right.set_ylabel("standard error of the average count")
        figure.legend(*left.get_legend_handles_labels(), loc="outside right center")
    return figure
