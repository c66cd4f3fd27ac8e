// Puts the parts together: theme, what figures mean, zooming, lists.

function element(name, attributes) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== "") made.setAttribute(key, value);
  return made;
}

const THEMES = ["system", "light", "dark"];
const themeButton = document.getElementById("theme");

function kept(value) {
  try {
    if (value !== undefined) localStorage.setItem("veloz-theme", value);
    return localStorage.getItem("veloz-theme");
  } catch {
    return null; // a browser may forbid a file to keep anything
  }
}

function setTheme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  themeButton.textContent = `Theme: ${name}`;
  themeButton.value = name;
  for (const each of Object.values(charts)) each.redraw();
}

themeButton.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(themeButton.value) + 1) % THEMES.length];
  kept(next);
  setTheme(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(themeButton.value));

const tip = document.getElementById("tip");

function explain(card) {
  tip.replaceChildren();
  if (card.dataset.missing) {
    const why = element("p", { class: "missing" });
    why.textContent = `Not computed: ${card.dataset.missing}`;
    tip.append(why);
  }
  const means = element("p", {});
  means.textContent = document.getElementById(`d-${card.dataset.means}`).textContent;
  tip.append(means);
  tip.hidden = false;
  const box = card.getBoundingClientRect(), width = tip.offsetWidth, height = tip.offsetHeight;
  const below = box.bottom + 6 + height < innerHeight;
  tip.style.left = `${Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8))}px`;
  tip.style.top = `${below ? box.bottom + 6 : Math.max(8, box.top - height - 6)}px`;
}

for (const card of document.querySelectorAll("[data-means]")) {
  card.addEventListener("mouseenter", () => explain(card));
  card.addEventListener("focus", () => explain(card));
  for (const end of ["mouseleave", "blur"]) card.addEventListener(end, () => { tip.hidden = true; });
}
addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
addEventListener("scroll", () => {
  const card = document.activeElement;
  if (!tip.hidden && card?.dataset.means) explain(card); // focus by a key scrolls the card into sight
  else tip.hidden = true;
}, { passive: true });

const KEYS = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" };
for (const node of document.querySelectorAll(".chart")) {
  node.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
    move(KEYS[event.key]);
    event.preventDefault();
  });
}
for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", () => move(button.dataset.move));
const picker = document.getElementById("market");
picker?.addEventListener("change", () => { shown = +picker.value; drawPrice(); });

function point(from, to, market) {
  marked = [(data.began_us + from) / 1e6, (data.began_us + to) / 1e6];
  if (market !== shown) { shown = market; if (picker) picker.value = String(market); drawPrice(); }
  const room = Math.max((marked[1] - marked[0]) * 2, Math.min((whole.max - whole.min) / 200, 60));
  zoomTo(marked[0] - room, marked[1] + room);
  document.getElementById("price").scrollIntoView({ block: "center", behavior: "instant" });
}

const place_of_list = document.getElementById("list");
let redrawList = () => {};
const LISTS = {
  trades: () => list(place_of_list, "Executions", tradeColumns(), trades.count, (at) => point(trades.t[at], trades.t[at], trades.market ? trades.market[at] : 0)),
  trips: () => list(place_of_list, "Round trips", tripColumns(), trips.count, (at) => point(trips.t[at], trips.closed[at], trips.market ? trips.market[at] : 0)),
};

function openList(name, focus) {
  for (const each of Object.keys(LISTS)) {
    const tab = document.getElementById(`tab-${each}`);
    tab.setAttribute("aria-selected", String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    if (each === name && focus) tab.focus();
  }
  place_of_list.setAttribute("aria-labelledby", `tab-${name}`);
  redrawList = LISTS[name]();
}

for (const name of Object.keys(LISTS)) {
  const tab = document.getElementById(`tab-${name}`);
  tab.addEventListener("click", () => openList(name, false));
  tab.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") openList(name === "trades" ? "trips" : "trades", true);
  });
}

let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's address bar comes and goes
  width = innerWidth;
  for (const [name, each] of Object.entries(charts)) {
    each.setSize({ width: Math.max(document.getElementById(name).clientWidth, 200), height: each.height });
  }
  redrawList();
});

themeButton.hidden = false;
document.getElementById("zoom").hidden = false;
setTheme(THEMES.includes(kept()) ? kept() : "system");
drawAll();
openList("trades", false);
document.documentElement.dataset.ready = String(Math.round(performance.now()));
