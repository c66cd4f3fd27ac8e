// Four charts over one time axis: they zoom and point together.

const charts = {};
const whole = { min: data.began_us / 1e6, max: (data.began_us + Math.max(data.span_us, 1000)) / 1e6 };
let view = { ...whole };
let shown = 0; // the market of the price chart
let marked = null; // [from, to] in seconds: what a list points at
const executions = []; // by market: { at: places in trades, x: seconds, y: prices }

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function executionsOf(market) {
  if (!executions[market]) {
    const places = [];
    for (let at = 0; at < trades.count; at++) if (!trades.market || trades.market[at] === market) places.push(at);
    const scale = 10 ** data.markets[market].price_scale;
    executions[market] = {
      at: places,
      x: Float64Array.from(places, (at) => (data.began_us + trades.t[at]) / 1e6),
      y: Float64Array.from(places, (at) => Number(trades.price[at]) / scale),
    };
  }
  return executions[market];
}

function line(name, label, fill) {
  return { label, stroke: () => colour(name), width: 1.5, fill: fill ? () => colour(fill) : undefined, points: { show: false } };
}

// Least step, what stands at a tick, and what is added where a year, a month, a day, an hour, a minute begins.
const DAY = "\n{YYYY}-{MM}-{DD}", MINUTE = "\n{YYYY}-{MM}-{DD} {HH}:{mm}";
const TIMES = [
  [3600 * 24 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [3600 * 24 * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600 * 24, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", DAY, null, DAY, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", DAY, null, DAY, null, null, null, 1],
  [0.001, ":{ss}.{fff}", MINUTE, null, MINUTE, null, MINUTE, null, 1],
];

function axes(digits) {
  const look = { stroke: () => colour("--soft"), grid: { stroke: () => colour("--grid"), width: 1 }, ticks: { stroke: () => colour("--grid"), width: 1 } };
  return [
    { ...look, space: 90, values: TIMES },
    { ...look, size: 72, values: (_, splits) => splits.map((value) => value.toLocaleString("en", digits).replace("-", "−").replaceAll(",", "\u202f")) },
  ];
}

function options(node, name, height, series, digits, more = {}) {
  return {
    width: Math.max(node.clientWidth, 200), height, series: [{}, ...series], axes: axes(digits), legend: { show: false }, pxAlign: 0,
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"), padding: [8, 12, 0, 0],
    scales: { x: { time: true, range: () => [view.min, view.max] }, y: { range: (chart) => padded(chart, name === "price") } },
    cursor: { sync: { key: "veloz" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    hooks: {
      setSelect: [(chart) => zoomTo(chart.posToVal(chart.select.left, "x"), chart.posToVal(chart.select.left + chart.select.width, "x"), chart)],
      setCursor: [(chart) => tell(chart, name)],
      draw: [drawShades, ...(more.draw || [])],
    },
  };
}

// What is in sight, with the neighbours on both sides that lines run to.
function inSight(times) {
  return [Math.max(place(times, view.min) - 1, 0), Math.min(place(times, view.max) + 1, times.length)];
}

function extent(values, [from, to], found = [Infinity, -Infinity]) {
  for (let at = from; at < to; at++) {
    const value = values[at];
    if (value === null) continue;
    if (value < found[0]) found[0] = value;
    if (value > found[1]) found[1] = value;
  }
  return found;
}

function padded(chart, executed) {
  const found = extent(chart.data[1], inSight(chart.data[0]));
  if (executed) extent(executionsOf(shown).y, inSight(executionsOf(shown).x), found);
  if (found[0] > found[1]) return [0, 1];
  const room = (found[1] - found[0] || Math.abs(found[1]) || 1) * 0.06;
  return [found[0] - room, found[1] + room];
}

function make(name, height, columns, series, digits, more) {
  const node = document.getElementById(name);
  if (!node) return;
  charts[name]?.destroy();
  charts[name] = new uPlot(options(node, name, height, series, digits, more), columns, node);
  charts[name].over.addEventListener("dblclick", () => zoomTo(whole.min, whole.max));
  charts[name].tell = more.tell;
}

function tell(chart, name) {
  const read = document.getElementById(`${name}-read`);
  if (!read || !charts[name]) return;
  const at = chart.cursor.idx;
  if (at === null || at === undefined) { read.textContent = ""; return; }
  read.textContent = charts[name].tell(at, chart);
}

function zoomTo(from, to, chart) {
  chart?.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (!(to > from)) return;
  const least = Math.max((whole.max - whole.min) * 1e-7, 1e-4);
  const middle = (from + to) / 2, half = Math.max(to - from, least) / 2;
  view = { min: Math.max(middle - half, whole.min), max: Math.min(middle + half, whole.max) };
  for (const each of Object.values(charts)) each.setScale("x", view);
}

function move(how) {
  const span = view.max - view.min;
  if (how === "all") return zoomTo(whole.min, whole.max);
  if (how === "in") return zoomTo(view.min + span / 4, view.max - span / 4);
  if (how === "out") return zoomTo(Math.max(view.min - span / 2, whole.min), Math.min(view.max + span / 2, whole.max));
  const by = how === "left" ? Math.max(-span / 3, whole.min - view.min) : Math.min(span / 3, whole.max - view.max);
  return zoomTo(view.min + by, view.max + by);
}

function drawShades(chart) {
  for (const [from, to] of data.gaps) shade(chart, data.began_us / 1e6 + from / 1e6, data.began_us / 1e6 + to / 1e6, "--gap");
  if (marked) shade(chart, marked[0], marked[1], "--mark");
}

function shade(chart, begin, end, name) {
  const { ctx, bbox } = chart;
  const from = Math.max(chart.valToPos(begin, "x", true), bbox.left);
  const to = Math.min(chart.valToPos(end, "x", true), bbox.left + bbox.width);
  if (to < bbox.left || from > bbox.left + bbox.width) return;
  ctx.save();
  ctx.fillStyle = colour(name);
  ctx.fillRect(from - 1, bbox.top, Math.max(to - from, 0) + 2, bbox.height);
  ctx.restore();
}

// Executions: triangles where there is room, else one dot for all that fall into the same few pixels.
function drawExecutions(chart) {
  const { at, x, y } = executionsOf(shown);
  const first = place(x, view.min), last = place(x, view.max);
  const { ctx, bbox } = chart;
  const ratio = uPlot.pxRatio, few = last - first <= bbox.width / ratio;
  const size = (few ? 4.5 : 2) * ratio, cell = few ? 0 : 2 * ratio;
  const columns = Math.ceil(bbox.width / (cell || 1)) + 1, rows = Math.ceil(bbox.height / (cell || 1)) + 1;
  const perX = bbox.width / (view.max - view.min), { min, max } = chart.scales.y, perY = bbox.height / (max - min);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const taken = few ? null : new Uint8Array(columns * rows), buys = new Path2D(), sales = new Path2D();
  for (let row = first; row < last; row++) {
    const dx = (x[row] - view.min) * perX, dy = (max - y[row]) * perY;
    if (dy < 0 || dy > bbox.height) continue;
    if (taken) {
      const spot = Math.floor(dy / cell) * columns + Math.floor(dx / cell);
      if (taken[spot]) continue;
      taken[spot] = 1;
    }
    const sale = isSale(trades, at[row]);
    triangle(sale ? sales : buys, bbox.left + dx, bbox.top + dy, size, sale);
  }
  ctx.fillStyle = colour("--buy");
  ctx.fill(buys);
  ctx.fillStyle = colour("--sell");
  ctx.fill(sales);
  ctx.restore();
}

function triangle(path, x, y, size, down) {
  const tip = down ? size : -size;
  path.moveTo(x, y + tip);
  path.lineTo(x - size, y - tip * 0.7);
  path.lineTo(x + size, y - tip * 0.7);
  path.closePath();
}

function priceColumns() {
  const market = data.markets[shown];
  market.line ??= (() => {
    const mids = column(market.mid_x2), scale = 2 * 10 ** market.price_scale;
    return [seconds(column(market.t)), Float64Array.from(mids, (mid) => Number(mid) / scale)];
  })();
  if (market.line[0].length) return market.line;
  const { x, y } = executionsOf(shown);
  return [x, y];
}

function tellPrice(at, chart) {
  const market = data.markets[shown], [times, prices] = chart.data;
  const { x, at: places } = executionsOf(shown);
  let text = `${clock(times[at])} · mid ${prices[at]}`;
  if (x.length) {
    const near = places[nearest(x, chart.posToVal(chart.cursor.left, "x"))];
    text += ` · nearest: ${isSale(trades, near) ? "sold" : "bought"} ${exact(trades.qty[near], market.qty_scale)} @ ${exact(trades.price[near], market.price_scale)}, ${moment(trades.t[near])}`;
  }
  return text;
}

function clock(second) {
  return moment(Math.round(second * 1e6) - data.began_us).slice(0, -3);
}

const curves = {
  equity: [seconds(column(data.equity.t)), data.equity.equity],
  fall: data.equity.fall.map((part) => (part === null ? null : part * 100)),
  rolling: [seconds(column(data.rolling.t)), data.rolling.sharpe],
};

function drawAll() {
  const tall = window.innerWidth < 700 ? 0.8 : 1;
  make("equity", 260 * tall, curves.equity, [line("--line", "Equity", "--line-soft")], { maximumFractionDigits: 8 }, {
    tell: (at, chart) => `${clock(chart.data[0][at])} · ${signed(chart.data[1][at], 2)} ${data.asset}`,
  });
  make("fall", 150 * tall, [curves.equity[0], curves.fall], [line("--loss", "Drawdown", "--loss-soft")], { maximumFractionDigits: 4 }, {
    tell: (at, chart) => (chart.data[1][at] === null ? "" : `${clock(chart.data[0][at])} · ${signed(chart.data[1][at], 4)} %`),
  });
  make("rolling", 150 * tall, curves.rolling, [line("--line", "Rolling Sharpe")], { maximumFractionDigits: 2 }, {
    tell: (at, chart) => `${clock(chart.data[0][at])} · ${signed(chart.data[1][at], 2)}`,
  });
  drawPrice();
}

function drawPrice() {
  if (!data.markets.length) return;
  const height = 340 * (window.innerWidth < 700 ? 0.8 : 1);
  const digits = { maximumFractionDigits: data.markets[shown].price_scale };
  make("price", height, priceColumns(), [line("--soft", "Mid")], digits, { tell: tellPrice, draw: [drawExecutions] });
}
