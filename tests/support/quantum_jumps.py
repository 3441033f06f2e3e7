"""Two-level machines as quantum jumps, and parts of figures, for the tests of their analyses."""

import numpy as np

import jumpsim as js

MACHINE = {
    "E_u": 10.0, "E_l": 0.0, "omega_cav": 12.0, "g": 1.0, "gamma_u": 1.0, "gamma_l": 1.5,
    "gamma_b": 0.5, "T_u": 1.0, "T_l": 1.0, "T_b": 6.0, "mu_u": 10.5, "mu_l": 0.5,
}  # fmt: skip

MODE = js.systems.two_level_mode(**MACHINE)

# The example in which bare energies break the second law: ∓0.01925488 per second.
FIELD = js.systems.two_level_field(10, 0, 12, 1, 1, 0.5, T_u=1, T_l=1, mu_u=11, mu_l=0)

EMPTY = {"u": 0, "l": 0, "photon": 0}


def near(value, exact, cap):
    """Within 4.5 standard errors, which must not be too large either."""
    mean, error = value
    assert abs(mean - exact) <= 4.5 * error
    assert error < cap


def bars(container):
    """x, y, and lengths of the error bars below and above."""
    x, y = container.lines[0].get_data()
    ends = np.array([s[:, 1] for s in container.lines[2][0].get_segments()])
    return np.array(x), np.array(y), y - ends[:, 0], ends[:, 1] - y


def drawn_line(axis, **wanted):
    """The one line of a style that is not the marks of an error bar."""
    marks = [line for container in axis.containers for line in container.lines[0:1]]
    some = [
        line for line in axis.lines
        if line not in marks and all(getattr(line, f"get_{k}")() == v for k, v in wanted.items())
        and line.get_linestyle() != "None"
    ]  # fmt: skip
    return [np.array(line.get_data()) for line in some]
