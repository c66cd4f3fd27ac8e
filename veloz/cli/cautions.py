"""What people should know of a run that is over: sentences beside its figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veloz.backtest.ledger import Ledger
    from veloz.backtest.runner import Run
    from veloz.backtest.setup import Plan

BAR_GAP_NS = 1_000_000  # from the last moment of a bar to the first of the next


def warnings_of(plan: "Plan", ledger: "Ledger") -> list[str]:
    """What the run itself has shown."""
    from veloz.backtest.ending import FILLS_MEASURED

    found = []
    late_ns = ledger.curve[0].ts_ns - plan.begin_ns
    if ledger.unvalued:
        found.append(f"Equity and what rests on it are not told. {ledger.reason}")
    elif late_ns > 0:
        found.append(
            f"Equity is told from {late_ns / 1e9:,.3f} s after the beginning on: only then everything held could be valued."
        )
    if len(ledger.trades) > FILLS_MEASURED:
        found.append(
            f"How the price went on is measured beside the first {FILLS_MEASURED:,} of {len(ledger.trades):,} executions; markouts and "
            "slippage are of those."
        )
    refused, rejected = sum(ledger.refused.values()), sum(ledger.rejected.values())
    if not refused + rejected and not ledger.orders and not ledger.trades:
        found.append(
            "No strategy ever wanted an order: look at its parameters, and whether the data have what it goes by (a quoter wants a book)."
        )
    if refused + rejected and not ledger.accepted and not ledger.trades:
        most, _ = (ledger.refused + ledger.rejected).most_common(1)[0]
        found.append(
            f"No order ever got through: the gate refused {refused} and the venue rejected {rejected}, most of them with {most}."
        )
    return found


def _beyond(plan: "Plan", played: "Run") -> list[str]:
    """What of the book no ladder had a place for."""
    from veloz.backtest.apart import Exchanges
    from veloz.backtest.port import Exchange
    from veloz.instruments.units import counted

    if plan.settings["match.compat"] != "none" or not isinstance(played.venue, Exchange | Exchanges):
        return []
    rows = played.venue.outside()
    return [
        f"{counted(int(rows[each.number]), 'row')} of the book of {each.instrument.symbol} lay outside the range of prices that was "
        "kept: where the price came near them, their depth was missing. Give a wider range by match.roi_lb and match.roi_ub."
        for each in plan.world.traded
        if rows[each.number]
    ]


def made_up(plan: "Plan") -> list[str]:
    """What the data lack and settings made up for."""
    from veloz.backtest.keys import text_of
    from veloz.backtest.marking import told_of_marks

    found = []
    known = {each.number: each for each in plan.world.traded}
    for each in plan.lacking:
        traded = known[each.instrument]
        symbol = plan.world.label(traded)
        if each.mark_of:
            found.append(
                f"The data hold no mark prices of {symbol}: once a second, {told_of_marks(each.mark_of)} was taken for one."
            )
        if each.interval_ns:
            rate = text_of(100 * traded.setting(plan.settings, "funding_rate"))
            found.append(
                f"The data hold no funding of {symbol}: {rate} % every {plan.settings['funding.interval_h']} h was taken, from longs to "
                "shorts where it is above 0."
            )
    return found


def _unprinted(plan: "Plan") -> list[str]:
    """Where an estimated queue never moves by a trade."""
    from veloz.backtest.setup import PRINTS

    lacking = [
        each.instrument.symbol
        for each in plan.world.traded
        if plan.settings["match.model"] == "queue"
        and not any((kind, each.number) in plan.found.kinds for kind in PRINTS)
    ]
    return [
        f"The data hold no trades of {symbol}: resting orders were filled only where the book came through to them."
        for symbol in lacking
    ]


def _untold(plan: "Plan") -> list[str]:
    """Recorded bars that nobody who waits for bars was told of."""
    from veloz.backtest.setup import waits_for_bars
    from veloz.backtest.untold import count_untold
    from veloz.instruments.units import counted

    shortest_ns = plan.found.shortest_ns
    waited = {each.number: each for _, _, each in waits_for_bars(plan.settings, plan.world, plan.library)}
    lengths_ns = {number: shortest_ns[number] for number in waited if number in shortest_ns}
    if not lengths_ns:
        return []
    named = plan.named
    untold = count_untold(
        plan.data,
        named.first_seq,
        named.last_seq,
        folded_from=named.folded_from or named.first_seq,
        lengths_ns=lengths_ns,
    )
    return [
        f"The data hold {counted(many, 'bar')} of {plan.world.label(waited[number])} in which no trade is recorded, behind one that is, "
        "and from the first trade on on_bar is told of bars made of trades alone: take data without those trades, or wait for bars by "
        'events=("md.bar",).'
        for number, many in untold.items()
    ]


def _late(plan: "Plan") -> list[str]:
    """Whose orders miss the open of the bar that follows."""
    if plan.settings["match.model"] != "bars":
        return []
    late = {}
    for account in plan.world.accounts:
        own = "entry_ns" in account.said
        entry_ns = account.setting(plan.settings, "entry_ns")
        if entry_ns > BAR_GAP_NS:
            whose = f"Orders of account {account.name}" if own else "Orders"
            late[whose] = entry_ns, "entry_ns = 0 in its table [[accounts]]" if own else "latency.entry_ns = 0"
    return [
        f"{whose} reach the venue {entry_ns / 1e6:,.3f} ms after a bar has closed, when the next one has opened: they take part in "
        f"the one after it. Give {way} for the next open."
        for whose, (entry_ns, way) in late.items()
    ]


def told_of(plan: "Plan", played: "Run", gaps: int, disabled: Sequence[int]) -> list[str]:
    """What the data, the settings and the way the run went have in them."""
    from veloz.ingest.datasets import tell_damage

    found = tell_damage(plan.data)
    if plan.named.shift_ns:
        least = plan.found.least_lag_ns(each.number for each in plan.world.traded)
        found.append(
            f"Receive stamps of the data lie up to {-least / 1e6:,.3f} ms before the venue's: "
            f"all of them were moved by {plan.named.shift_ns / 1e6:,.3f} ms."
        )
    if gaps:
        found.append(f"The data have gaps: {gaps}, told in the report.")
    for each in plan.world.traded:
        body = each.instrument.body
        lacks = [name for name, text in (("tick", body.tick), ("lot", body.lot)) if not text]
        if each.guessed:
            found.append(
                f"Nothing says what one contract of {body.symbol} is worth: {body.multiplier} {each.quote} were taken, as its venue "
                "has it. Give instrument.multiplier, or import with --instruments."
            )
        if lacks:
            found.append(
                f"The data state no {' and no '.join(lacks)} of {body.symbol}: one unit of the last decimal was taken. "
                f"Give {' and '.join(f'instrument.{name}' for name in lacks)}, or import with --instruments."
            )
        seen = plan.found.prices.get(each.number)
        off, of = seen.beside(each.instrument.tick) if seen else (0, 0)
        if off:
            found.append(
                f"{off:,} of {of:,} prices of {body.symbol} in the data {'is no multiple' if off == 1 else 'are no multiples'} of its tick "
                f"{each.instrument.price_text(each.instrument.tick)}: the venue counted each at the nearest one."
            )
    for number in dict.fromkeys(disabled):
        found.append(
            f"Strategy {plan.settings.strategies[number - 1].name} was disabled on its way: look at "
            "`veloz journal dump --kind strategy.disabled`."
        )
    found += [*_late(plan), *made_up(plan), *_unprinted(plan), *_untold(plan)]
    found += _beyond(plan, played)
    if played.why:
        found.append(f"The run ended early: {played.why}.")
    if not plan.settings["gate.enabled"]:
        found.append("The risk gate was off.")
    return found
