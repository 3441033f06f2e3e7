"""Parts of the source code for one model structure, and the files from which numba compiles it.

The structure is: which pools each rate depends on, and what each channel changes. All constants
stay arguments. With a known structure the rates are computed without loops and tables.
"""

import functools
import hashlib
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...utils.files import new_file
from .cache import cache_folder


class Factor(NamedTuple):
    """A factor offset + slope x of a rate.

    Attributes
    ----------
    pool : int
        Pool with the count x.
    number : int
        Place among the factors of all channels; that of the first of several equal factors.
    expression : str
        The fewest operations that give the same bits.
    rising : bool
        Whether offset and slope are ≥ 0, so that the factor is ≥ 0 for a count ≥ 0.
    """

    pool: int
    number: int
    expression: str
    rising: bool


# For each channel: its factors; and pairs (pool, change).
Factors = tuple[tuple[Factor, ...], ...]
Changes = tuple[tuple[tuple[int, int], ...], ...]

HEAD = '''"""Written by jumpsim.engine for one structure of a model; may be removed."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from jumpsim.utils.compiled import njit

U = np.uint64
ONE = np.uint64(0x3FF0000000000000)
ROOT_HALF = np.uint64(0x3FE6A09E667F3BCD)
MAGIC = np.uint64(0x4338000000000000)


@intrinsic
def as_float(context, bits):
    def code(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), code


@intrinsic
def as_bits(context, number):
    def code(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), code


@intrinsic
def wide_vectors(context):
    def code(context, builder, signature, arguments):
        # For this function alone: LLVM otherwise uses only half of the vector units of many
        # processors with AVX-512, and puts variables of 64 bytes across two lines of the cache.
        # llvmlite refuses attributes with a value in `add`, but writes them.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        builder.function.attributes.alignstack = 64
        return context.get_dummy_value()

    return types.none(), code


'''

# One output of xoshiro256++.
DRAW = """m = a + d
{out} = ((m << U(23)) | (m >> U(41))) + a
h = b << U(17)
c ^= a
d ^= b
b ^= c
a ^= d
c ^= h
d = (d << U(45)) | (d >> U(19))
"""

# Waiting time for a rate of 1 from the bits `first`. The same operations as in random.py; the
# exponent becomes a float through its bits, which is exact and compiles to vector code.
UNIFORM = "y = 2.0 - as_float(({first} >> U(12)) | ONE)\n"
REDUCE = """pattern = as_bits(y)
e = U(np.int64(pattern - ROOT_HALF) >> np.int64(52))
exponent = as_float(e + MAGIC) - 6755399441055744.0
f = as_float(pattern - (e << U(52)))
s = (f - 1.0) / (f + 1.0)
"""
SERIES = ["p = 2.0 / 21", *(f"p = p * z + 2.0 / {n}" for n in range(19, 0, -2))]
SCALED = "{wait} = -(exponent * 0.6931471805599453 + s * p)\n"
WAIT = UNIFORM + REDUCE + "\n".join(["z = s * s", *SERIES, SCALED])

# Time of the next event and by how much it is too late, as in random.py.
LATER = """step = {wait} - late
following = t + step
taken = following - t
following_late = ((following - taken) - t) + (taken - step)
"""


def structure(table: Any) -> tuple[Factors, Changes]:
    """Each channel's factors, and what each channel changes, as tuples."""
    channels = range(len(table.constant))
    numbers: dict[tuple[int, float, float], int] = {}
    factors = tuple(
        tuple(
            _factor(numbers, int(table.pool[f]), float(table.offset[f]), float(table.slope[f]))
            for f in range(int(table.first[c]), int(table.first[c + 1]))
        )
        for c in channels
    )
    changes = tuple(
        tuple(
            (int(table.change_pool[i]), int(table.change[i]))
            for i in range(int(table.change_first[c]), int(table.change_first[c + 1]))
        )
        for c in channels
    )
    return factors, changes


def _factor(
    numbers: dict[tuple[int, float, float], int], pool: int, offset: float, slope: float
) -> Factor:
    number = numbers.setdefault((pool, offset, slope), len(numbers))
    rising = offset >= 0.0 and slope >= 0.0
    o, s, x = f"o{number}", f"s{number}", f"x{pool}"
    product = {1.0: x}.get(slope, f"{s} * {x}")
    if offset == 0.0 and rising:  # else the product could be -0.0
        expression = product
    else:
        expression = f"{o} - {x}" if slope == -1.0 else f"{o} + {product}"
    return Factor(pool, number, expression, rising)


