"""pnl.*: profit and loss as told once each engine second while something is open."""

import msgspec

from veloz.contracts.measures import Bits, Seq, Worth


class PnlUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="pnl.update.v1"):
    """Pnl of everything, a strategy or an instrument in the reporting asset. INEXACT: what could not be converted is left out."""

    scope: Bits
    realized: Worth
    unrealized: Worth
    ref: Seq  # last record before it
    costs: Worth  # fees and funding; below 0 = paid
