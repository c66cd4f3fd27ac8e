"""What people call the things that trading rows number: assets and their scales, accounts, strategies, engine runs.

A fold of the rows that name them; instruments have their own (`catalogue.py`). Whoever shows rows to people keeps one.
"""

from typing import Final

import msgspec
import numpy as np

from veloz.contracts.account import NameBody
from veloz.contracts.command import StrategyBody
from veloz.contracts.registry import ASSET, COMMAND_STRATEGY, OPENED, STARTED
from veloz.contracts.terms import LEG_BITS, client_id, read_client_id
from veloz.instruments.epochs import Epochs

NAMED: Final = (ASSET.number, OPENED.number, COMMAND_STRATEGY.number, STARTED.number)
_NAME: Final = msgspec.msgpack.Decoder(NameBody)
_STRATEGY: Final = msgspec.msgpack.Decoder(StrategyBody)
SCALE_UNKNOWN: Final = 0


class Lexicon:
    """Names by number. Numbers without a name are told as numbers."""

    def __init__(self) -> None:
        self.assets: dict[int, str] = {}
        self.accounts: dict[int, str] = {}
        self.strategies: dict[int, str] = {}
        self.reporting = 0
        self._scales: dict[int, int] = {}
        self.epochs = Epochs()

    def learn(self, row: np.void, body: bytes | None, seq: int) -> None:
        """Take in one row; any kind may come.

        Args:
            row: layout.ROW.
            body: Its body, if it has one. One that cannot be read names nothing.
            seq: Its sequence number.
        """
        kind, number = int(row["kind"]), int(row["venue_seq"])
        self.epochs.learn(row, seq)
        if kind == ASSET.number:
            self._scales[number] = int(row["price"])
            self.assets[number] = self._name(body) or f"asset {number}"
        elif kind == OPENED.number:
            self.accounts[number] = self._name(body) or f"account {number}"
            self.reporting = int(row["aux"]) or self.reporting
        elif kind == COMMAND_STRATEGY.number and body is not None:
            try:
                self.strategies[number] = _STRATEGY.decode(body).name
            except msgspec.MsgspecError:
                self.strategies.setdefault(number, f"strategy {number}")

    @staticmethod
    def _name(body: bytes | None) -> str:
        try:
            return "" if body is None else _NAME.decode(body).name
        except msgspec.MsgspecError:
            return ""

    def scale(self, asset: int) -> int:
        """Decimals of an asset's money; 0 where the asset was never named."""
        return self._scales.get(asset, SCALE_UNKNOWN)

    def scale_of(self, name: str) -> int:
        """Decimals of an asset's money by its name; 0 where it was never named."""
        return next((self.scale(number) for number, each in self.assets.items() if each == name), SCALE_UNKNOWN)

    def epoch(self, seq: int) -> int:
        """The engine run in which a record was written; 0 before the first."""
        return self.epochs.of(seq)

    def order_name(self, key: int) -> str:
        """An order's client id, or `venue:N` for one that is not ours."""
        if key <= 0:
            return f"venue:{-key}" if key else ""
        return client_id(self.epoch(key >> LEG_BITS), key)

    def order_key(self, text: str) -> int | None:
        """The key that a client id of this journal, `venue:N` or a plain number means; None when it is none of these."""
        if read_client_id(text) is not None:
            return self.epochs.key_of(text)
        name, colon, number = text.partition(":")
        if colon and name == "venue" and number.isascii() and number.isdigit():
            return -int(number)
        return int(text) if text.isascii() and text.removeprefix("-").isdigit() else None
