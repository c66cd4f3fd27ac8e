"""A program that writes a journal until it is stopped and says what it was promised: run it, cut the power, compare.

    python -m tests.world.steady_writer PATH MODE SEED BATCHES PAUSE_MS

MODE `sync` is the journal as it is. MODE `nosync` is the control: the same code over LMDB without syncs, with one
`env.sync()` after every few batches, and promises given only after it. BATCHES 0 means for ever. On stdout, 8 bytes
big-endian each: 0 once the journal is open, then every sequence number that was promised to be durable.
"""

import os
import sys
import time
from typing import Any

import lmdb
import numpy as np

from journal import STEP_END, Frames, Writer, environment

BATCHES_PER_SYNC = 5
opened: list[Any] = []


def promise(seq: int) -> None:
    """Say that everything up to a sequence number is durable."""
    os.write(1, seq.to_bytes(8, "big"))


def drop_syncs() -> None:
    """Make every environment of this process one that does not sync, and remember it."""
    environment.FLAGS["sync"] = False
    really_open = lmdb.open

    def remembered(*words: Any, **options: Any) -> Any:
        env = really_open(*words, **options)
        opened.append(env)
        return env

    lmdb.open = remembered


def append_batch(writer: Writer, rng: np.random.Generator) -> None:
    """One batch of 1 to 60 rows, with frames and bodies now and then."""
    from journal import SLOT

    n = int(rng.integers(1, 61))
    rows = np.zeros(n, SLOT)
    rows["kind"] = rng.integers(1, 20, n)
    rows["words"] = rng.integers(0, 2**62, (n, 6))
    rows["flags"][-1] = STEP_END
    frames = None
    if rng.random() < 0.7:
        raw = rng.bytes(50 * n).replace(b"\n", b" ") + b"\n"
        frames = Frames(np.zeros(1, "<u4"), np.array([len(raw) - 1], "<u4"), np.ones(1, "<u2"), raw)
    bodies = [(0, rng.bytes(30))] if rng.random() < 0.3 else []
    writer.append(rows, bodies=bodies, frames=frames, meta={b"app/at": rng.bytes(8)})


def main(path: str, mode: str, seed: str, batches: str, pause_ms: str) -> None:
    """Write and promise."""
    if mode == "nosync":
        drop_syncs()
    rng = np.random.default_rng(int(seed))
    with Writer.open(path, map_size_bytes=1 << 28) as writer:
        promise(0)
        done = 0
        while done < int(batches) or batches == "0":
            append_batch(writer, rng)
            done += 1
            time.sleep(int(pause_ms) / 1000)
            if mode == "sync":
                if rng.random() < 0.5:
                    writer.flush()
                promise(writer.durable_seq)
            elif done % BATCHES_PER_SYNC == 0:
                writer.flush()
                opened[-1].sync(True)
                promise(writer.durable_seq)


if __name__ == "__main__":
    main(*sys.argv[1:])
