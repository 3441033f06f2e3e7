"""How much do emitters with different couplings change the open waveguide? Prints a table, draws.

    python scripts/inhomogeneous_broadening.py --figure docs/disorder.png

The couplings of M emitters are log-normal with the same mean as in BM Fig. 2. The averages of
trajectories are compared with the rate equations of all emitters, and both with identical emitters:
entropy production σ(t), the sorting N_B - N_A, and its fluctuations.
"""

import argparse
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

import jumpsim as js
from jumpsim.plotting.style import COLOURS, LINES
from jumpsim.utils.tables import columns

MEAN = 1e7  # per second: γ̃_1 = γ̃_11 of BM Fig. 2
GAMMA = 1e4  # per second: γ_dec = γ_0
TIMES = np.linspace(0, 1.5e-6, 61)
START = 0.58, 0.58, 0.27  # occupations of A, B and of the emitters


@dataclass
class Case:
    """Averages of one system; counts are divided by the number of emitters M."""

    width: float
    emitters: int
    trajectories: int
    field: np.ndarray  # rate equations of all emitters: A, B, m
    production: np.ndarray  # σ/M of the rate equations, k_B per second
    mean: np.ndarray  # of the trajectories
    sem: np.ndarray
    sorting: np.ndarray  # (N_B - N_A)/M of each trajectory

    @property
    def fluctuation(self) -> np.ndarray:
        """Variance of N_B - N_A divided by M, at each time."""
        return self.sorting.var(axis=0, ddof=1) * self.emitters

    @property
    def largest_deviation(self) -> float:
        """Largest deviation of trajectories and rate equations, in quanta."""
        return float(np.abs(self.mean - self.field).max() * self.emitters)


def rates(width: float, emitters: int) -> np.ndarray:
    """Log-normal rates whose mean over the distribution is that of identical emitters."""
    median = MEAN * np.exp(-(width**2) / 2)
    return np.array(js.lognormal_rates(median, width, emitters, seed=1))


def entropy_production(field: np.ndarray, excitations: np.ndarray, own: np.ndarray) -> np.ndarray:
    """σ/M in the rate equations of all emitters, k_B per second (BM 22, 23).

    Each event changes the entropy of a pool by ±x, with x = ln((1+n)/n) of a reservoir and
    x = ln((1-p)/p) of an emitter that is excited with probability p.
    """
    n_a, n_b = field[:, 0], field[:, 1]
    x_a, x_b = np.log1p(1 / n_a), np.log1p(1 / n_b)
    p = excitations
    x = np.log1p(-p) - np.log(p)
    transfer = GAMMA * (n_a * (1 + n_b) - n_b * (1 + n_a)) * (x_b - x_a)
    absorbed = own * (1 - p) * n_a[:, None] * (x - x_a[:, None])
    emitted = own * p * (1 + n_b[:, None]) * (x_b[:, None] - x)
    return transfer + (absorbed + emitted).mean(axis=1)


def case(width: float, emitters: int, trajectories: int) -> Case:
    """Simulate one system and solve its rate equations."""
    own = rates(width, emitters)
    pairs = [(rate, 0.0) for rate in own.tolist()]
    model = js.systems.open_waveguide(
        emitters, emitters, GAMMA, GAMMA, gamma_tilde=pairs, gamma_tilde_wg=pairs
    )
    start = dict(zip("ABm", (round(n * emitters) for n in START), strict=True))
    theory = js.mean_field(model, TIMES, start)
    run = js.simulate(model, TIMES, trajectories, start, seed=2)
    field = theory.counts / emitters
    return Case(
        width,
        emitters,
        trajectories,
        field,
        entropy_production(field, theory.excitations["m"], own),
        run.mean() / emitters,
        run.sem() / emitters,
        (run.counts[..., 1] - run.counts[..., 0]) / emitters,
    )


