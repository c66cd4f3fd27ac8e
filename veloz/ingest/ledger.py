"""The books of a running ingest: what each input has given so far, and the `meta` that says so beside every batch."""

import hashlib
import math
from collections import Counter, deque
from typing import Any

import numpy as np
from msgspec.structs import replace

from veloz.contracts.codes import Market
from veloz.contracts.registry import BY_NUMBER, UNKNOWN
from veloz.ingest import tally
from veloz.ingest.feed import Load, Text
from veloz.ingest.plan import Input
from veloz.ingest.progress import EARLIER_MAX, HEAD_BYTES, Group, Record, dump_chain, load_chain, read_group, seal
from veloz.instruments.catalogue import Catalogue
from veloz.instruments.units import decimal_text
from veloz.venues.binance.plain import Plain
from veloz.venues.port import RowBlock


class _Digest:
    """sha256 of an input's bytes up to any line end, as blocks of it come by."""

    def __init__(self, size: int, hasher: Any, head: bytes) -> None:
        self.size = size
        self.head = head
        self._hasher = hasher
        self._texts: deque[Text] = deque()

    def add(self, text: Text) -> None:
        """Bytes that follow those added before."""
        if text.base + len(self.head) < HEAD_BYTES and text.base == len(self.head):
            self.head += text.text[: HEAD_BYTES - len(self.head)]
        self._texts.append(text)

    def advance(self, size: int) -> bytes:
        """The digest of the first `size` bytes; `size` only grows."""
        while self.size < size:
            text = self._texts[0]
            end = text.base + len(text.text)
            stop = min(end, size)
            self._hasher.update(memoryview(text.text)[self.size - text.base : stop - text.base])
            self.size = stop
            if stop == end:
                self._texts.popleft()
        digest: bytes = self._hasher.digest()
        return digest


def _ends(record: Record | None) -> list[tuple[int, bytes]]:
    """Where the ingests of an input ended so far."""
    return [*record.earlier, (record.size, record.digest)][-EARLIER_MAX:] if record else []


