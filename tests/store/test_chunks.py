"""Chunks that are made here are what HDF5 makes, and blocks are put together without new ones."""

import zlib

import h5py
import numpy as np
import pytest

import jumpsim as js
from jumpsim.run import block_task
from jumpsim.store import FileStore, WritableStore, chunks, hdf5_layout
from jumpsim.store.block import Block, narrowest
from jumpsim.store.outcome import Kind, Outcome
from jumpsim.store.plan import Plan

DONE = Outcome(Kind.COMPLETE, 43)
TYPES = (np.int16, np.int32, np.int64, np.float64)


def numbers(shape, dtype, seed=1):
    """Numbers of all sizes that the type can hold."""
    generator = np.random.default_rng(seed)
    if dtype == np.float64:
        return generator.normal(size=shape)
    top = np.iinfo(dtype).max >> generator.integers(0, 12)
    return generator.integers(0, top, shape, dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("rows", [1, 4, 5])
def test_hdf5_reads_what_is_encoded(dtype, rows, tmp_path):
    array = numbers((rows, 7, 3), dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        stored = file.create_dataset("x", array.shape, dtype, chunks=(5, 7, 3), maxshape=(9, 7, 3),
                                     **chunks.FILTERS)  # fmt: skip
        stored.id.write_direct_chunk((0, 0, 0), chunks.encode(array, 5).data)
        assert np.array_equal(stored[()], array)


def test_a_leaf_is_of_the_numbers_and_not_of_their_type():
    small = numbers((4, 3), np.int16)
    assert chunks.leaf(small) == chunks.leaf(small.astype(np.int64)) == chunks.encode(small, 9).leaf
    for wrong in (small[::-1], small[:3], small + 256, small.astype(float), small.T):
        assert chunks.leaf(wrong) != chunks.leaf(small)


@pytest.mark.parametrize("dtype", TYPES)
def test_packed_rows_are_the_rows(dtype):
    array = numbers((11, 3, 2), dtype)
    packed = chunks.PackedRows(array, 4)
    assert len(packed.chunks) == 2
    for first in range(12):
        for last in range(first, 13):
            found = packed[first:last]
            assert found.dtype == dtype
            assert np.array_equal(found, array[first:last]), (first, last)


@pytest.mark.parametrize("lengths", [(10,), (3, 1, 6), (0, 4, 0, 4, 2), (1,) * 10, ()])
@pytest.mark.parametrize("number", [1, 3, 4, 20])
def test_slabs_of_any_length_are_cut_alike(lengths, number):
    array = np.arange(sum(lengths))
    slabs = np.split(array, np.cumsum(lengths)[:-1]) if lengths else []
    found = list(chunks.cut(slabs, number))
    assert [len(f) for f in found[:-1]] == [number] * (len(found) - 1)
    assert np.array_equal(np.concatenate([*found, []]), array)


def test_the_narrowest_type_holds_the_numbers():
    for number, dtype in ((0, np.int16), (32767, np.int16), (32768, np.int32), (-32769, np.int32),
                          (2**31 - 1, np.int32), (2**31, np.int64)):  # fmt: skip
        assert narrowest(np.array([number, 0])) == dtype


def test_a_compressor_that_errs_is_found(monkeypatch):
    monkeypatch.setattr(chunks, "compress", lambda data, level: zlib.compress(data[::-1], level))
    with pytest.raises(js.StoreError, match="does not decompress"):
        chunks.encode(numbers((4, 3), np.int16), 4)
    with pytest.raises(js.StoreError, match="does not decompress"):  # of a block the first chunk
        chunks.PackedRows(numbers((9, 3), np.int16), 4)


@pytest.fixture
def plan(waveguide, microseconds, monkeypatch):
    row = 2 * len(microseconds) * len(waveguide.channels)
    monkeypatch.setattr(hdf5_layout, "_CHUNK_BYTES", 8 * row)
    made = Plan(waveguide, js.Thermal(1.0), microseconds, 5, ("counts", "jumps"))
    assert hdf5_layout.chunk_rows(made) == 8
    return made


def stored(path, plan, spans, packed=True):
    """A finished store that was written in these blocks."""
    store = WritableStore(path, plan)
    for first, last in spans:
        chunk_rows = store.chunk_rows if packed else None
        store.write([block_task.run_block(plan, first, last, chunk_rows=chunk_rows)[0]])
    store.finish(DONE, complete=True)
    return FileStore(path)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "spans",
    [[(0, 43)], [(0, 16), (16, 40), (40, 43)], [(0, 3), (3, 20), (20, 43)], [(8, 43), (0, 8)]],
)
def test_any_blocks_make_the_same_file(spans, packed, plan, tmp_path):
    store = stored(tmp_path / "a.h5", plan, spans, packed)
    once, _ = block_task.run_block(plan, 0, 43)
    part = store.parts[0]
    part.verify()
    assert np.array_equal(part.read("counts", 0, 43), once.arrays["counts"])
    assert np.array_equal(part.read("jumps", 0, 43), once.arrays["jumps"])
    assert part.checksum == stored(tmp_path / "b.h5", plan, [(0, 43)]).parts[0].checksum


@pytest.fixture
def encoded(monkeypatch):
    """Rows of each chunk that is compressed."""
    found, encode = [], chunks.encode

    def counted(rows, number, checked=True):
        found.append(len(rows))
        return encode(rows, number, checked)

    monkeypatch.setattr(chunks, "encode", counted)
    return found


def test_chunks_of_blocks_are_taken_over(plan, tmp_path, encoded):
    stored(tmp_path / "a.h5", plan, [(0, 16), (16, 40)])
    assert sum(encoded) == 3 * 40  # counts, jumps and the number of events, each once
    encoded.clear()
    stored(tmp_path / "a.h5", plan, [(40, 48)])  # the finished file is one more part
    assert sum(encoded) == 3 * 8


@pytest.mark.usefixtures("every_block_at_once")
def test_a_run_compresses_each_trajectory_once_and_in_its_workers(
    plan, tmp_path, encoded, monkeypatch
):
    delivered, write = [], WritableStore.write

    def looked_at(store, blocks):
        delivered.extend(blocks)
        write(store, blocks)

    monkeypatch.setattr(WritableStore, "write", looked_at)
    arguments = plan.model, plan.times, 64, plan.initial, 5, plan.record
    js.simulate(*arguments, store=tmp_path / "a.h5", block_size=20, workers=1)
    # Two that end at the same time may come in any order.
    assert sorted((block.first, block.last) for block in delivered) == [
        (0, 16),
        (16, 32),
        (32, 48),
        (48, 64),
    ]
    assert all(isinstance(block.arrays["counts"], chunks.PackedRows) for block in delivered)
    assert sum(encoded) == 3 * 64


@pytest.mark.parametrize("together", [True, False])
def test_larger_numbers_in_a_later_block_widen_the_file(together, plan, tmp_path):
    one, two = (block_task.run_block(plan, first, first + 8)[0] for first in (0, 8))
    larger = two.arrays["counts"] + np.int32(2**20)
    two = Block(8, 16, two.events, {**two.arrays, "counts": larger})
    store = WritableStore(tmp_path / "a.h5", plan)
    if together:
        store.write([one.packed(8), two.packed(8)])
    else:
        store.write([one.packed(8)])
        store.write([two.packed(8)])
        assert [part.dtype("counts") for part in store.parts] == [np.int16, np.int32]
    store.finish(DONE, complete=True)
    part = FileStore(tmp_path / "a.h5").parts[0]
    part.verify()
    assert part.dtype("counts") == np.int32
    both = np.concatenate([one.arrays["counts"], larger])
    assert np.array_equal(part.read("counts", 0, 16), both)


def test_chunks_of_another_size_are_not_taken_over(plan, tmp_path, monkeypatch):
    once = stored(tmp_path / "a.h5", plan, [(0, 32)]).parts[0]
    store = WritableStore(tmp_path / "b.h5", plan)
    with monkeypatch.context() as patch:
        patch.setattr(hdf5_layout, "_CHUNK_BYTES", 2 * hdf5_layout._CHUNK_BYTES)
        store.write([block_task.run_block(plan, 0, 32)[0]])
    store.finish(DONE, complete=True)
    part = FileStore(tmp_path / "b.h5").parts[0]
    part.verify()
    assert part.checksum == once.checksum


def test_a_file_that_lost_its_seal_is_not_taken_over_unseen(plan, tmp_path):
    first = stored(tmp_path / "a.h5", plan, [(0, 16)])
    assert first.parts[0].complete_chunks("counts", 8, np.int16) == 2
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["counts"].attrs["leaves"] = np.zeros(32, np.uint8)
    part = FileStore(tmp_path / "a.h5").parts[0]
    assert part.complete_chunks("counts", 8, np.int16) == 0
    grown = stored(tmp_path / "a.h5", plan, [(16, 24)]).parts[0]
    grown.verify()
    assert grown.checksum == stored(tmp_path / "b.h5", plan, [(0, 24)]).parts[0].checksum


def test_without_the_faster_library_the_content_is_the_same(plan, tmp_path, monkeypatch):
    fast = stored(tmp_path / "a.h5", plan, [(0, 20)]).parts[0]
    for name in ("compress", "crc32"):
        monkeypatch.setattr(chunks, name, getattr(zlib, name))
    monkeypatch.setattr(chunks, "decompress", zlib.decompress)
    slow = stored(tmp_path / "b.h5", plan, [(0, 20)]).parts[0]
    slow.verify()
    assert slow.checksum == fast.checksum
