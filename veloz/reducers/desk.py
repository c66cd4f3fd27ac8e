"""Layout of the trading part of State: orders, positions, accounts, scopes, strategies.

All fields are int64. Tables are arenas: places are handed out in the order the rows asked for them and found again through lists and
hash tables that are part of the state. `*_ix` are places in another table, -1 = none. Money is a count at the scale of its asset;
`*_hi`, `*_lo` are two words of one number (`sums.py`).
"""

from typing import Final

import numpy as np


def _fields(names: str) -> np.dtype[np.void]:
    return np.dtype([(name, "<i8") for name in names.split()])


DESK: Final = _fields(
    "open dirty whole touched_ix reporting mark_ns pnl_second day"  # dirty, whole: trading.py; touched: instruments
    " orders_used orders_free_ix orders_open done_head_ix done_tail_ix done_n positions_used lots_used lots_free_ix"
    " scopes_used trades_used brackets_used limits_revision"
    " draft_ix draft_seq fill_ix fill_seq fill_position_ix fill_trade"  # the draft, and the fill, that the next row may belong to
    " fills duplicates contradictions foreign strays unconverted refused approved overflows breakers_set"
    " positions_seen positions_open active_ix pairings"  # active: instruments with positions; pairings: changes of what they pay in
    " ungated"  # a comparison's: system.data_named said so in the first row of all
    " event_ns unplaced stale"  # venue's time of the row in hand; rows of unknown accounts, assets, terms; statements that came late
)
ASSET: Final = _fields(
    "known scale num den source stated"  # worth num ÷ den of the reporting asset; den 0: not known; source: codes.RateSource
    " used sought via_ix"  # via: the spot instrument that prices it; sought: DESK.pairings when one was last looked for
)
ACCOUNT: Final = _fields(
    "known market hedge lots scope_ix stated_seq statement_seq clean differences maker_ppm taker_ppm"
    " equity margin maintenance unrealized available ratio_ppm"  # in the reporting asset, as last settled
    " margin_calls margin_call_seq"
)
# total = opened + traded - fees + funding + changed + drift, always: `balances.py`
BALANCE: Final = _fields(
    "known total locked held confirmed"  # confirmed: the part of `held` whose orders the venue has taken
    " opened opened_seq traded fees funding changed drift stated_seq statements"
    " margin unrealized maintenance"  # of its contracts, at the asset's own scale, as last settled
    " apart apart_unrealized apart_maintenance"  # of those positions with a margin of their own (isolated): that margin, and both of these
)
TERMS: Final = _fields(
    "product base quote settle qty_min qty_max notional_min up_ppm down_ppm price_min price_max"
    " market_qty_min market_qty_max market_lot status frozen frozen_seq scope_ix"
    " orders_ix positions_ix brackets_ix brackets_n"  # heads of lists, and a run of the bracket table
    " reference reference_source reference_ns mark mark_places"  # quanta rounded down; mark: exact, that many decimals (prices.py)
    " active_ix active touched_ix touched"  # lists: settled at all · whose orders changed since
    " last_spec last_price last_qty last_ns"  # the newest approved order: what a duplicate is compared with
)
BRACKET: Final = _fields("floor rate_ppm cum leverage")
ORDER: Final = _fields(
    "key instrument account strategy state spec price qty filled traded"  # filled: stated; traded: summed over trades
    " value_hi value_lo trigger activation callback_ppm expire_ns venue_order venue_seq epoch"
    " hold hold_asset hold_confirmed before pending_price pending_qty pending_action"  # pending: the amendment under way (AMEND), or 0
    " intent_seq drafted_seq approved_seq requested_seq dispatched_seq last_seq created_ns done_ns"
    " horizon_ns missing_n missing_ns next_ix prev_ix done_ix why limits_revision"
    " marks reason busted qty_most terms_seq"  # marks: bits of order_store.py; terms_seq: venue_seq of price and qty
    " hold_full hold_qty pending_hold cancel_seq amend_seq cancel_answered_seq amend_answered_seq missing_last_ns"
    " ends end_state end_seq end_filled end_why reject_seq reject_why"  # the venue on its end: bits of states, last word, least filled
)
POSITION: Final = _fields(
    "account instrument side strategy"  # strategy -1: the account's own position; else that strategy's share of it
    " qty cost_hi cost_lo real_hi real_lo trades"  # cost, real: inner units (worth.py)
    " base_hi base_lo base_qty"  # cost and quantity when it last grew: what average cost is measured by
    " bought_hi bought_lo sold_hi sold_lo"  # quantity quanta
    " fees funding fees_base"  # money of the quote (spot) or settlement asset; fees_base: of the base asset of a spot instrument
    " fees_other fees_other_asset fees_more"  # money of the one further asset; fees in yet another, counted: see their balances
    " stated stated_qty stated_entry_e8 stated_unrealized_e8 stated_seq"
    " lots_ix lots_tail_ix next_ix opened_ns closed_ns losses"
    " leverage isolated leverage_seq rated maker_ppm taker_ppm"  # terms of the account: on its side BOTH only
    " realized unrealized initial maintenance notional"  # money of the quote or settlement asset, as last settled
    " mark mark_source liquidation"  # prices with TERMS.mark_places decimals; liquidation 0: none, or not known
    " buys sells buys_reduce sells_reduce orders"  # quantity that open orders would still bring, as last settled; how many
    " told_long told_short unexposed bound"  # what is in the sums of scopes and balances: worst worths, margin; not told: 1
)
LOT: Final = _fields("qty price next_ix seq")
TRADE: Final = _fields("owner trade_id seq")  # open addressing: trades counted so far; owner: instrument << 8 | account
# Exposures are reporting money, signed where a direction matters. `settle` writes them anew; every approval adds to them at once:
# gross, net: of positions · worst_gross: sum over positions of the greater of what all its buys or all its sells could make of it
# worst_long, worst_short: net exposure if every open buy, or every open sell, were filled (worst_short below 0 when short)
SCOPE: Final = _fields(
    "kind number level level_person level_breaker level_reconciliation level_journal stopped_seq"
    " orders_open gross net worst_gross worst_long worst_short equity realized unrealized costs unconverted"
    " unvalued untold"  # positions (and debts) that exposures (and equity) leave out, pieces that pnl leaves out
    " added_orders added_gross added_long added_short added_unvalued"  # in the above by approvals since the last settlement
    " high_water drawdown day_start day_loss"
    " told_pnl told_inexact"  # what the newest pnl.update says: everything in one, and whether something is not in it
    " order_debt order_window order_ns cancel_debt cancel_window cancel_ns intent_debt intent_window intent_ns"  # buckets.py
    " repeats repeat_side repeat_ns losses rejects answers breakers_set breakers_open"
)
LIMIT_NOTE: Final = _fields(
    "revision changed_seq pending_value pending_seq"
)  # of each limit; pending_seq 0: no raise waits
BREAKER: Final = _fields("set state stop threshold window_ns cooldown_ns opened_ns opened_seq seen bucket observed")
STRATEGY: Final = _fields(
    "known status account scope_ix code_hash revision params_revision wakes intents refused disabled_code disabled_seq"
)

ASSETS_MAX: Final = 1 << 10  # balances of an account lie ASSETS_MAX apart
ACCOUNTS_MAX: Final = 1 << 8
STRATEGIES_MAX: Final = 1 << 10
BREAKERS: Final = 8  # places per scope
LIMITS: Final = 32  # places per scope
TALLY_BUCKETS: Final = 16  # parts that a breaker's window is counted in
TALLY: Final = 2 * TALLY_BUCKETS  # words per breaker: what counts against it, then all that was counted
NO_LIMIT: Final = -1
BRACKETS_EACH: Final = 1 << 5  # tiers of maintenance margin an instrument may have: its places, taken at once and kept
ORDERS_OPEN_MAX: Final = 1 << 14
ORDERS_DONE_KEPT: Final = 1 << 12  # finished orders that late reports still find
TRADES_KEPT: Final = 1 << 20  # then the older half is forgotten
SCOPE_GLOBAL: Final = 0  # place of the global scope
