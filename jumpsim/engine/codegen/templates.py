"""Parts of the source code for one model structure, and the files from which numba compiles it.

The structure is: which pools each rate depends on, and what each channel changes. All constants
stay arguments. With a known structure the rates are computed without loops and tables.
"""

import functools
import hashlib
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...utils.files import new_file
from .cache import cache_folder

# For each channel: the pools of its factors; and pairs (pool, change).
Factors = tuple[tuple[int, ...], ...]
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
WAIT = """y = 2.0 - as_float(({first} >> U(12)) | ONE)
pattern = as_bits(y)
e = U(np.int64(pattern - ROOT_HALF) >> np.int64(52))
exponent = as_float(e + MAGIC) - 6755399441055744.0
f = as_float(pattern - (e << U(52)))
s = (f - 1.0) / (f + 1.0)
z = s * s
p = 2.0 / 21
""" + "".join(f"p = p * z + 2.0 / {n}\n" for n in range(19, 1, -2)) + """p = p * z + 2.0
{wait} = -(exponent * 0.6931471805599453 + s * p)
"""  # fmt: skip

# Time of the next event and by how much it is too late, as in random.py.
LATER = """step = {wait} - late
following = t + step
taken = following - t
following_late = ((following - taken) - t) + (taken - step)
"""


def structure(table: Any) -> tuple[Factors, Changes]:
    """Pools of each channel's factors, and what each channel changes, as tuples."""
    channels = range(len(table.constant))
    factors = tuple(
        tuple(int(p) for p in table.pool[int(table.first[c]) : int(table.first[c + 1])])
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


def size(table: Any, columns: int) -> int:
    """Number of terms in the code for a structure, from which the time to compile it follows."""
    return columns + len(table.constant) + len(table.pool) + len(table.change)


def numbers(table: Any) -> NDArray[np.float64]:
    """Constant, offsets and slopes of each channel, one after the other."""
    found = []
    for c in range(len(table.constant)):
        found.append(table.constant[c])
        for f in range(int(table.first[c]), int(table.first[c + 1])):
            found += [table.offset[f], table.slope[f]]
    return np.array(found)


def unpacked(factors: Factors) -> list[str]:
    """Lines that assign the `numbers` to variables."""
    lines, first = [], 0
    for c, used in enumerate(factors):
        lines.append(f"k{c} = numbers[{first}]")
        for f in range(len(used)):
            at = first + 1 + 2 * f
            lines.append(f"o{c}_{f}, s{c}_{f} = numbers[{at}], numbers[{at + 1}]")
        first += 1 + 2 * len(used)
    return lines


def rates(factors: Factors, bounds: dict[int, int]) -> list[str]:
    """Lines for the rates r, their cumulative sums c, and whether all are `valid`: ≥ 0, in bounds.

    `bounds` holds the largest acceptable count of each pool that needs one.
    """
    lines = []
    for c, used in enumerate(factors):
        product = "".join(f" * (o{c}_{f} + s{c}_{f} * x{p})" for f, p in enumerate(used))
        lines.append(f"r{c} = k{c}{product}")
        lines.append(f"c{c} = c{c - 1} + r{c}" if c else "c0 = r0")
    valid = [f"(r{c} >= 0.0)" for c in range(len(factors))]
    valid += [f"(x{p} < {float(bound)})" for p, bound in bounds.items()]
    return [*lines, "valid = " + " & ".join(valid)]


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
