// The list of trades: rows exist only while they are in sight, so a hundred thousand cost no more than fifty.

const ROW = 30; // pixels
const HEIGHT_MAX = 8_000_000; // what every browser can scroll
const SPARE = 8; // rows drawn above and below the window

const NARROW = 700; // pixels of a page that has no room for whole times

function stamp(micros) {
  return innerWidth < NARROW ? moment(micros).slice(5, -3) : moment(micros);
}

function text(value) {
  return value === null || value === undefined ? "—" : value;
}

function tradeColumns() {
  const many = data.markets.length > 1;
  const markout = (horizon) => trades.markout[horizon] && {
    name: `After ${horizon} s`, hint: `Mid ${horizon} s after against the price, in bps; above 0: our side`, value: (at) => trades.markout[horizon][at], cell: (at) => (trades.markout[horizon][at] === null ? "—" : signed(trades.markout[horizon][at] / 100, 2)),
  };
  return [
    { name: "Time, UTC", wide: true, value: (at) => trades.t[at], cell: (at) => stamp(trades.t[at]) },
    many && { name: "Market", value: (at) => trades.market[at], cell: (at) => marketOf(trades, at).symbol, left: true },
    { name: "Side", short: true, value: (at) => +isSale(trades, at), cell: (at) => (isSale(trades, at) ? "sell" : "buy"), tone: (at) => (isSale(trades, at) ? "sell" : "buy"), left: true },
    { name: "Price", value: (at) => +trades.price[at], cell: (at) => fixed(trades.price[at], marketOf(trades, at).price_scale) },
    { name: "Quantity", value: (at) => +trades.qty[at], cell: (at) => fixed(trades.qty[at], marketOf(trades, at).qty_scale) },
    { name: `Fee, ${data.asset}`, money: true, value: (at) => +trades.fee[at], cell: (at) => exact(trades.fee[at], data.scale) },
    { name: "Role", short: true, value: (at) => trades.flags.charCodeAt(at) & 2, cell: (at) => (trades.flags.charCodeAt(at) & 2 ? "maker" : "taker"), left: true },
    { name: "Position", value: (at) => +trades.position[at], cell: (at) => fixed(trades.position[at], marketOf(trades, at).qty_scale) },
    markout("1"), markout("10"), markout("60"),
    { name: "Order", value: (at) => +trades.order[at], cell: (at) => String(trades.order[at]) },
  ].filter(Boolean);
}

function tripColumns() {
  const many = data.markets.length > 1;
  return [
    { name: "Opened, UTC", wide: true, value: (at) => trips.t[at], cell: (at) => stamp(trips.t[at]) },
    { name: "Held", value: (at) => trips.closed[at] - trips.t[at], cell: (at) => lasting(trips.closed[at] - trips.t[at]) },
    many && { name: "Market", value: (at) => trips.market[at], cell: (at) => marketOf(trips, at).symbol, left: true },
    { name: "Side", short: true, value: (at) => +isSale(trips, at), cell: (at) => (isSale(trips, at) ? "short" : "long"), tone: (at) => (isSale(trips, at) ? "sell" : "buy"), left: true },
    { name: "Largest position", money: true, value: (at) => +trips.qty[at], cell: (at) => fixed(trips.qty[at], marketOf(trips, at).qty_scale) },
    { name: "Executions", value: (at) => trips.fills[at], cell: (at) => String(trips.fills[at]) },
    { name: `Fees, ${data.asset}`, money: true, value: (at) => +trips.fee[at], cell: (at) => exact(trips.fee[at], data.scale) },
    { name: `Profit, ${data.asset}`, money: true, value: (at) => +trips.pnl[at], cell: (at) => exact(trips.pnl[at], data.scale), tone: (at) => (+trips.pnl[at] < 0 ? "loss" : "gain") },
  ].filter(Boolean);
}