class Ledger:
    """Totals of the inputs of one ingest, cumulative over all ingests they were part of.

    Args:
        inputs: As planned.
        catalogue: Instruments of the journal; the codec's own.
        view: A `journal.View` of the journal as it is.
    """

    def __init__(self, inputs: list[Input], catalogue: Catalogue, view: Any) -> None:
        count, instruments = len(inputs), len(catalogue)
        self._inputs = inputs
        self._catalogue = catalogue
        self._plain = Plain(catalogue)
        self.kinds = np.zeros((count, tally.KINDS_MAX), np.int64)
        self.sums = np.zeros((count, tally.SUMS), np.int64)
        self.chain = tally.new_chain(count, instruments)
        self.scales = np.zeros(instruments + 1, np.int64)
        self.unknown_names = [Counter[str]() for _ in inputs]
        self.key_ns = [0] * count
        self.stray_lines = [0] * count
        for instrument in catalogue:
            self.scales[instrument.number] = instrument.scales
        self._digests = [_Digest(one.feed.offset, one.hasher, b"") for one in inputs]
        self._earlier = [_ends(one.record) for one in inputs]
        self._records = [one.record for one in inputs]
        self._heads = [(one.record.head_size, one.record.head_digest) if one.record else (0, b"") for one in inputs]
        for ix, one in enumerate(inputs):
            if one.record is not None:
                self._resume(ix, one.record)
        self.chain[count] = self._join(view)
        self._before = self.sums.copy()

    def _resume(self, ix: int, record: Record) -> None:
        for kind, rows in record.kinds.items():
            self.kinds[ix, kind] = rows
        self.sums[ix, : len(record.sums)] = record.sums
        self.unknown_names[ix].update(record.unknown_names)
        self.key_ns[ix], self.stray_lines[ix] = record.key_ns, record.stray_lines
        chain = load_chain(record.chains, len(self._catalogue))
        for i in np.flatnonzero(chain[:, tally.SEEN]):
            word = int(self.scales[i])
            for scale, step, now in (
                (tally.PRICE_SCALE, tally.PRICE_STEP, word & 255),
                (tally.QTY_SCALE, tally.QTY_STEP, word >> 8 & 255),
            ):
                chain[i, step] = tally.rescale_step(int(chain[i, step]), int(chain[i, scale]), now)
                chain[i, scale] = now
        self.chain[ix] = chain

    def _join(self, view: Any) -> Any:
        """Diffs of all inputs together, as far as they are in."""
        records = [one.record for one in self._inputs if one.record is not None]
        if group := (read_group(view, records) if len(records) > 1 else None):
            return load_chain(group.chains, len(self._catalogue))
        known = [ix for ix, one in enumerate(self._inputs) if one.record is not None]
        known.sort(key=lambda ix: int(self.sums[ix, tally.FIRST_TS]))
        spot = (self.scales >> 16 & 255) == int(Market.BINANCE_SPOT)
        return tally.join_chains([self.chain[ix] for ix in known], spot) if known else self.chain[len(self._inputs)]

    def receive(self, load: Load) -> None:
        """Bytes that are about to be counted."""
        for text in load.texts:
            self._digests[text.feed_ix].add(text)
        widest = len(self._catalogue)
        self.chain = tally.widen(self.chain, widest, 1)
        self.scales = tally.widen(self.scales, widest, 0)

    def count(self, load: Load, decoded: RowBlock, a: int, b: int, row_a: int, row_b: int) -> dict[bytes, bytes | None]:
        """Count frames a … b-1 of a load, which gave rows row_a … row_b-1.

        Returns:
            What must stand in `meta` when these rows are in.
        """
        rows = decoded.rows[row_a:row_b]
        first_row = decoded.first_row[a:b] - np.uint32(row_a)
        feed_ix = load.feed_ix[a:b]
        tally.count_rows(rows, first_row, feed_ix, load.block.recv[a:b], self.kinds, self.sums, self.chain, self.scales)
        self._name_unknown(load, rows, first_row, a)
        touched = [0] if len(self._inputs) == 1 else np.unique(feed_ix).tolist()
        meta: dict[bytes, bytes | None] = {}
        for ix in touched:
            at = b - 1 if len(touched) == 1 else a + int(np.flatnonzero(feed_ix == ix)[-1])
            record = self._record(ix, int(load.line_end[at]), int(load.key_ns[at]), int(load.strays[at]))
            self._records[ix] = record
            meta[record.key] = seal(record)
        if len(self._inputs) > 1:
            group = self._group()
            meta[group.key] = seal(group)
        return meta

    def _name_unknown(self, load: Load, rows: Any, first_row: Any, a: int) -> None:
        """Messages of types that are not read count under the name they give themselves."""
        for row in np.flatnonzero(rows["kind"] == UNKNOWN.number):
            at = a + int(np.searchsorted(first_row, row, "right")) - 1
            ix = int(load.feed_ix[at])
            source = self._inputs[ix].feed.source
            name = self._plain.read(load.block.frame(at), int(load.block.recv[at]), source).name
            self.unknown_names[ix][name or "unknown"] += 1

    def _record(self, ix: int, size: int, key_ns: int, stray_lines: int) -> Record:
        digest = self._digests[ix]
        value = digest.advance(size)
        source = self._inputs[ix].feed.source
        head_size, head_digest = self._heads[ix]
        if head_size < HEAD_BYTES and digest.head:
            head_size = min(size, len(digest.head))
            head_digest = hashlib.sha256(digest.head[:head_size]).digest()
            self._heads[ix] = head_size, head_digest
        self.key_ns[ix], self.stray_lines[ix] = key_ns, stray_lines
        return Record(
            number=source.number,
            venue=source.venue,
            form=source.form,
            symbol=source.symbol,
            columns=source.columns,
            interval_ns=source.interval_ns,
            name=self._inputs[ix].feed.path.name,
            size=size,
            digest=value,
            earlier=self._earlier[ix],
            head_size=head_size,
            head_digest=head_digest,
            key_ns=key_ns,
            stray_lines=stray_lines,
            kinds={int(kind): int(self.kinds[ix, kind]) for kind in np.flatnonzero(self.kinds[ix])},
            sums=self.sums[ix].tolist(),
            unknown_names=dict(self.unknown_names[ix]),
            chains=dump_chain(self.chain[ix]),
        )

    def mark_damage(self) -> dict[bytes, bytes | None]:
        """When all inputs are read: what must stand in `meta` of those that ended otherwise than their records say."""
        meta: dict[bytes, bytes | None] = {}
        for ix, (one, record) in enumerate(zip(self._inputs, self._records, strict=True)):
            if record is not None and not one.older and record.damage != one.feed.damage:
                self._records[ix] = marked = replace(record, damage=one.feed.damage)
                meta[marked.key] = seal(marked)
        return meta

    def taken(self) -> list[tuple[int, int]]:
        """Frames of each input, and the unpacked bytes of it, that are in."""
        sizes = [record.size if record else 0 for record in self._records]
        return [(int(frames), size) for frames, size in zip(self.sums[:, tally.FRAMES], sizes, strict=True)]

    def _group(self) -> Group:
        members = [
            (one.feed.source.number, digest.size)
            for one, digest in zip(self._inputs, self._digests, strict=True)
            if digest.size and one.feed.source.number
        ]
        return Group(members=members, chains=dump_chain(self.chain[-1]))

    @property
    def added(self) -> dict[str, int]:
        """Frames and rows that this ingest has counted."""
        more = (self.sums - self._before).sum(axis=0)
        return {"frames": int(more[tally.FRAMES]), "records": int(more[tally.RECORDS])}

    def totals(self) -> dict[str, Any]:
        """All that is counted, under the names of the command line; of the inputs whole, not only of what was added."""
        sums = self.sums.sum(axis=0)
        firsts = [int(ts) for ts in self.sums[:, tally.FIRST_TS] if ts]
        messages = Counter({name: int(sums[tally.DIFF + k]) for k, name in enumerate(tally.NAMES)})
        for names in self.unknown_names:
            messages.update(names)
        kinds = self.kinds.sum(axis=0)
        return {
            "frames": int(sums[tally.FRAMES]),
            "records": int(sums[tally.RECORDS]),
            "kinds": {BY_NUMBER[int(kind)].name: int(kinds[kind]) for kind in np.flatnonzero(kinds)},
            "messages": {name: count for name, count in messages.items() if count},
            "rejected": int(sums[tally.REJECTED]) + sum(one.feed.stray_lines for one in self._inputs),
            "gaps": int(self.chain[-1, :, tally.GAPS].sum()),
            "instruments": self._instruments(),
            "first_ts_ns": min(firsts, default=None),
            "last_ts_ns": max((int(ts) for ts in self.sums[:, tally.LAST_TS] if ts), default=None),
        }

    def _instruments(self) -> list[dict[str, Any]]:
        """The instruments of these inputs: increments as stated, else inferred from all that was seen."""
        seen = np.flatnonzero(self.chain[:-1, :, tally.SEEN].any(axis=0))
        found = []
        for i in seen:
            if i == 0:
                continue
            instrument = self._catalogue[int(i)]
            price_step = math.gcd(*self.chain[:-1, i, tally.PRICE_STEP].tolist())
            qty_step = math.gcd(*self.chain[:-1, i, tally.QTY_STEP].tolist())
            body = instrument.body
            found.append(
                {
                    "symbol": body.symbol,
                    "venue": body.venue,
                    "tick": body.tick or decimal_text(price_step, instrument.price_scale),
                    "lot": body.lot or decimal_text(qty_step, instrument.qty_scale),
                    "price_scale": instrument.price_scale,
                    "qty_scale": instrument.qty_scale,
                    "source": body.origin,
                }
            )
        return found
