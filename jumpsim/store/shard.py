"""Independent parts of one run: shard k of K has a fixed range of the trajectory indices."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..utils.files import AnyPath, as_path, without_ending

_NAME = r"\.shard-(\d+)-of-(\d+)\.h5"
_MOST = 10**6


@dataclass(frozen=True, order=True)
class Shard:
    """Shard `number` of `of`, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read a text such as "3/7".

        Raises
        ------
        InputError
            When the text has another form, or when the numbers are not 1 ≤ k ≤ K.

        Examples
        --------
        >>> Shard.parse("3/7").span(70)
        (20, 30)
        """
        found = re.fullmatch(r"(\d{1,7})/(\d{1,7})", str(text).strip(), re.ASCII)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of <= _MOST:
            raise InputError(
                f"`shard` must be k/K with 1 ≤ k ≤ K, such as 3/7 for the third of seven, "
                f"but is {text!r}"
            )
        return cls(number, of)

    def span(self, ntraj: int) -> tuple[int, int]:
        """First and last + 1 of its indices below `ntraj`; each index is in exactly one shard."""
        return (self.number - 1) * ntraj // self.of, self.number * ntraj // self.of

    def path(self, path: AnyPath) -> Path:
        """File of this shard, for the run with the output `path`."""
        path = without_ending(as_path(path, "store"))
        width = len(str(self.of))  # so that the order of names is the order of indices
        return path.with_name(f"{path.name}.shard-{self.number:0{width}d}-of-{self.of}.h5")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def shard_of(path: str | Path) -> Shard | None:
    """Shard that the name of a file stands for, or None."""
    found = re.search(_NAME + "$", Path(path).name, re.ASCII)
    return Shard(int(found[1]), int(found[2])) if found else None


def shards(path: AnyPath) -> list[tuple[Shard, Path]]:
    """Shards of the run with the output `path`.

    Returns
    -------
    list of (Shard, pathlib.Path)
        Sorted; only shards that have a file or a folder of blocks.
    """
    path = as_path(path, "store")
    name = re.compile(re.escape(without_ending(path).name) + _NAME + r"(\.blocks)?", re.ASCII)
    found = {}
    if path.parent.is_dir():
        for file in path.parent.iterdir():
            if match := name.fullmatch(file.name):
                file = file.with_name(file.name.removesuffix(".blocks"))
                found[file] = Shard(int(match[1]), int(match[2]))
    return sorted((shard, file) for file, shard in found.items())