function list(node, label, columns, count, choose) {
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  const grid = element("div", { class: "grid", role: "grid", tabindex: "0", "aria-label": label, "aria-rowcount": count + 1 });
  const head = element("div", { class: "row head", role: "row", "aria-rowindex": 1 });
  const body = element("div", { class: "rows", role: "rowgroup" });
  const height = Math.min(count * ROW, HEIGHT_MAX);
  let sorted = -1, down = false, active = -1, waiting = false;
  body.style.height = `${height}px`;
  const least = (each) => (each.wide ? (innerWidth < NARROW ? 11 : 15.5) : each.short ? 4 : each.money ? 8 : 6);
  grid.style.setProperty("--columns", columns.map((each) => `minmax(${least(each)}rem, ${each.wide ? 1.6 : 1}fr)`).join(" "));
  grid.style.setProperty("--least", `${columns.reduce((sum, each) => sum + least(each), 1)}rem`);
  columns.forEach((each, at) => {
    const cell = element("div", { role: "columnheader", class: each.left ? "left" : "", "aria-sort": "none" });
    const button = element("button", { type: "button" });
    button.textContent = each.name;
    if (each.hint) button.title = each.hint;
    button.addEventListener("click", () => sort(at));
    cell.append(button);
    head.append(cell);
  });
  grid.append(head, body);
  node.replaceChildren(grid);

  function sort(by) {
    down = by === sorted ? !down : false;
    sorted = by;
    const keys = Float64Array.from({ length: count }, (_, at) => columns[by].value(at) ?? -Infinity);
    const sign = down ? -1 : 1;
    order.sort((one, other) => sign * (keys[one] - keys[other]) || one - other);
    [...head.children].forEach((cell, at) => cell.setAttribute("aria-sort", at !== by ? "none" : down ? "descending" : "ascending"));
    grid.scrollTop = 0;
    active = -1;
    draw();
  }

  // Where rows are taller together than a browser can scroll, the bar stands for the part of the list that is in sight.
  function firstInSight() {
    const room = body.clientHeight - (grid.clientHeight - head.offsetHeight);
    if (count * ROW <= HEIGHT_MAX || room <= 0) return grid.scrollTop / ROW;
    return (grid.scrollTop / room) * (count - (grid.clientHeight - head.offsetHeight) / ROW);
  }

  function draw() {
    waiting = false;
    const top = firstInSight();
    const first = Math.max(Math.floor(top) - SPARE, 0);
    const last = Math.min(Math.ceil(top + grid.clientHeight / ROW) + SPARE, count);
    const lines = [];
    for (let place = first; place < last; place++) lines.push(row(place, grid.scrollTop + (place - top) * ROW));
    body.replaceChildren(...lines);
    if (active >= 0) grid.setAttribute("aria-activedescendant", `${node.id}-${active}`);
    else grid.removeAttribute("aria-activedescendant");
  }

  function row(place, y) {
    const at = order[place];
    const found = element("div", { class: place === active ? "row active" : "row", role: "row", id: `${node.id}-${place}`, "aria-rowindex": place + 2 });
    found.style.transform = `translateY(${y}px)`;
    for (const each of columns) {
      const cell = element("div", { role: "gridcell", class: `${each.left ? "left " : ""}${each.tone ? each.tone(at) : ""}` });
      cell.textContent = text(each.cell(at));
      found.append(cell);
    }
    found.addEventListener("click", () => { active = place; draw(); choose(at); });
    return found;
  }

  function show(place) {
    active = Math.min(Math.max(place, 0), count - 1);
    const seen = Math.floor((grid.clientHeight - head.offsetHeight) / ROW) - 1, top = firstInSight();
    const room = body.clientHeight - (grid.clientHeight - head.offsetHeight);
    const perRow = count * ROW <= HEIGHT_MAX ? ROW : room / Math.max(count - seen - 1, 1);
    if (active < top) grid.scrollTop = active * perRow;
    else if (active > top + seen) grid.scrollTop = (active - seen) * perRow;
    draw();
  }

  grid.addEventListener("scroll", () => {
    if (!waiting) { waiting = true; requestAnimationFrame(draw); }
  }, { passive: true });
  grid.addEventListener("keydown", (event) => {
    if (event.target !== grid || !count) return;
    const page = Math.floor(grid.clientHeight / ROW) - 2;
    const jump = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: count - 1 }[event.key];
    if (jump !== undefined) show(jump);
    else if (event.key === "Enter" && active >= 0) choose(order[active]);
    else return;
    event.preventDefault();
  });
  sort(0);
  return draw;
}
