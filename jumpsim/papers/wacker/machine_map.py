"""Two levels and a mode as a thermal machine (W after 23): map of operation, and efficiencies."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import finite_number, positive_number
from ...plotting.style import panel_figure, series_style
from ...theory import twolevel
from .parameter_files import count, evenly, interval, numbers, scales

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLES = {
    "parameters": {
        "E_u": finite_number, "E_l": finite_number, "omega_cav": finite_number,
        "g": positive_number, "gamma_u": positive_number, "gamma_l": positive_number,
        "gamma_b": positive_number, "T": positive_number, "mu_l": finite_number,
    },
    "map": {
        "voltage": interval, "T_b": scales, "columns": count, "rows": count,
    },
    "cuts": {"T_b": numbers, "voltage": interval, "points": count},
}  # fmt: skip
_REGIONS = {  # grey, hatch and name of each region
    "light-emitting diode": ("0.98", "", "LED"),
    "cooling light-emitting diode": ("0.9", "//", "cooling LED"),
    "thermal emitter": ("0.95", "...", "thermal\nemitter"),
    "solar cell": ("0.82", "\\\\", "solar cell"),
    "absorber": ("0.7", "", "absorber"),
}


@dataclass(frozen=True, eq=False)
class Map:
    """Solutions for a grid of voltages and temperatures of the photon bath.

    Attributes
    ----------
    voltage, T_b : ndarray
        μ_u - μ_l, and temperatures of the photon bath.
    modes : ndarray of QuantisedMode, shape (n_T_b, n_voltages)
    """

    voltage: NDArray[np.float64]
    T_b: NDArray[np.float64]
    modes: NDArray[np.object_]

    @cached_property
    def kinds(self) -> NDArray[Any]:
        """Names of the modes of operation, shape (n_T_b, n_voltages)."""
        return np.vectorize(lambda mode: mode.operation.kind, otypes=[object])(self.modes)

    @cached_property
    def rate(self) -> NDArray[np.float64]:
        """Net emission rates R, shape (n_T_b, n_voltages)."""
        return np.vectorize(lambda mode: mode.R)(self.modes)

    def values(self, name: str) -> NDArray[np.float64]:
        """Efficiency or its bound, by the name of the attribute; NaN where it is not defined."""
        return np.vectorize(lambda mode: getattr(mode.operation, name))(self.modes)


def machines(parameters: Mapping[str, Any], voltage: ArrayLike, baths: ArrayLike) -> Map:
    """Solve the quantised mode on a grid of voltages and bath temperatures.

    Parameters
    ----------
    parameters : dict
        As in the parameter file; both electron reservoirs have the temperature T.
    voltage, baths : array_like
        μ_u - μ_l, and temperatures of the photon bath.

    Returns
    -------
    Map
    """
    more = {k: v for k, v in parameters.items() if k not in ("T", "mu_l")}
    T, low = parameters["T"], parameters["mu_l"]
    modes = [
        [
            twolevel.quantised_mode(
                T_u=T, T_l=T, T_b=hot, mu_u=low + float(v), mu_l=low, **more
            )
            for v in np.asarray(voltage)
        ]
        for hot in np.asarray(baths)
    ]  # fmt: skip
    return Map(np.asarray(voltage, float), np.asarray(baths, float), np.array(modes, object))


def draw(settings: Mapping[str, Any]) -> tuple["Figure", list[str]]:
    """Draw the map and efficiencies along cuts, energies in units of the effective photon energy.

    Parameters
    ----------
    settings : dict
        The checked parameter file.

    Returns
    -------
    figure : matplotlib.figure.Figure
    findings : list of str
        Numerical results as text, one line each.
    """
    parameters, grid, cuts = (settings[name] for name in ("parameters", "map", "cuts"))
    found = machines(
        parameters, evenly(grid["voltage"], grid["columns"]),
        evenly(grid["T_b"], grid["rows"]),
    )  # fmt: skip
    along = machines(parameters, evenly(cuts["voltage"], cuts["points"]), cuts["T_b"])
    title = (
        f"{settings['title']} (ħ = k = 1); (b): solar cell below the voltage of the peak, LED above"
    )
    with panel_figure(2, title, width=4.2, height=4.0) as (figure, (left, right)):
        _map_panel(left, found, parameters["T"])
        _cut_panel(right, along, parameters["T"])
    return figure, [*_map_findings(found, parameters["T"]), *_cut_findings(along, parameters["T"])]


def reversal(photon: float, T: float, T_b: ArrayLike) -> NDArray[np.float64]:
    """Voltage of zero affinity, at which R changes its sign: Ẽ_ph (1 - T/T_b)."""
    return photon * (1 - T / np.asarray(T_b))


def _map_panel(axis: "Axes", found: Map, T: float) -> None:
    photon = found.modes[0, 0].E_ph
    x, y = found.voltage / photon, found.T_b / T
    for kind, (grey, hatch, name) in _REGIONS.items():
        inside = found.kinds == kind
        if inside.any():
            axis.contourf(x, y, inside, levels=[0.5, 1.5], colors=[grey], hatches=[hatch], zorder=0)
            row, column = _middle(inside)
            axis.text(
                x[column], y[row], name, ha="center", va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )  # fmt: skip
    fine = np.linspace(y[0], y[-1], 400)
    axis.plot(
        reversal(1, 1, fine), fine, color="black", linewidth=1.8, label="zero affinity", zorder=2
    )
    for place in (0, 1):
        axis.axvline(place, color="black", linewidth=0.8, linestyle="--", zorder=1)
    axis.set_xlim(x[0], x[-1])
    axis.set_ylim(y[0], y[-1])
    axis.set_xlabel(r"voltage $(\mu_u-\mu_l)/\tilde E_{ph}$")
    axis.set_ylabel("temperature of the photon bath $T_b/T$")
    axis.legend(loc="upper left", frameon=True, framealpha=1, edgecolor="none")


def _middle(inside: NDArray[np.bool_]) -> tuple[Any, ...]:
    """Row and column of the point of a region that is farthest from its boundary."""
    from scipy.ndimage import distance_transform_edt

    sizes = 1 / np.array(inside.shape)  # of a cell, in units of the width and height of the map
    depth = distance_transform_edt(np.pad(inside, 1), sampling=sizes)[1:-1, 1:-1]
    return np.unravel_index(depth.argmax(), depth.shape)


def _cut_panel(axis: "Axes", along: Map, T: float) -> None:
    x = along.voltage / along.modes[0, 0].E_ph
    part = along.values("efficiency") / along.values("bound")
    for k, hot in enumerate(along.T_b):
        line, marks = series_style(k)
        axis.plot(x, part[k], label=f"$T_b$ = {hot / T:g} $T$", **line)
        best = _best(along, k)
        if best is not None:
            axis.errorbar([x[best]], [part[k, best]], **marks)
    axis.errorbar([], [], fmt="o", color="black", mfc="white", label="maximum power")
    axis.set_ylim(0, 1.02)
    axis.set_xlabel(r"voltage $(\mu_u-\mu_l)/\tilde E_{ph}$")
    axis.set_ylabel("efficiency / second-law bound")
    axis.legend()


def _best(along: Map, k: int) -> int | None:
    """Index of the maximum electric power of a solar cell along a cut; None without one."""
    power = -along.rate[k] * along.voltage
    solar = along.kinds[k] == "solar cell"
    return int(np.where(solar, power, -np.inf).argmax()) if solar.any() else None


def _map_findings(found: Map, T: float) -> list[str]:
    photon = found.modes[0, 0].E_ph
    expected = np.sign(found.voltage - reversal(photon, T, found.T_b)[:, None])
    wrong = int((np.sign(found.rate) * expected < 0).sum())
    parts = ", ".join(f"{kind} {(found.kinds == kind).mean():.3f}" for kind in _REGIONS)
    return [
        f"fractions of the map: {parts}",
        f"emission of the wrong sign: {wrong} of {found.rate.size} machines",
    ]


def _cut_findings(along: Map, T: float) -> list[str]:
    lines = []
    for k, hot in enumerate(along.T_b):
        part = along.values("efficiency")[k] / along.values("bound")[k]
        part = np.nanmax(part, initial=0.0)  # not defined for an absorber
        text = f"T_b = {hot / T:g} T: largest ratio of efficiency to bound {part:.4f}"
        best = _best(along, k)
        if best is not None:
            made = along.modes[k, best].operation
            text += (
                f"; solar cell at maximum power: efficiency {made.efficiency:.4f} "
                f"(Carnot {made.bound:.4f}, 1 - √(T/T_b) = {1 - np.sqrt(T / hot):.4f})"
            )
        lines.append(text)
    return lines
