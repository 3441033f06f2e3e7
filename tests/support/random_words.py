"""Random streams that give a chosen word."""

import numpy as np


def state_with(word, draw):
    """State of xoshiro256++ of which the draw with this number (1, 2, ...) is the word."""
    turned = (word >> 23) | (word << 41) % 2**64  # the output of the state (0, x, y, turned)
    state = 0, 3, 5, turned
    for _ in range(draw - 1):
        state = _state_before(*(int(n) for n in state))
    return np.array(state, np.uint64)


def _state_before(n0, n1, n2, n3):
    """Invert one step of xoshiro256++."""
    mask = 2**64 - 1
    s3 = (n3 >> 45) | (n3 << 19) & mask  # after the first two lines of the step
    s1 = 0
    for _ in range(4):
        s1 = n1 ^ n2 ^ (s1 << 17) & mask
    s0 = n0 ^ s3
    return np.array([s0, s1, n1 ^ s1 ^ s0, s3 ^ s1], np.uint64)