def row(found: Case, identical: Case) -> tuple[str, ...]:
    """One line of the printed table."""
    last, n = found.sorting[:, -1], found.trajectories
    error = last.std(ddof=1) / np.sqrt(n)
    spread = found.fluctuation[-1]
    ratio = spread / identical.fluctuation[-1]
    ratio_error = ratio * np.sqrt(2 / (n - 1) + 2 / (identical.trajectories - 1))
    lowest = TIMES[found.production.argmin()] * 1e6
    return (
        f"{found.emitters:,}",
        f"{found.width:g}",
        f"{last.mean():.4f} ± {error:.4f}",
        f"{found.field[-1, 1] - found.field[-1, 0]:.4f}",
        f"{spread:.3f}",
        f"{ratio:.3f} ± {ratio_error:.3f}",
        f"{found.production.min() / 1e6:.3f} at {lowest:.3g}",
        f"{found.largest_deviation:.2f}",
    )


HEAD = (
    "M", "width", "(N_B-N_A)/M", "rate eq.", "var/M", "var/identical", "lowest σ/M, k_B/µs at µs",
    "largest deviation",
)  # fmt: skip


def draw(cases: list[Case]) -> plt.Figure:
    """Sorting, entropy production and fluctuations against time."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.3), layout="constrained")
    few = min(c.emitters for c in cases)
    time, every = TIMES * 1e6, slice(None, None, 6)
    widths = dict.fromkeys(c.width for c in cases)
    style = {w: {"color": COLOURS[k], "ls": LINES[k]} for k, w in enumerate(widths)}
    for found in cases:
        look, label = style[found.width], f"width {found.width:g}"
        if found.emitters == few:
            sorting = found.field[:, 1] - found.field[:, 0]
            axes[0].plot(time, sorting, **look, label=f"{label}, rate eq.")
            sem = found.sorting.std(axis=0, ddof=1) / np.sqrt(found.trajectories)
            axes[0].errorbar(
                time[every], found.sorting.mean(axis=0)[every], 2 * sem[every], fmt="o", ms=3,
                color=look["color"], label=f"{label}, trajectories, M = {few}",
            )  # fmt: skip
            axes[2].plot(time, found.fluctuation, **look, label=f"{label}, M = {few}")
        else:
            own = f"{label}, M = {found.emitters:,}"
            axes[1].plot(time, found.production / 1e6, **look, label=own)
            spread = found.fluctuation
            error = spread * np.sqrt(2 / (found.trajectories - 1))
            axes[2].errorbar(
                time[every], spread[every], 2 * error[every], fmt="s", ms=3, color=look["color"],
                label=f"{label}, M = {found.emitters:,}",
            )  # fmt: skip
    axes[1].axhline(0, color="0.6", lw=0.8)
    axes[0].set_ylabel("sorting (N_B - N_A)/M")
    axes[1].set_ylabel("entropy production σ/M (k_B/µs)")
    axes[2].set_ylabel("variance of N_B - N_A, divided by M")
    for letter, panel in zip("abc", axes, strict=True):
        panel.set_xlabel("time (µs)")
        panel.set_title(f"({letter})", loc="left", fontsize="medium")
        panel.legend(fontsize="x-small", frameon=False)
    return figure


def main() -> None:
    """Run all cases, print the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=float, nargs="+", default=[0.0, 0.3, 1.0])
    parser.add_argument("--emitters", type=int, nargs=2, default=[100, 10_000])
    parser.add_argument("--trajectories", type=int, nargs=2, default=[20_000, 1_000])
    parser.add_argument("--figure", default="results/disorder.png")
    options = parser.parse_args()
    cases, rows = [], []
    for emitters, trajectories in zip(options.emitters, options.trajectories, strict=True):
        found = [case(width, emitters, trajectories) for width in options.widths]
        rows += [row(c, found[0]) for c in found]
        cases += found
    print("\n".join(columns(rows, HEAD, right=range(len(HEAD)))))
    draw(cases).savefig(options.figure, dpi=150)


if __name__ == "__main__":
    main()
