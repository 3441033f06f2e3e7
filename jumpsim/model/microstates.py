"""How many microscopic states stand behind a count: the weight of every equilibrium law."""


def log_states(pool, counts):
    """Natural logarithm of the number of states of one pool: Boltzmann's entropy in k_B.

    C(N+𝒩-1, N) for N photons in 𝒩 modes (by Γ functions when 𝒩 is not whole), C(M, m) for m of M
    two-level systems, 1 for a level, 1/X! for a species (equal particles without states).

    Parameters
    ----------
    pool : Pool
    counts : array_like of int

    Returns
    -------
    ndarray of float
    """
    from scipy.special import gammaln  # here, because it takes long to load

    if pool.kind == "bosonic":
        return gammaln(counts + pool.size) - gammaln(pool.size) - gammaln(counts + 1.0)
    if pool.kind == "mass_action":
        return -gammaln(counts + 1.0)
    return gammaln(pool.size + 1.0) - gammaln(counts + 1.0) - gammaln(pool.size - counts + 1.0)
