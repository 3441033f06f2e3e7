"""Test the random streams, in the order in which runs use them, with dieharder.

    python scripts/random_battery.py lanes                            # the battery, test by test
    python scripts/random_battery.py lanes --write | dieharder -g 200 -a       # endless words
    python scripts/random_battery.py lanes --broken raw --tests 0 1   # a control that must fail

Trajectories end after 300 to 500 words, and are arranged as

    lanes         word k of 64 trajectories of one seed, then word k + 1 of each; when a trajectory
                  ends, the next one takes its place
    trajectories  one after the other
    seeds         like lanes, with trajectory 0 of the seeds s, s + 1, s + 2, ... 512 of them, then
                  trajectory 1 of each, ... 8 of them, then of the next 512 seeds

Kernels use the upper 52 bits of each word of 64. `--bits all` writes both halves of the word, lower
half first; `high` its upper 32 bits; `low` the lowest 32 of the bits that are used (12 to 43).

A test that comes out WEAK is repeated with three other seeds. Exit status 1 when a test FAILED.
"""

import argparse
import subprocess
import sys

import numpy as np
from numba import njit

from jumpsim import streams
from jumpsim.engine.random import next_bits

LANES, SEEDS, EACH = 64, 512, 8
ROUND = SEEDS * EACH  # trajectories drawn at once
# Numbers of the tests of dieharder and their parameter ntuple (0: the default). Omitted are tests
# that dieharder declares suspect or unusable (5, 6, 7, 14), and most lags of the lagged sums, which
# would need nine tenths of all words.
NTUPLES = {200: range(1, 13), 201: range(2, 6), 202: range(2, 6), 203: (0, 1, 2, 3, 7, 15, 31)}
TESTS = (*range(5), *range(8, 14), 15, 16, 17, 100, 101, 102, *range(200, 210))


def package_streams(arrangement, seed):
    """Random streams of trajectories, as used in runs."""
    for first in range(0, 2**62, ROUND):
        if arrangement != "seeds":
            yield streams.states(seed, first, first + ROUND, streams.JUMPS)
            continue
        several = [
            streams.states(seed + first // EACH + s, 0, EACH, streams.JUMPS) for s in range(SEEDS)
        ]
        yield np.stack(several, axis=1).reshape(ROUND, 4)


def raw(arrangement, seed):
    """Control: counters and keys as states, without Threefry."""
    for first in range(0, 2**62, ROUND):
        state = np.zeros((ROUND, 4), np.uint64)
        place = np.arange(ROUND, dtype=np.uint64)
        state[:, 1] = streams.JUMPS
        if arrangement == "seeds":
            state[:, 0] = place // np.uint64(SEEDS)
            state[:, 2] = np.uint64(seed + first // EACH) + place % np.uint64(SEEDS)
        else:
            state[:, 0] = np.uint64(first) + place
            state[:, 2] = seed
        yield state


def overlapping(arrangement, seed):  # noqa: ARG001 - the same for all
    """Control: in one stream, each trajectory begins 100 words after the previous one."""
    state = streams.states(seed, 0, 1, streams.JUMPS)
    while True:
        found = np.empty((ROUND, 4), np.uint64)
        for row in range(ROUND):
            found[row] = state[0]
            draw(state, np.array([100]), 1)
        yield found


CONTROLS = {"raw": raw, "overlapping": overlapping}


@njit
def draw(states, lengths, lanes):
    """Words of trajectories of these lengths, in the order in which `lanes` lanes draw them."""
    out = np.empty(lengths.sum(), np.uint64)
    row, left = np.arange(lanes), lengths[:lanes].copy()
    following, n = lanes, 0
    while n < len(out):
        for lane in range(lanes):
            if left[lane] == 0 and following < len(lengths):
                row[lane], left[lane] = following, lengths[following]
                following += 1
            if left[lane] > 0:
                out[n] = next_bits(states[row[lane]])
                left[lane] -= 1
                n += 1
    return out


def arranged(arrangement, seed, bits="all", make=package_streams):
    """Endless words of one arrangement, as arrays."""
    lanes = 1 if arrangement == "trajectories" else LANES
    rng = np.random.default_rng(seed)
    for states in make(arrangement, seed):
        words = draw(states, rng.integers(300, 501, ROUND), lanes)
        if bits == "all":
            yield words.astype("<u8")
        else:
            yield (words >> np.uint64({"high": 32, "low": 12}[bits])).astype("<u4")


def test(source, number, ntuple):
    """Run one test on the words from `source`, and print its results."""
    command = ["dieharder", "-g", "200", "-d", str(number), "-n", str(ntuple), "-c", ","]
    shown = ("test_name", "ntuple", "tsamples", "psamples", "pvalues", "assessment")
    command += [part for name in shown for part in ("-D", name)]
    done = subprocess.run(command, stdin=source, stdout=subprocess.PIPE, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line]
    print("\n".join(lines), flush=True)
    return lines


def main():
    """Write words, or test them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("arrangement", choices=("lanes", "trajectories", "seeds"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bits", choices=("all", "high", "low"), default="all")
    parser.add_argument("--broken", choices=CONTROLS)
    parser.add_argument("--tests", type=int, nargs="+", default=TESTS, metavar="NUMBER")
    parser.add_argument("--write", action="store_true", help="raw words to the standard output")
    options = parser.parse_args()
    if options.write:
        make = CONTROLS.get(options.broken, package_streams)
        for words in arranged(options.arrangement, options.seed, options.bits, make):
            try:
                sys.stdout.buffer.write(words.data)
            except BrokenPipeError:
                sys.stderr.close()  # suppresses the error when the output is closed
                return 0

    def battery(seed, tests):
        """Tests on the words of one seed, each with a new stream of words."""
        writer = [sys.executable, __file__, options.arrangement, "--write", "--seed", str(seed)]
        writer += ["--bits", options.bits]
        writer += ["--broken", options.broken] if options.broken else []
        with subprocess.Popen(writer, stdout=subprocess.PIPE) as source:
            lines = {case: test(source.stdout, *case) for case in tests}
            source.kill()
        return lines

    print(f"# {options.arrangement}, seed {options.seed}, bits {options.bits}, {options.broken}")
    found = battery(options.seed, [(t, n) for t in options.tests for n in NTUPLES.get(t, (0,))])
    weak = [case for case, lines in found.items() if any("WEAK" in line for line in lines)]
    for seed in range(options.seed + 10**6, options.seed + 10**6 + 3) if weak else ():
        print(f"# weak tests repeated, seed {seed}")
        battery(seed, weak)
    assessments = [line.rsplit(",", 1)[1] for lines in found.values() for line in lines]
    print(
        "#",
        {word: sum(word in one for one in assessments) for word in ("PASSED", "WEAK", "FAILED")},
    )
    return int(any("FAILED" in one for one in assessments))


if __name__ == "__main__":
    sys.exit(main())
