"""A simple signal: the average close of a few bars against that of many; a fixed quantity is held on the side it points to."""

from veloz.strategies import sdk


class Trend(sdk.Strategy):
    """Follows one instrument by closed bars of a minute; compares sums of whole numbers, so there is no rounding."""

    written_for = "1.0"
    params = (
        sdk.Param("short", "count", default="5", low="1", high="29"),
        sdk.Param("long", "count", default="20", low="2", high="30"),
        sdk.Param("qty", "qty", default="1", low="0"),
    )
    wakes = sdk.Wakes(bars=("1m",))
    history = 30
    keeps = True

    def __init__(self) -> None:
        self.side = 0

    def on_bar(self, view: sdk.View, bar: sdk.BarClosed) -> sdk.Intents:
        """A target where the side changes."""
        closes = [each.close for each in view.bars("1m", bar.instrument)]
        short, long = view.params.short, view.params.long
        if len(closes) < long or short >= long:
            return None
        near, far = sum(closes[-short:]) * long, sum(closes[-long:]) * short
        side = (near > far) - (near < far)
        if side in (0, self.side):
            return None
        self.side = side
        return sdk.Target(bar.instrument, side * view.params.qty)

    def on_parameter(self, view: sdk.View, name: str) -> sdk.Intents:
        """Another quantity is wanted at once."""
        return sdk.Target(view.instruments[0], self.side * view.params.qty) if name == "qty" and self.side else None
