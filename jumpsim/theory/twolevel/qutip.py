"""The same system as operators of QuTiP, for comparison and for other calculations."""

from typing import Any

from ...errors import InputError, whole_number
from ...systems.twolevel.parameters import ModeParameters


def to_qutip(parameters: ModeParameters, cutoff: int) -> tuple[Any, list[Any]]:
    """Hamiltonian and collapse operators of two levels and a mode (W 8, 17, 18) for QuTiP.

    Parameters
    ----------
    parameters : ModeParameters
        Such as `quantised_mode(...).parameters`.
    cutoff : int
        Largest photon number.

    Returns
    -------
    H : qutip.Qobj
    collapse : list of qutip.Qobj
        c_u†, c_u, c_l†, c_l, a†, a, each multiplied by the square root of its rate. The Hilbert
        space is upper ⊗ lower ⊗ photons; |0⟩ is an empty level, and c_l contains the sign of
        fermionic operators.

    Raises
    ------
    InputError
        When QuTiP is not installed, or `cutoff` is not valid.

    Examples
    --------
    >>> from jumpsim.theory import twolevel
    >>> mode = twolevel.quantised_mode(
    ...     1.0, 0.0, 1.0, 0.5, 1.0, 1.0, 1.0, f_u=1.0, f_l=0.0, n_b=0.0
    ... )
    >>> import qutip  # doctest: +SKIP
    >>> H, collapse = twolevel.to_qutip(mode.parameters, cutoff=20)  # doctest: +SKIP
    >>> qutip.steadystate(H, collapse)  # doctest: +SKIP
    """
    try:
        import qutip
    except ImportError:
        raise InputError("to_qutip needs QuTiP: pip install 'jumpsim[qutip]'") from None
    p, size = parameters, whole_number(cutoff, "cutoff", 1, 10**6) + 1
    lower, one = qutip.destroy(2), qutip.qeye(2)
    sign = qutip.Qobj([[1, 0], [0, -1]])
    c_u = qutip.tensor(lower, one, qutip.qeye(size))
    c_l = qutip.tensor(sign, lower, qutip.qeye(size))
    a = qutip.tensor(one, one, qutip.destroy(size))
    mixing = p.g * c_u.dag() * c_l * a
    energy = p.E_u * c_u.dag() * c_u + p.E_l * c_l.dag() * c_l + p.omega_cav * a.dag() * a
    collapse = [
        rate**0.5 * jump
        for rate, jump in (
            (p.gamma_u * p.f_u, c_u.dag()), (p.gamma_u * (1 - p.f_u), c_u),
            (p.gamma_l * p.f_l, c_l.dag()), (p.gamma_l * (1 - p.f_l), c_l),
            (p.gamma_b * p.n_b, a.dag()), (p.gamma_b * (1 + p.n_b), a),
        )
    ]  # fmt: skip
    return energy + mixing + mixing.dag(), collapse
