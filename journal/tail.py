"""Following a journal from another process (or thread): what is durable, in order, for ever.

Each poll opens a new read transaction, copies the whole batches it finds and ends the transaction before it hands
anything out or sleeps. LMDB's last transaction id is never used as a wake-up: it is published while the meta page is
still being written, so it runs ahead of what a transaction shows.
"""

import os
import queue
from collections.abc import Iterable, Iterator
from typing import Final

from journal.batch import Batch, kind_bits
from journal.errors import CorruptError
from journal.limits import MIB
from journal.reader import Reader, View

POLL_S: Final = 0.05
POLL_BATCHES: Final = 64
POLL_BYTES: Final = 8 * MIB


class Tail:
    """Iterates over the batches of a journal from a sequence number on, waiting for new ones, until stopped.

    The batches own their bytes. Every batch's checksum and its link to the batch before are compared, those skipped
    included. The journal need not exist yet.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        first: int = 1,
        kinds: Iterable[int] | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        """Follow a journal.

        Args:
            path: The journal's directory.
            first: Sequence number to begin with, from 1; the batch that holds it comes whole.
            kinds: Leave out batches that certainly hold none of these kinds.
            poll_s: Seconds between polls when nothing is new.

        Raises:
            OpenError, CorruptError: As `Reader.open`.
        """
        if first < 1:
            raise ValueError(f"sequence numbers begin at 1, not {first}")
        self.next_seq = first
        self._bits = -1 if kinds is None else kind_bits(kinds)
        self._poll_s = poll_s
        self._link: bytes | None = None
        self._stops: queue.SimpleQueue[None] = queue.SimpleQueue()  # which a signal handler may use amid a wait for it
        self._reader = Reader.open(path)

    def __iter__(self) -> Iterator[Batch]:
        """Batches as they become durable; ends after `stop`.

        Raises:
            CorruptError: A batch is damaged, or the journal is not the one followed so far.
        """
        try:
            while self._stops.empty():
                batches = self.poll_nowait()
                for batch in batches:
                    if not self._stops.empty():
                        return
                    if self._bits < 0 or batch.kinds & self._bits:
                        yield batch
                if not batches:
                    self._nap()
        finally:
            self._reader.close()

    def _nap(self) -> None:
        """Sleep until the next poll, or a stop, which stays said."""
        try:
            self._stops.get(timeout=self._poll_s)
        except queue.Empty:
            return
        self.stop()

    def poll_nowait(self) -> list[Batch]:
        """All new batches up to a bound, copied, wanted or not; empty if there is nothing new. Errors as iterating."""
        found: list[Batch] = []
        size = 0
        with self._reader.view() as view:
            if not self._begin(view):
                return found
            for batch in view.scan(self.next_seq):
                if self._link is not None and batch.link != self._link:
                    raise CorruptError("it does not follow the batch read before: another journal?", seq=batch.first)
                found.append(batch.copy())
                self._link, self.next_seq = batch.digest, batch.last + 1
                size += len(batch.value)
                if len(found) == POLL_BATCHES or size >= POLL_BYTES:
                    break
        return found

    def _begin(self, view: View) -> bool:
        """Whether something new is there; fixes the link to compare with on the first poll."""
        last = view.head()[0]
        if self._link is None:
            if last < self.next_seq:
                return False
            holding = view.batch_at(self.next_seq)
            assert holding is not None, "the head was just compared with the last batch"
            self.next_seq, self._link = holding.first, holding.link
        if last < self.next_seq - 1:
            raise CorruptError(
                f"the journal ends at {last}, and {self.next_seq - 1} rows of it were read: an older copy?",
                seq=last + 1,
            )
        return last >= self.next_seq

    def stop(self) -> None:
        """End the iteration soon; may be called from any thread or a signal handler."""
        self._stops.put(None)