def size(table: Any, columns: int) -> int:
    """Number of terms in the code for a structure, from which the time to compile it follows."""
    return columns + len(table.constant) + len(table.pool) + len(table.change)


def numbers(table: Any) -> NDArray[np.float64]:
    """Constants of the channels, then offset and slope of each different factor."""
    distinct = dict.fromkeys(zip(table.pool, table.offset, table.slope, strict=True))
    return np.array([*table.constant, *(x for _, *both in distinct for x in both)])


def unpacked(factors: Factors) -> list[str]:
    """Lines that assign the `numbers` to variables."""
    first = len(factors)
    lines = [f"k{c} = numbers[{c}]" for c in range(first)]
    for f in range(1 + max((f.number for used in factors for f in used), default=-1)):
        lines.append(f"o{f}, s{f} = numbers[{first + 2 * f}], numbers[{first + 2 * f + 1}]")
    return lines


def rates(factors: Factors, bounds: dict[int, int]) -> list[str]:
    """Lines for the rates r, their cumulative sums c, and whether all are `valid`: ≥ 0, in bounds.

    `bounds` holds the largest acceptable count of each pool that needs one.
    """
    distinct = {f.number: f.expression for used in factors for f in used}
    lines = [f"f{number} = {expression}" for number, expression in distinct.items()]
    for c, used in enumerate(factors):
        lines.append(f"r{c} = " + " * ".join([f"k{c}", *(f"f{f.number}" for f in used)]))
        # From 0.0 on: a rate x (x - 1) is -0.0 at x = 0, and division by -0.0 gives -inf.
        lines.append(f"c{c} = {f'c{c - 1}' if c else '0.0'} + r{c}")
    return [*lines, "valid = " + " & ".join([*_checks(factors, bounds), "True"])]


def _checks(factors: Factors, bounds: dict[int, int]) -> Iterator[str]:
    """Conditions for valid rates: of the counts of rising factors, and of rates with others.

    Floats ≥ 0 are ordered as their bits, and those below 0 have larger bits: one comparison of bits
    finds out whether a count is in bounds and not negative.
    """
    rising = {f.pool for used in factors for f in used if f.rising}
    for p in sorted(rising | set(bounds)):
        if p in bounds:
            yield f"(as_bits(x{p}) < U({np.float64(bounds[p]).view(np.uint64)}))"
        else:
            yield f"(x{p} >= 0.0)"
    for c, used in enumerate(factors):
        if not all(f.rising for f in used):
            yield f"(r{c} >= 0.0)"


def by_pool(changes: Changes, columns: int) -> list[list[int]]:
    """Change of each column (outer list) by each channel (inner list)."""
    return [[dict(change).get(p, 0) for change in changes] for p in range(columns)]


def growing(changes: Changes, pools: int) -> list[int]:
    """Pools that at least one channel increases."""
    return [p for p, change in enumerate(by_pool(changes, pools)) if max(change) > 0]


def indented(spaces: int, lines: str | list[str]) -> str:
    """Indented text of these lines."""
    lines = lines.splitlines() if isinstance(lines, str) else lines
    return "\n".join(" " * spaces + line for line in lines)


@functools.lru_cache(maxsize=64)
def module(prefix: str, write: Callable[..., str], *structure: Any) -> types.ModuleType:
    """Module with the source code `write(*structure)`, in a file that is named by its content.

    Raises
    ------
    OSError
        When the folder of compiled code cannot be written to.
    """
    text = write(*structure)
    name = f"{prefix}_{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
    return executed(written(cache_folder() / f"{name}.py", text))


def executed(file: Path) -> types.ModuleType:
    """Module of a file that `module` has written; its functions are declared, not yet compiled."""
    made = types.ModuleType(file.stem)
    made.__file__ = str(file)
    sys.modules[file.stem] = made  # where numba looks when it loads from its cache
    exec(compile(file.read_text("utf-8"), file, "exec"), vars(made))
    return made


def written(file: Path, text: str) -> Path:
    """Write a source file unless it exists; several processes may do so at the same time."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # numba's cache depends on the time of the last change: a file that is there stays as it is.
        with new_file(file, replace=False) as temporary:
            temporary.write_text(text, "utf-8")
    return file
