"""Binance spot, USDⓈ-M and COIN-M: public market data, and the private streams of accounts."""
