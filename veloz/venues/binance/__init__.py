"""Binance spot, USDⓈ-M and COIN-M: public market data."""
