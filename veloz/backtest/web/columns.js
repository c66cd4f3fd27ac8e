// The page's data as columns, and how numbers are told. Integers stay exact: a column that a double cannot hold comes as texts.

const source = document.getElementById("data");
const data = JSON.parse(source.textContent);
source.remove(); // megabytes that nobody reads again

function column(packed) {
  if (packed === null) return null;
  if (packed.text) return packed.text;
  const values = new Float64Array(packed.delta.length);
  let sum = 0;
  for (let at = 0; at < values.length; at++) {
    sum += packed.delta[at];
    values[at] = sum;
  }
  packed.delta = null;
  return values;
}

// Microseconds from the beginning → seconds since the epoch, which is what the time axis wants.
function seconds(micros) {
  const found = new Float64Array(micros.length);
  for (let at = 0; at < found.length; at++) found[at] = (data.began_us + micros[at]) / 1e6;
  return found;
}

// A count at a scale, every decimal told.
function fixed(count, scale) {
  let digits = String(count);
  const minus = digits.startsWith("-");
  if (minus) digits = digits.slice(1);
  digits = digits.padStart(scale + 1, "0");
  const cut = digits.length - scale;
  const whole = digits.slice(0, cut).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return (minus ? "−" : "") + whole + (scale ? `.${digits.slice(cut)}` : "");
}

function exact(count, scale) {
  const all = fixed(count, scale);
  return scale ? all.replace(/\.?0+$/, "") : all;
}

function two(number) {
  return String(number).padStart(2, "0");
}

function moment(micros) {
  const all = data.began_us + micros;
  const when = new Date(Math.floor(all / 1000));
  const day = `${when.getUTCFullYear()}-${two(when.getUTCMonth() + 1)}-${two(when.getUTCDate())}`;
  const clock = `${two(when.getUTCHours())}:${two(when.getUTCMinutes())}:${two(when.getUTCSeconds())}`;
  return `${day} ${clock}.${String(all % 1_000_000).padStart(6, "0")}`;
}

function lasting(micros) {
  for (const [unit, next, name, below] of [
    [86_400e6, 3_600e6, "d", "h"], [3_600e6, 60e6, "h", "min"], [60e6, 1e6, "min", "s"],
  ]) {
    if (micros >= unit) {
      const rest = Math.floor((micros % unit) / next);
      return `${Math.floor(micros / unit)} ${name}${rest ? ` ${rest} ${below}` : ""}`;
    }
  }
  return micros >= 1e6 ? `${+(micros / 1e6).toFixed(3)} s` : `${+(micros / 1e3).toFixed(3)} ms`;
}

function signed(value, places) {
  return value.toFixed(places).replace("-", "−");
}

// First place whose value is not below `wanted`, in rising values.
function place(values, wanted) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nearest(values, wanted) {
  const at = place(values, wanted);
  if (at === 0) return 0;
  if (at === values.length) return at - 1;
  return wanted - values[at - 1] <= values[at] - wanted ? at - 1 : at;
}

const trades = {
  count: data.trades.count,
  t: column(data.trades.t),
  market: column(data.trades.market),
  flags: data.trades.flags,
  price: column(data.trades.price),
  qty: column(data.trades.qty),
  fee: column(data.trades.fee),
  position: column(data.trades.position),
  order: column(data.trades.order),
  markout: data.trades.markout,
};
const trips = {
  count: data.trips.count,
  t: column(data.trips.t),
  closed: column(data.trips.closed),
  market: column(data.trips.market),
  flags: data.trips.flags,
  fills: column(data.trips.fills),
  qty: column(data.trips.qty),
  pnl: column(data.trips.pnl),
  fee: column(data.trips.fee),
};

function marketOf(rows, at) {
  return data.markets[rows.market ? rows.market[at] : 0];
}

function isSale(rows, at) {
  return (rows.flags.charCodeAt(at) & 1) === 1;
}
