"""Sealed files as properties: every range reads as written, and no change of a byte reads as something else."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from media.recording.sealed_file import SealedReader, SealedWriter, finish_after_crash
from media.recording.sealing import Seal, SealedKind, SealError, SealUnfinished

SEAL = Seal("3f2b1c0d-9e8f-4a7b-8c6d-5e4f3a2b1c0d", bytes(range(32)))
CHUNK_BYTES = 11

# What is written: pieces of plaintext, each after so many bytes that were left out; and how far the length is off.
PIECES = st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=40)), max_size=6)


@dataclass(frozen=True)
class Course:
    """A file as it was written, and what must be read of it."""

    pieces: list[tuple[int, bytes]]
    beyond: int

    @property
    def plain(self) -> bytes:
        whole = b"".join(bytes(gap) + piece for gap, piece in self.pieces)
        return whole[: max(0, len(whole) + self.beyond)] + bytes(max(0, self.beyond))

    def write(self, path: Path, *, end: bool = True, seal: Seal = SEAL) -> None:
        writer = SealedWriter(path, SealedKind.PCM, seal, chunk_bytes=CHUNK_BYTES)
        try:
            at = 0
            for gap, piece in self.pieces:
                writer.write(piece, at + gap)
                at += gap + len(piece)
            if end:
                writer.finish(len(self.plain))
        finally:
            writer.close()


COURSES = st.builds(Course, PIECES, st.integers(-50, 50))


@contextmanager
def opened(path: Path) -> Iterator[SealedReader]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield SealedReader(descriptor, SealedKind.PCM, SEAL)
    finally:
        os.close(descriptor)


@contextmanager
def a_file(course: Course, *, end: bool = True) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sealed")
        course.write(path, end=end)
        yield path


@settings(max_examples=150)
@given(course=COURSES, ranges=st.lists(st.tuples(st.integers(0, 350), st.integers(0, 350)), max_size=8))
def test_every_range_reads_as_it_was_written(course: Course, ranges: list[tuple[int, int]]) -> None:
    with a_file(course) as path, opened(path) as reader:
        plain = course.plain
        assert reader.length == len(plain)
        assert reader.read_at(0, len(plain) + 10) == plain
        for offset, size in ranges:
            assert reader.read_at(offset, size) == plain[offset : offset + size]
        reader.check()


@settings(max_examples=400)
@given(course=COURSES, data=st.data())
def test_no_changed_byte_reads_as_something_else(course: Course, data: st.DataObject) -> None:
    with a_file(course) as path:
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        offset, size = data.draw(st.integers(0, 300)), data.draw(st.integers(1, 300))
        right = course.plain[offset : offset + size]
        try:
            with opened(path) as reader:
                assert reader.read_at(offset, size) == right
                reader.check()
        except SealError:
            return
        raise AssertionError(f"byte {at} was changed, and nobody saw it")


@settings(max_examples=200)
@given(course=COURSES, data=st.data())
def test_a_file_that_was_cut_off_or_grew_is_refused(course: Course, data: st.DataObject) -> None:
    with a_file(course) as path:
        content = path.read_bytes()
        cut = data.draw(st.integers(0, len(content) - 1))
        for changed in (content[:cut], content + content[cut:]):
            path.write_bytes(changed)
            try:
                with opened(path):
                    raise AssertionError("it was opened")
            except SealError:
                pass


@settings(max_examples=200)
@given(course=COURSES, data=st.data())
def test_what_a_crash_left_is_finished_after_its_last_whole_chunk(course: Course, data: st.DataObject) -> None:
    with a_file(course, end=False) as path:
        content = path.read_bytes()
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        try:
            with opened(path):
                raise AssertionError("it has no end")
        except SealError:
            pass
        length = finish_after_crash(path, SealedKind.PCM, SEAL, unit_bytes=4, entropy=os.urandom)
        whole = b"".join(bytes(gap) + piece for gap, piece in course.pieces)
        assert length % 4 == 0
        with opened(path) as reader:
            assert reader.read_at(0, 1000) == whole[:length]
            reader.check()
        finished = path.read_bytes()
        assert finish_after_crash(path, SealedKind.PCM, SEAL, unit_bytes=4, entropy=os.urandom) == length
        assert path.read_bytes() == finished


@settings(max_examples=100)
@given(course=COURSES)
def test_what_was_not_cut_off_is_kept_whole_by_the_finish(course: Course) -> None:
    with a_file(course, end=False) as path:
        whole = b"".join(bytes(gap) + piece for gap, piece in course.pieces)
        try:
            with opened(path):
                raise AssertionError("it has no end")
        except SealUnfinished:
            pass
        assert finish_after_crash(path, SealedKind.PCM, SEAL, unit_bytes=1, entropy=os.urandom) == len(whole)


@settings(max_examples=100)
@given(pieces=st.lists(st.binary(min_size=1, max_size=CHUNK_BYTES), min_size=2, max_size=6), data=st.data())
def test_chunks_left_out_moved_or_repeated_are_seen(pieces: list[bytes], data: st.DataObject) -> None:
    with a_file(Course([(0, piece) for piece in pieces], 0)) as path:
        content = path.read_bytes()
        head, chunks = _cut_up(content, [len(piece) for piece in pieces])
        order = data.draw(st.lists(st.integers(0, len(chunks) - 1), max_size=len(chunks) + 1))
        changed = head + b"".join(chunks[at] for at in order)
        if changed == content:
            return
        path.write_bytes(changed)
        whole = b"".join(pieces)
        try:
            with opened(path) as reader:
                assert reader.read_at(0, 1000) == whole
                reader.check()
        except SealError:
            return
        raise AssertionError(f"chunks in the order {order}, and nobody saw it")


def _cut_up(content: bytes, lengths: list[int]) -> tuple[bytes, list[bytes]]:
    """A file's head and its chunks, the end among them."""
    sizes = [33 + length + 16 for length in (*lengths, 0)]
    at = len(content) - sum(sizes)
    chunks = []
    for size in sizes:
        chunks.append(content[at : at + size])
        at += size
    return content[: len(content) - sum(sizes)], chunks
