"""The page of a report: what it says, what its scripts draw, and the scripts. `uPlot` stands under `LICENSE.uPlot`."""
