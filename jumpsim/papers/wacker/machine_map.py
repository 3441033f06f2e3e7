"""What two levels and a mode do as a machine (W after 23): a map, and efficiencies along cuts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import finite_number, positive_number
from ...plotting.style import panel_figure, series_style
from ...theory import twolevel
from .parameter_files import count, interval, numbers, scales

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
    """The machine at every voltage and bath temperature.

    Attributes
    ----------
    voltage, T_b : ndarray
    modes : ndarray of QuantisedMode, shape (n_T_b, n_voltages)
    """

    voltage: np.ndarray
    T_b: np.ndarray
    modes: np.ndarray

    @cached_property
    def kinds(self):
        """Name of what it does, (n_T_b, n_voltages)."""
        return np.vectorize(lambda mode: mode.operation.kind, otypes=[object])(self.modes)

    @cached_property
    def rate(self):
        """Net emission R."""
        return np.vectorize(lambda mode: mode.R)(self.modes)

    def values(self, name):
        """Efficiency or bound of the operation, NaN where it has none."""
        return np.vectorize(lambda mode: getattr(mode.operation, name))(self.modes)


def machines(parameters, voltage, baths):
    """Solve the machine over a grid.

    Parameters
    ----------
    parameters : dict
        As in the parameter file; both levels' reservoirs have the temperature T.
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
            for v in voltage
        ]
        for hot in baths
    ]  # fmt: skip
    return Map(np.asarray(voltage, float), np.asarray(baths, float), np.array(modes, object))


def draw(settings):
    """Draw the map and the cuts; energies in units of the effective photon energy.

    Parameters
    ----------
    settings : dict
        As read by `TABLES`.

    Returns
    -------
    matplotlib.figure.Figure, list of str
    """
    parameters, grid, cuts = (settings[name] for name in ("parameters", "map", "cuts"))
    found = machines(
        parameters, np.linspace(*grid["voltage"], grid["columns"]),
        np.linspace(*grid["T_b"], grid["rows"]),
    )  # fmt: skip
    along = machines(parameters, np.linspace(*cuts["voltage"], cuts["points"]), cuts["T_b"])
    title = f"{settings['title']} (ħ = k = 1); (b): solar cell up to the peak, diode beyond"
    with panel_figure(2, title, width=4.2, height=4.0) as (figure, (left, right)):
        _map_panel(left, found, parameters["T"])
        _cut_panel(right, along, parameters["T"])
    return figure, [*_map_findings(found, parameters["T"]), *_cut_findings(along, parameters["T"])]


def reversal(photon, T, T_b):
    """Voltage at which the affinity vanishes and R changes its sign, Ẽ_ph (1 - T/T_b)."""
    return photon * (1 - T / np.asarray(T_b))


def _map_panel(axis, found, T):
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


def _middle(inside):
    """Row and column of the place of a region that is furthest from its edge."""
    from scipy.ndimage import distance_transform_edt

    sizes = 1 / np.array(inside.shape)  # of a cell, so that all of the map is a square
    depth = distance_transform_edt(np.pad(inside, 1), sampling=sizes)[1:-1, 1:-1]
    return np.unravel_index(depth.argmax(), depth.shape)


def _cut_panel(axis, along, T):
    x = along.voltage / along.modes[0, 0].E_ph
    part = along.values("efficiency") / along.values("bound")
    for k, hot in enumerate(along.T_b):
        line, marks = series_style(k)
        axis.plot(x, part[k], label=f"$T_b$ = {hot / T:g} $T$", **line)
        best = _best(along, k)
        if best is not None:
            axis.errorbar([x[best]], [part[k, best]], **marks)
    axis.errorbar([], [], fmt="o", color="black", mfc="white", label="greatest power")
    axis.set_ylim(0, 1.02)
    axis.set_xlabel(r"voltage $(\mu_u-\mu_l)/\tilde E_{ph}$")
    axis.set_ylabel("efficiency / bound of the second law")
    axis.legend()


def _best(along, k):
    """Where a cut gives the greatest electric power; None where it is no solar cell."""
    power = -along.rate[k] * along.voltage
    solar = along.kinds[k] == "solar cell"
    return int(np.where(solar, power, -np.inf).argmax()) if solar.any() else None


def _map_findings(found, T):
    photon = found.modes[0, 0].E_ph
    expected = np.sign(found.voltage - reversal(photon, T, found.T_b)[:, None])
    wrong = int((np.sign(found.rate) * expected < 0).sum())
    parts = ", ".join(f"{kind} {(found.kinds == kind).mean():.3f}" for kind in _REGIONS)
    return [
        f"parts of the map: {parts}",
        f"emission on the wrong side of zero affinity: {wrong} of {found.rate.size} machines",
    ]


def _cut_findings(along, T):
    lines = []
    for k, hot in enumerate(along.T_b):
        part = along.values("efficiency")[k] / along.values("bound")[k]
        part = np.nanmax(part, initial=0.0)  # an absorber has none
        text = f"T_b = {hot / T:g} T: efficiency reaches {part:.4f} of its bound"
        best = _best(along, k)
        if best is not None:
            made = along.modes[k, best].operation
            text += (
                f"; solar cell of greatest power: efficiency {made.efficiency:.4f} "
                f"(Carnot {made.bound:.4f}, 1 - √(T/T_b) = {1 - np.sqrt(T / hot):.4f})"
            )
        lines.append(text)
    return lines
