"""Binance spot, USDⓈ-M and COIN-M: public market data (`codec.Codec`), and the private streams of accounts."""

from veloz.venues.binance.private import PrivateCodec, open_account

__all__ = ["PrivateCodec", "open_account"]
