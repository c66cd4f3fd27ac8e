"""`seed limits FILE`: an empty journal begins with the limits of a file, and only an empty one."""

from pathlib import Path

import numpy as np
import pytest

from journal import Reader
from veloz.contracts.codes import Limit
from veloz.contracts.registry import COMMAND_LIMIT
from veloz.scenario.runner import run
from veloz.scenario.text import ScenarioError

FILE = Path(__file__).parents[2] / "configs" / "limits.yaml"
WORLD = "account main binance_usdm leverage 10\ninstrument BTCUSDT linear tick 0.1 lot 0.001\nbalance USDT 10000\n"


def folder_with_limits(tmp_path: Path) -> Path:
    (tmp_path / "limits.yaml").write_bytes(FILE.read_bytes())
    return tmp_path


def test_the_limits_of_the_file_are_in_force(tmp_path: Path) -> None:
    checks = (
        "expect limit global open-orders 100\nexpect limit global gross 20000\nexpect limit global leverage-ppm 3x\n"
    )
    result = run(WORLD + "seed limits limits.yaml\n" + checks, folder_with_limits(tmp_path), tmp_path / "j")
    assert result.first_difference is None
    with Reader.open(tmp_path / "j") as reader:
        rows = np.concatenate([batch.rows.copy() for batch in reader.scan()]).view(COMMAND_LIMIT.view)
    rows = rows[rows["kind"] == COMMAND_LIMIT.number]
    seeded = [(Limit(int(row["limit"])), int(row["confirm"])) for row in rows]
    assert Limit.GROSS in [limit for limit, _ in seeded]
    assert len(set(rows["ts_recv"].tolist())) == 1, "one step"


@pytest.mark.parametrize("before", ["limit global open-orders 5", "buy 1 BTCUSDT @ 100", "seed limits limits.yaml"])
def test_a_journal_that_is_not_empty_is_not_seeded(before: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="seeded before any other limit"):
        run(f"{WORLD}{before}\nseed limits limits.yaml\n", folder_with_limits(tmp_path))


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("global:\n  grosss: 1\n")
    for file, why in (
        ("bad.yaml", "grosss"),
        ("none.yaml", "cannot be read"),
        ("../limits.yaml", "no name of a file"),
    ):
        with pytest.raises(ScenarioError, match=why):
            run(f"{WORLD}seed limits {file}\n", tmp_path)
