"""Figures of Braak & Mannhart ("BM"): rate equations, averages with errors, single trajectories.

The figures of Wacker's paper need theory only, see `papers.wacker`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import plotting, thermo
from ..errors import InputError, StoreError, choices
from ..plotting.style import COLOURS, LINES, MARKERS, STYLE
from ..run.parameter_file import load_spec
from ..run.simulate import simulate
from ..store.ensemble import Ensemble
from ..store.ensemble import open as open_ensemble
from ..theory.mean_field import mean_field
from ..utils.text import readable_times, with_error
from . import wacker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Drawn = tuple["Figure", list[str]]  # a figure, and numerical results as text

_SHOWN = 4  # number of single trajectories in a figure
_MAX_MARKERS = 25


def draw_figures(
    names: Sequence[str],
    data: str | PathLike[str],
    stores: str | PathLike[str],
    output: str | PathLike[str],
    read_only: bool = False,
    ntraj: int | None = None,
    progress: bool | Callable[..., Any] | None = None,
) -> Iterator[str]:
    """Draw figures of the papers; trajectories that are missing in a store are simulated first.

    Parameters
    ----------
    names : list of str
        Such as "fig4" or "second_law"; empty for all figures.
    data, stores, output : path
        Folders of the parameter files, of the stores, and of the figures.
    read_only : bool
        Do not simulate; raise `StoreError` when a store does not exist.
    ntraj : int, optional
        Number of trajectories in each store; by default that of its parameter file.
    progress : bool or callable, optional
        As in `simulate`.

    Yields
    ------
    str
        Names of the files written, and numerical results with those of the paper.
    """
    known = {**FIGURES, **wacker.FIGURES}
    for name in names:
        if name not in known:
            raise InputError(f"unknown figure '{name}'; " + choices(name, known))
    for folder in (stores, output):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names or known:
        if name in wacker.FIGURES:
            figure, findings, source = wacker.draw(name, data)
        else:
            source = _store(name, data, stores, read_only, ntraj, progress)
            figure, findings = _titled_figure(FIGURES[name][1], _Run(open_ensemble(source)))
        files = plotting.save(figure, Path(output) / name, f"jumpsim figures {name} from {source}")
        yield f"{name}: {known[name][-1]}; {', '.join(map(str, files))}"
        yield from (f"  {line}" for line in findings)


def _store(
    name: str,
    data: str | PathLike[str],
    stores: str | PathLike[str],
    read_only: bool,
    ntraj: int | None,
    progress: bool | Callable[..., Any] | None,
) -> Path:
    """Path of the store of a figure; missing trajectories are simulated unless `read_only`."""
    spec = Path(data) / f"{FIGURES[name][0]}.toml"
    store = Path(stores) / f"{FIGURES[name][0]}.h5"
    if not read_only:
        run = load_spec(spec)
        settings = {**run.run, "store": store, "progress": progress}
        settings |= {"ntraj": ntraj} if ntraj else {}
        simulate(run.model, run.times, initial=run.initial, **settings)
    elif not store.exists():
        raise StoreError(f"{store}: does not exist; make it by: jumpsim run {spec} -o {store}")
    return store


@dataclass(frozen=True, eq=False)
class _Run:
    """A store, and the quantities that the figures need."""

    ensemble: Ensemble

    @cached_property
    def model(self) -> Any:
        return self.ensemble.model

    @cached_property
    def factor(self) -> tuple[float, str]:
        return readable_times(self.ensemble.times)

    @cached_property
    def fine(self) -> Any:
        """Solution of the rate equations on a fine grid."""
        times = self.ensemble.times
        spacing = np.geomspace if self.logarithmic else np.linspace
        grid = spacing(times[0], times[-1], 1501)
        return mean_field(self.model, grid, self.ensemble.initial)

    @cached_property
    def averages(self) -> Any:
        return thermo.of_averages(self.ensemble)

    @cached_property
    def trajectories(self) -> NDArray[np.int64]:
        """Counts of the single trajectories that are drawn."""
        return next(iter(self.ensemble.slabs("counts")))[:_SHOWN]

    @property
    def logarithmic(self) -> bool:
        return self.ensemble.times[0] > 0

    def marks(self) -> NDArray[np.int64]:
        """Indices of the times that get a marker."""
        n = len(self.ensemble.times)
        return np.unique(np.linspace(0, n - 1, min(n, _MAX_MARKERS)).round().astype(int))


def _titled_figure(draw: Callable[[_Run], Drawn], run: _Run) -> Drawn:
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure, findings = draw(run)
        ensemble = run.ensemble
        figure.suptitle(
            f"{run.model.name.replace('_', ' ')}: rate equations (lines), averages of "
            f"{ensemble.ntraj} trajectories\n± standard error (markers), single "
            "trajectories (thin)",
            fontsize=8,
        )
    return figure, findings


def _panels(number: int) -> tuple["Figure", Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * number if number > 1 else 5.2, 3.5), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, number))
    if number > 1:
        for axis, letter in zip(axes, "abcdef", strict=False):
            axis.set_title(f"({letter})", loc="left")
    return figure, axes


def _time_axis(axis: "Axes", run: _Run) -> None:
    factor, unit = run.factor
    axis.set_xlabel(f"time ({unit})")
    if run.logarithmic:
        axis.set_xscale("log")
    axis.set_xlim(run.ensemble.times[0] * factor, run.ensemble.times[-1] * factor)


def _pools(
    axis: "Axes",
    run: _Run,
    pools: Iterable[str],
    line: NDArray[np.float64],
    mean: NDArray[np.float64],
    error: NDArray[np.float64],
    single: NDArray[np.float64],
    **single_style: Any,
) -> None:
    """Draw theory, averages and single trajectories of some pools on one axis."""
    factor, _ = run.factor
    times, shown = run.ensemble.times * factor, run.marks()
    for k, name in enumerate(pools):
        p = run.model.pools.index(name)
        colour = COLOURS[k]
        axis.plot(times, single[..., p].T, color=colour, linewidth=0.4, alpha=0.6, **single_style)
        axis.plot(run.fine.times * factor, line[:, p], color=colour, linestyle=LINES[k])
        axis.errorbar(
            times[shown], mean[shown, p], error[shown, p], fmt=MARKERS[k], color=colour,
            mfc="white", zorder=3, label="TLS" if run.model.pool(name).kind == "tls" else name,
        )  # fmt: skip
    _time_axis(axis, run)
    axis.legend()


def _occupations(axis: "Axes", run: _Run, pools: Iterable[str], **single_style: Any) -> None:
    sizes = np.array([pool.size for pool in run.model.pool_specs])
    moments = run.ensemble.moments
    _pools(
        axis, run, pools, run.fine.counts / sizes, moments.mean() / sizes, moments.sem() / sizes,
        run.trajectories / sizes, **single_style,
    )  # fmt: skip
    axis.set_ylabel("occupation per mode")


def _temperatures(run: _Run) -> Drawn:
    """BM Fig. 2."""
    figure, (axis,) = _panels(1)
    factor, unit = thermo.temperature_unit(run.model)
    averages = run.averages
    _pools(
        axis, run, run.model.pools,
        factor * thermo.temperatures(run.model, run.fine.counts),
        factor * averages.temperatures, factor * averages.temperatures_sem,
        factor * thermo.temperatures(run.model, run.trajectories),
    )  # fmt: skip
    start = factor * thermo.temperatures(run.model, run.fine.counts[0])[0]
    axis.set_ylim(0, 2 * start)
    axis.set_ylabel(f"local temperature ({unit})")
    return figure, [f"start at {start:.1f} {unit}"]


def _long_times(run: _Run) -> Drawn:
    """BM Fig. 3."""
    figure, (axis,) = _panels(1)
    # Dots, because A contains no photon most of the time, and log(0) cannot be drawn.
    _occupations(axis, run, "AB", linestyle="none", marker=".", markersize=1.5)
    axis.set_yscale("log")
    axis.set_ylim(1e-5, 3)
    late = run.fine.counts[-1]
    return figure, [f"n_A/n_B = {late[0] / late[1]:.5f} at the end (known: 0.0010)"]


def _entropy_production(run: _Run) -> Drawn:
    """BM Fig. 4, and the entropy production of single trajectories."""
    figure, (left, right) = _panels(2)
    model, ensemble = run.model, run.ensemble
    factor, unit = run.factor
    times = ensemble.times * factor
    sigma = thermo.entropy_production(model, run.fine.counts).total / factor
    averages, shown = run.averages, run.marks()
    produced = thermo.internal_production(ensemble)
    mean, sem = produced.mean(axis=0), produced.std(axis=0, ddof=1) / np.sqrt(ensemble.ntraj)
    left.axhline(0, color="0.6", linewidth=0.8)
    left.plot(run.fine.times * factor, sigma, color="black", label="rate equations")
    left.errorbar(
        times[shown], averages.sigma[shown] / factor, averages.sigma_sem[shown] / factor,
        fmt=MARKERS[0], color=COLOURS[0], mfc="white", label="from average counts",
    )  # fmt: skip
    left.set_ylabel(f"σ ($k_B$/{unit})")
    right.axhline(0, color="0.6", linewidth=0.8)
    right.plot(times, produced[:_SHOWN].T, color=COLOURS[1], linewidth=0.4)
    integral = np.concatenate([[0], np.cumsum((sigma[1:] + sigma[:-1]) / 2)])
    integral *= np.diff(run.fine.times * factor)[0]
    right.plot(run.fine.times * factor, integral, color="black", label="∫σ dt")
    right.errorbar(
        times[shown], mean[shown], sem[shown], fmt=MARKERS[1], color=COLOURS[1], mfc="white",
        label=r"$\sum\Delta S_B$ of internal events",
    )  # fmt: skip
    right.set_ylabel("internal entropy production ($k_B$)")
    for axis in (left, right):
        _time_axis(axis, run)
        axis.legend()
    return figure, _zero_crossing(run, sigma, averages)


def _zero_crossing(run: _Run, sigma: NDArray[np.float64], averages: Any) -> list[str]:
    factor, unit = run.factor
    fine = run.fine.times * factor
    k = _last_rise(sigma)
    slope = (sigma[k + 1] - sigma[k]) / (fine[k + 1] - fine[k])
    zero = fine[k] - sigma[k] / slope
    least = int(sigma.argmin())
    lines = [
        f"σ crosses zero at {zero:.4f} {unit} (known: 0.751; paper: about 0.75)",
        f"minimum of σ: {sigma[least]:.1f} k_B/{unit} at {fine[least]:.4f} {unit} "
        "(known: about -176 at 0.133)",
    ]
    known = np.flatnonzero(np.isfinite(averages.sigma))
    if len(known):
        # Extrapolation from the stored time closest to the zero with the slope of the rate
        # equations: the first change of sign of the noisy averages would be biased to early
        # times, and a slope from two neighbouring averages would be dominated by noise.
        times = run.ensemble.times * factor
        k = known[np.abs(times[known] - zero).argmin()]
        place = times[k] - averages.sigma[k] / factor / slope
        error = averages.sigma_sem[k] / factor / slope
        lines.append(
            f"σ of the averages crosses zero at {with_error(place, error, '.3f', '.3f')} {unit}"
        )
    return lines


def _last_rise(values: NDArray[np.float64]) -> int:
    return int(np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))[-1])


def _total_entropy(run: _Run) -> Drawn:
    """BM Fig. 5."""
    figure, (axis,) = _panels(1)
    factor, _ = run.factor
    times, shown, averages = run.ensemble.times * factor, run.marks(), run.averages
    line = thermo.entropies(run.model, run.fine.counts).sum(axis=-1)
    boltzmann = thermo.boltzmann_entropies(run.model, run.trajectories).sum(axis=-1)
    axis.plot(times, boltzmann.T, color=COLOURS[1], linewidth=0.4)
    axis.plot([], [], color=COLOURS[1], linewidth=0.4, label="$S_B$ of single trajectories")
    axis.plot(run.fine.times * factor, line, color="black", label="S, rate equations")
    axis.errorbar(
        times[shown], averages.entropy[shown], averages.entropy_sem[shown],
        fmt=MARKERS[0], color=COLOURS[0], mfc="white", label="S of average counts",
    )  # fmt: skip
    axis.set_ylabel("entropy ($k_B$)")
    _time_axis(axis, run)
    axis.legend()
    start = run.ensemble.initial.mean(run.model)
    begin = thermo.entropies(run.model, start).sum()
    end = with_error(averages.entropy[-1], averages.entropy_sem[-1], ".1f", ".1f")
    return figure, [
        f"S decreases from {begin:.1f} k_B to {line[-1]:.1f} k_B (known: 474.5 to 285.9); "
        f"averages end at {end} k_B"
    ]


def _loop_occupations(run: _Run) -> Drawn:
    """BM Fig. 7."""
    figure, (left, right) = _panels(2)
    _occupations(left, run, "AB")
    _occupations(right, run, "12")
    return figure, []


def _slow_occupations(run: _Run) -> Drawn:
    """BM Fig. 8."""
    figure, (left, right) = _panels(2)
    _occupations(left, run, "B")
    _occupations(right, run, "2")
    late = run.fine.counts[-1] / np.array([pool.size for pool in run.model.pool_specs])
    values = ", ".join(f"n_{q} = {n:.4f}" for q, n in zip(run.model.pools[:4], late, strict=False))
    return figure, [f"at the end {values} (known: n_B 2.22, n_2 0.36, n_A 0.003, n_1 0.006)"]


# Name of a figure: parameter file, function that draws it, caption.
FIGURES = {
    "fig2": ("open_waveguide", _temperatures, "local temperatures of the open waveguide"),
    "fig3": ("open_waveguide_long", _long_times, "occupations of A and B at long times"),
    "fig4": ("entropy_production", _entropy_production, "entropy production of the open waveguide"),
    "fig5": ("closed_waveguide_long", _total_entropy, "total entropy of the closed loop"),
    "fig7": ("closed_waveguide", _loop_occupations, "occupations of the closed loop"),
    "fig8": ("closed_waveguide_long", _slow_occupations, "slow occupations of the closed loop"),
}
