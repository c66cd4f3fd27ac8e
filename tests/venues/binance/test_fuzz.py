"""Whole or not at all, and never misread: spoiled frames, with the reference decoder as the oracle."""

import os
import random

import pytest

from tests.lanes import cases
from tests.venues.binance.fuzzing import make_bench, spoiled
from tests.venues.binance.mutators import mutate
from tests.venues.binance.recordings import SAMPLES, assert_same, block_of, new_codec, plain_block
from veloz.venues.port import Source

COUNT = cases(6_000, 300)
MANY = 700_000
BATCH = 500


def fuzz(venue: str, count: int, seed: int) -> tuple[int, int]:
    """Spoil `count` frames of a market → (tried, taken by the scanner)."""
    bench = make_bench(venue)
    rng = random.Random(seed)
    taken = 0
    for _ in range(count // BATCH + 1):
        frames = spoiled(bench, rng, min(BATCH, count))
        wrong, some = bench.differences(frames)
        assert not wrong, wrong[:3]
        taken += some
    return count, taken


@pytest.mark.parametrize("venue", SAMPLES)
def test_what_the_scanner_takes_the_reference_reads_alike(venue: str) -> None:
    tried, taken = fuzz(venue, COUNT, 1)
    assert 0.05 < taken / tried < 0.9, "spoiled frames should be both taken and left"


@pytest.mark.slow
@pytest.mark.parametrize("venue", SAMPLES)
def test_millions_of_spoiled_frames(venue: str) -> None:
    fuzz(venue, MANY, int(os.environ.get("VELOZ_FUZZ_SEED", "2")))


def assert_codec_survives(venue: str, count: int, seed: int) -> None:
    """A fresh codec on nothing but spoiled frames: it learns its shapes from them, and instruments change under its feet."""
    bench = make_bench(venue, 60)
    frames = [(k, frame) for k, frame in enumerate(spoiled(bench, random.Random(seed), count))]
    source = Source(1, venue, SAMPLES[venue][1])
    assert_same(new_codec(source).decode(block_of(frames)), plain_block(frames, source))


@pytest.mark.parametrize("venue", SAMPLES)
def test_a_codec_survives_any_stream_of_spoiled_frames(venue: str) -> None:
    for seed in range(cases(6, 2)):
        assert_codec_survives(venue, cases(300, 100), seed)


@pytest.mark.slow
@pytest.mark.parametrize("venue", SAMPLES)
def test_many_codecs_survive_spoiled_frames(venue: str) -> None:
    for seed in range(1_000, 1_400):
        assert_codec_survives(venue, 400, seed)


def test_spoiled_books() -> None:
    """Snapshots: the level kernel between two msgspec decoders."""
    rng = random.Random(4)
    levels = ",".join(f'["{61800 + k}.{k % 10}0","{k}.001"]' for k in range(6))
    whole = f'{{"lastUpdateId":{51 * 10**11},"E":1723161256501,"T":1723161256493,"bids":[{levels}],"asks":[{levels}]}}'.encode()
    asked = b"https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000 -> " + whole
    doubled = whole.replace(b'"asks"', b'"bids"', 1)
    source = Source(1, "binance_usdm", "BTCUSDT")
    frames = [(0, whole), (1, asked)]
    frames += [(k, mutate(rng, rng.choice((whole, asked, doubled)), asked)) for k in range(2, cases(2_000, 60))]
    assert_same(new_codec(source).decode(block_of(frames)), plain_block(frames, source))
