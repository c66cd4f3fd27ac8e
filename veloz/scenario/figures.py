"""Orders, positions and balances of a state in decimals: for JSON, for lines and for checks."""

from typing import Any, Final

import numpy as np

from veloz.contracts import terms
from veloz.contracts.codes import Product
from veloz.instruments.units import decimal_text
from veloz.reducers.holdings import scope_at
from veloz.reducers.order_table import OrderState
from veloz.reducers.wallet import Balance, balance
from veloz.scenario.naming import Names, Traded
from veloz.scenario.session import Session
from veloz.scenario.text import moment_text

E8_SCALE: Final = 8
PPM_SCALE: Final = 6
COIN_SCALE: Final = 18
ACCOUNTS_OWN: Final = -1  # a position that is the account's, not a strategy's share of it


def order_figures(session: Session) -> dict[str, dict[str, Any]]:
    """Every order that was drafted or reported, by client id (`venue:N` for a stranger's), in the order of appearance."""
    labels = {order.key: label for label, order in session.names.orders.items() if label[0] not in "#v"}
    told: dict[str, dict[str, Any]] = {}
    for (key, instrument), seen in session.orders.items():
        current = session.find(key, instrument)
        order = seen[0] if current is None else current
        traded = session.names.by_number(int(order["instrument"]))
        if traded is not None:
            told[session.lexicon.order_name(key)] = _order(session, order, traded, labels.get(key))
    return told


def _order(session: Session, order: np.void, traded: Traded, label: str | None) -> dict[str, Any]:
    parts, known = terms.unpack(terms.SPEC, int(order["spec"])), traded.instrument
    held = int(order["hold_asset"])
    price = int(order["price"])
    return {
        "state": OrderState(int(order["state"])).name,
        "filled": known.qty_text(max(int(order["filled"]), int(order["traded"]))),
        "label": label,
        "instrument": session.names.title(traded.number),
        "side": "sell" if parts["sell"] else "buy",
        "type": terms.OrderType(parts["type"]).name,
        "tif": terms.TimeInForce(parts["tif"]).name,
        "position_side": terms.PositionSide(parts["position_side"]).name if parts["position_side"] else None,
        "reduce_only": bool(parts["reduce_only"]),
        "trigger": known.price_text(int(order["trigger"])) if order["trigger"] else None,
        "trigger_by": _trigger_by(parts),
        "activation": known.price_text(int(order["activation"])) if order["activation"] else None,
        "trailing": decimal_text(int(order["callback_ppm"]), PPM_SCALE) if order["callback_ppm"] else None,
        "until": moment_text(int(order["expire_ns"])) if order["expire_ns"] else None,
        "stp": terms.SelfTrade(parts["stp"]).name if parts["stp"] in list(terms.SelfTrade) and parts["stp"] else None,
        "price": known.price_text(price) if price else None,
        "qty": known.qty_text(int(order["qty"])),
        "traded": known.qty_text(int(order["traded"])),
        "hold": decimal_text(int(order["hold"]), session.lexicon.scale(held)) if held else "0",
        "why": terms.Why(int(order["why"])).name if int(order["why"]) in list(terms.Why) else int(order["why"]),
        "venue_order": int(order["venue_order"]) or None,
        "account": session.lexicon.accounts.get(int(order["account"])),
        "strategy": session.lexicon.strategies.get(int(order["strategy"])),
    }


def _trigger_by(parts: dict[str, int]) -> str | None:
    """What sets a stop off; None of orders that wait for nothing."""
    waits = parts["type"] not in (terms.OrderType.LIMIT, terms.OrderType.MARKET)
    return terms.TriggerBy(parts["trigger_by"]).name if waits and parts["trigger_by"] in list(terms.TriggerBy) else None


def whole_of(record: np.void, name: str) -> int:
    """A number of two words."""
    return (int(record[f"{name}_hi"]) << 62) + int(record[f"{name}_lo"])


def inner_scale(traded: Traded) -> int:
    """Decimals of cost and realized pnl in inner units, but for the multiplier."""
    known = traded.instrument
    least = 0 if traded.product == Product.INVERSE else known.price_scale + known.qty_scale
    return max(COIN_SCALE, least)


def position_figures(session: Session) -> dict[str, dict[str, Any]]:
    """Positions of accounts that were ever traded or stated, by what `position_key` calls them."""
    state, told = session.state, {}
    for position in state.positions[: int(state.desk[0]["positions_used"])]:
        traded = session.names.by_number(int(position["instrument"]))
        idle = not position["trades"] and not position["stated"] and not position["qty"]
        if int(position["strategy"]) == ACCOUNTS_OWN and traded is not None and not idle:
            told[position_key(session.names, traded, int(position["account"]), int(position["side"]))] = _position(
                session, position, traded
            )
    return told


def position_key(names: Names, traded: Traded, account: int, side: int) -> str:
    """`BTCUSDT`, in hedge mode `BTCUSDT:LONG`; with the account in front where its venue has several."""
    key = names.title(traded.number)
    if side != terms.PositionSide.BOTH:
        key += f":{terms.PositionSide(side).name}"
    shared = [name for name, each in names.accounts.items() if each.market == traded.instrument.market]
    if len(shared) > 1:
        key = f"{account_name(names, account)}/{key}"
    return key


