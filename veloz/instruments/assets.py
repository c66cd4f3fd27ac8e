"""The assets of one journal: dense numbers from 1, and how many decimals their money is counted in. A fold of the rows account.asset;
beside it, what the rows instrument.assets said about how each instrument pays.

An asset's scale never changes: balances of years are counted in it. Binance counts all its wallets at 8 decimals, so that is the
scale of an asset that shows up in its messages, unless the very first amount would not fit an int64 then: such an asset is worth so
little that fewer decimals are enough, and it gets as many as its amount is written with and as fit.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from veloz.contracts.account import NameBody
from veloz.contracts.registry import ASSET, ASSETS
from veloz.instruments.units import INT64_MAX, SCALE_MAX, Written

ASSET_SCALE: Final = 8
ASSETS_MAX: Final = 1 << 10  # numbers stay below this
NAME_MAX: Final = 64
_NAME: Final = msgspec.msgpack.Decoder(NameBody)


class Asset(NamedTuple):
    """One asset."""

    number: int
    name: str
    scale: int


class Payment(NamedTuple):
    """How an instrument pays: words of instrument.assets."""

    product: int
    base: int
    quote: int
    settle: int


class AssetError(ValueError):
    """A row account.asset that no journal of ours can hold.

    Args:
        seq: Its sequence number.
        why: What is wrong with it.
    """

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"Record {seq} names an asset that cannot be used: {why}.")
        self.seq = seq


class AssetBook:
    """Assets by number and by name."""

    def __init__(self) -> None:
        self._assets: dict[int, Asset] = {}
        self._numbers: dict[str, int] = {}
        self._payments: dict[int, Payment] = {}

    def __len__(self) -> int:
        """How many assets are known."""
        return len(self._assets)

    def __iter__(self) -> Iterator[Asset]:
        """Assets in the order in which they were named."""
        return iter(self._assets.values())

    def __getitem__(self, number: int) -> Asset:
        """An asset by its number.

        Raises:
            KeyError: no asset has this number.
        """
        return self._assets[number]

    def find(self, name: str) -> Asset | None:
        """An asset by its name; None when it is not known."""
        number = self._numbers.get(name)
        return None if number is None else self._assets[number]

    @property
    def next_number(self) -> int:
        """The number that the next new asset gets: one above the greatest in use."""
        return max(self._assets, default=0) + 1

    def payment(self, instrument: int) -> Payment | None:
        """What was last stated about how an instrument pays; None when nothing was."""
        return self._payments.get(instrument)

    def add(self, asset: Asset) -> None:
        """Take up a new asset; the same one again changes nothing.

        Raises:
            ValueError: its number, name or scale cannot be, or number or name belong to another asset.
        """
        if not (1 <= asset.number < ASSETS_MAX and 0 < len(asset.name) <= NAME_MAX and 0 <= asset.scale <= SCALE_MAX):
            raise ValueError(f"number {asset.number}, scale {asset.scale} or name {asset.name!r} is out of bounds")
        if self._assets.get(asset.number, asset) != asset or self.find(asset.name) not in (None, asset):
            raise ValueError(
                f"{asset.name} as number {asset.number} with {asset.scale} decimals contradicts what is known"
            )
        self._assets[asset.number] = asset
        self._numbers[asset.name] = asset.number

    def state_payment(self, instrument: int, payment: Payment) -> None:
        """Remember how an instrument pays."""
        self._payments[instrument] = payment

    def apply(self, row: Any, body: bytes | None, seq: int) -> bool:
        """Fold one row of a journal.

        Args:
            row: A record of 64 bytes in any view.
            body: Its body; needed for account.asset.
            seq: Its sequence number, from 1.

        Returns:
            Whether the row was account.asset or instrument.assets.

        Raises:
            AssetError: its body is missing or senseless, or it contradicts what is known. The book is as it was.
        """
        kind = int(row["kind"])
        if kind not in (ASSET.number, ASSETS.number):
            return False
        words = [int(word) for word in list(row.item())[6:]]
        if kind == ASSETS.number:
            self.state_payment(int(row["instrument"]), Payment(*words[:4]))
            return True
        try:
            name = _NAME.decode(body or b"").name
            self.add(Asset(words[0], name, words[1]))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            raise AssetError(seq, str(error)) from error
        return True

    def copy(self) -> "AssetBook":
        """An independent book of the same content."""
        twin = AssetBook()
        twin._assets = dict(self._assets)
        twin._numbers = dict(self._numbers)
        twin._payments = dict(self._payments)
        return twin


def first_scale(amount: Written | None) -> int:
    """Decimals of an asset's money, by the first amount of it that was seen (None: there was none)."""
    scale = ASSET_SCALE
    while amount is not None and scale > 0 and abs(amount.floor(scale)[0]) > INT64_MAX:
        scale -= 1
    return scale