def account_name(names: Names, number: int) -> str:
    """The name of an account."""
    return next((name for name, each in names.accounts.items() if each.number == number), str(number))


def money_name(traded: Traded) -> str:
    """The asset that a position gains and loses."""
    return traded.quote if traded.product == Product.SPOT else traded.settle


def _position(session: Session, position: np.void, traded: Traded) -> dict[str, Any]:
    known, qty = traded.instrument, int(position["qty"])
    scale = session.names.assets[money_name(traded)].scale
    return {
        "qty": known.qty_text(qty),
        "entry": entry_text(traded, qty, whole_of(position, "cost")),
        "cost": decimal_text(whole_of(position, "cost") // 10 ** (inner_scale(traded) - COIN_SCALE), COIN_SCALE),
        "realized": decimal_text(int(position["realized"]), scale),
        "unrealized": decimal_text(int(position["unrealized"]), scale),
        "fees": decimal_text(int(position["fees"]), scale),
        "funding": decimal_text(int(position["funding"]), scale),
        "trades": int(position["trades"]),
        "asset": money_name(traded),
        "stated": known.qty_text(int(position["stated_qty"])) if position["stated"] else None,
        "account": account_name(session.names, int(position["account"])),
    }


def entry_text(traded: Traded, qty: int, cost: int) -> str | None:
    """Average entry price, cut toward zero to 8 decimals; None for a flat position."""
    if qty == 0 or cost == 0:
        return None
    known = traded.instrument
    if traded.product != Product.INVERSE:
        places = inner_scale(traded) - known.qty_scale
        return decimal_text(abs(cost) * 10**E8_SCALE // (abs(qty) * 10**places), E8_SCALE)
    worth = abs(qty) * known.multiplier_e8 * 10 ** (COIN_SCALE - known.qty_scale)
    return decimal_text(worth // abs(cost), E8_SCALE)


def balance_figures(session: Session) -> dict[str, dict[str, Any]]:
    """Balances that were ever stated or moved, by asset; with the account in front where there are several."""
    state, told = session.state, {}
    several = len(session.names.accounts) > 1
    for name, account in session.names.accounts.items():
        for asset, each in session.names.assets.items():
            held = balance(state, account.number, each.number)
            if held is not None:
                told[f"{name}/{asset}" if several else asset] = _balance(held)
    return told


def _balance(held: Balance) -> dict[str, str]:
    amounts = {
        "total": held.total, "free": held.available, "locked": held.locked, "held": held.held,
        "margin": held.margin, "fees": held.fees, "funding": held.funding, "drift": held.drift,
    }  # fmt: skip
    return {name: decimal_text(amount, held.scale) for name, amount in amounts.items()}


def pnl_figures(session: Session) -> dict[str, dict[str, Any]]:
    """Pnl as last settled: of everything, of every strategy, and of every instrument that was ever held, in the reporting asset.

    `unconverted`: how many pieces are in none of the numbers, for want of a rate or a price.
    """
    names = session.names
    told: dict[str, dict[str, Any]] = {}
    scopes = {"global": (terms.ScopeKind.GLOBAL, 0)}
    for name, strategy in names.strategies.items():
        scopes[f"strategy:{name}"] = terms.ScopeKind.STRATEGY, strategy.number
    for position in session.state.positions[: int(session.state.desk[0]["positions_used"])]:
        number = int(position["instrument"])
        scopes[f"instrument:{names.title(number)}"] = terms.ScopeKind.INSTRUMENT, number
    scale = session.lexicon.scale(session.lexicon.reporting)
    for name, (kind, number) in scopes.items():
        place = scope_at(session.state, kind, number)
        if 0 <= place < int(session.state.desk[0]["scopes_used"]):
            scope = session.state.scopes[place]
            told[name] = {each: decimal_text(int(scope[each]), scale) for each in ("realized", "unrealized", "costs")}
            told[name]["asset"] = session.lexicon.assets.get(session.lexicon.reporting)
            told[name]["unconverted"] = int(scope["untold"])
    return told


def lines_of(figures: dict[str, dict[str, Any]]) -> list[str]:
    """Figures as lines: the name, then what there is to say. Zeros and blanks of lesser words are left out."""
    return [f"{name} " + " ".join(_words(figure)) for name, figure in figures.items()]


_ALWAYS: Final = ("state", "filled", "qty", "total", "free", "side", "type", "instrument", "code", "seq")
_BARE: Final = ("state", "instrument", "side", "type", "tif", "code", "kind")


def _words(figure: dict[str, Any]) -> list[str]:
    words = []
    for name, value in figure.items():
        if value in (None, "", "0", 0, "ORDINARY", "GTC") and name not in _ALWAYS:
            continue
        word = name if value is True else str(value) if name in _BARE else f"{name}={value}"
        words.append(word)
    return words


def refusal_lines(refusals: list[dict[str, Any]]) -> list[str]:
    """Refusals as lines."""
    return [
        f"{refusal['seq']} {refusal['code']} "
        + " ".join(
            f"{name}={value}" for name, value in refusal.items() if name not in ("seq", "code") and value is not None
        )
        for refusal in refusals
    ]
