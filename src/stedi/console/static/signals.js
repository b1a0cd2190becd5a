// The signals of one subject: two charts over one span, read anew, finer, whenever it changes.
import { element, get, number } from "./api.js";
import uPlot from "./vendor/uplot.js";

const at = (id) => document.getElementById(id);
const SERIES = ["x", "y", "z", "magnitude", "distance"];
const CHARTS = { acceleration: ["x", "y", "z", "magnitude"], distance: ["distance"] };
const HEIGHT = { acceleration: 300, distance: 170 };
const NARROWEST = 200; // milliseconds
const WAIT = 150;
const state = { subject: "", recordings: [], recording: 0, span: [0, 1], steps: [], asked: null };
const charts = {};
let everybody = [];
let timer = 0;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const utc = (ms) => new Date(ms).toISOString();
const clock = (ms) => utc(ms).slice(11, 23);

/* ---- who */

async function listSubjects() {
  try {
    const { subjects, most } = await get("/api/signals/subjects");
    everybody = subjects;
    const more = subjects.length >= most ? `the ${number(most)} with most readings` : "all";
    at("subjects").textContent = subjects.length ? `${number(subjects.length)} subjects, ${more}.` : "No readings: nobody is in the table yet.";
    at("subject").disabled = !subjects.length;
    offer();
  } catch (error) {
    at("subjects").textContent = error.message;
  }
}

function offer() {
  const part = at("find").value.trim().toLowerCase();
  const found = everybody.filter((one) => one.subject_id.includes(part));
  const options = found.map((one) => {
    const text = `${one.subject_id.slice(0, 10)}… ${number(one.readings)} on ${one.days} days`;
    return element("option", text, { value: one.subject_id, title: one.subject_id });
  });
  at("subject").replaceChildren(...options);
  at("subject").value = state.subject;
  if (part) at("subjects").textContent = `${number(found.length)} of ${number(everybody.length)} subjects`;
}

async function choose(subject, span = null) {
  Object.assign(state, { subject, recordings: [], recording: 0 });
  at("told").textContent = "Reading…";
  try {
    const found = await read({ subject });
    state.recordings = found.recordings;
    at("recording").replaceChildren(...byDay(found.recordings));
    at("tools").hidden = at("charts").hidden = false;
    if (span) return show(span);
    state.span = found.span;
    follow();
    render(found);
  } catch (error) {
    if (error.name === "AbortError") return;
    at("charts").hidden = at("tools").hidden = true;
    at("told").textContent = error.message;
  }
}

// The recordings below the days on which they begin.
function byDay(recordings) {
  const groups = new Map();
  recordings.forEach(({ readings, span: [since, until] }, place) => {
    const day = utc(since).slice(0, 10);
    if (!groups.has(day)) groups.set(day, element("optgroup", "", { label: day }));
    const text = `${day} ${utc(since).slice(11, 19)} to ${utc(until).slice(11, 19)}, ${number(readings)} readings`;
    groups.get(day).append(element("option", text, { value: place }));
  });
  return groups.values();
}

/* ---- when */

const whole = () => [state.recordings[0].span[0], state.recordings.at(-1).span[1]];

function nearest([since, until]) {
  const middle = (since + until) / 2;
  const away = ({ span }) => Math.max(span[0] - middle, middle - span[1], 0);
  const all = state.recordings;
  return all.reduce((best, one, place) => (away(one) < away(all[best]) ? place : best), 0);
}

function show([since, until]) {
  const [first, last] = whole();
  const length = Math.max(Math.min(until - since, last - first), NARROWEST);
  const start = Math.max(Math.min(since, last - length), Math.min(first, last - length));
  state.span = [Math.round(start), Math.round(start + length)];
  follow();
  for (const chart of Object.values(charts)) chart.setScale("x", { min: state.span[0], max: state.span[1] });
  clearTimeout(timer);
  timer = setTimeout(refine, WAIT);
}

function follow() {
  const [since, until] = state.span;
  state.recording = nearest(state.span);
  at("recording").value = state.recording;
  const query = new URLSearchParams({ subject: state.subject, since, until });
  history.replaceState(null, "", `/signals?${query}`);
}

async function refine() {
  const [since, until] = state.span;
  try {
    render(await read({ subject: state.subject, since, until }));
  } catch (error) {
    if (error.name !== "AbortError") at("told").textContent = error.message;
  }
}

function read(query) {
  state.asked?.abort();
  state.asked = new AbortController();
  return get(`/api/signals?${new URLSearchParams(query)}`, { signal: state.asked.signal });
}

const moves = {
  in: (since, until) => [since + (until - since) / 4, until - (until - since) / 4],
  out: (since, until) => [since - (until - since) / 2, until + (until - since) / 2],
  left: (since, until) => [since - (until - since) / 2, until - (until - since) / 2],
  right: (since, until) => [since + (until - since) / 2, until + (until - since) / 2],
  one: () => state.recordings[state.recording].span,
  all: () => whole(),
};

/* ---- what */

function render(found) {
  state.steps = found.steps.times;
  const columns = broken(found.columns, Math.max(2000, 4 * found.every));
  for (const [name, series] of Object.entries(CHARTS)) {
    const data = [columns.t, ...series.map((one) => columns[one])];
    if (charts[name]) charts[name].setData(data, false);
    else charts[name] = drawn(name, series, data);
    charts[name].setScale("x", { min: state.span[0], max: state.span[1] });
  }
  tell(found);
}

// A pause in the recording is a gap in the curve.
function broken(columns, pause) {
  const result = Object.fromEntries(["t", ...SERIES].map((name) => [name, []]));
  columns.t.forEach((t, place) => {
    const last = place ? columns.t[place - 1] : t;
    if (t - last > pause) {
      result.t.push(last + 1);
      for (const name of SERIES) result[name].push(null);
    }
    result.t.push(t);
    for (const name of SERIES) result[name].push(columns[name][place]);
  });
  return result;
}

function drawn(name, series, data) {
  const ink = () => colour("--ink");
  const lines = { stroke: () => colour("--line"), width: 1 };
  const options = {
    width: at(name).clientWidth,
    height: HEIGHT[name],
    ms: 1,
    tzDate: (ms) => uPlot.tzDate(new Date(ms), "Etc/UTC"),
    legend: { show: false },
    cursor: {
      sync: { key: "signals" },
      drag: { x: true, y: false, setScale: false },
      bind: { dblclick: () => () => show(moves.one()) },
    },
    scales: { x: { time: true } },
    axes: [{ stroke: ink, grid: lines, ticks: lines, values: moments, space: 80 }, { stroke: ink, grid: lines, ticks: lines, size: 56 }],
    series: [{}, ...series.map((one) => ({ label: one, stroke: () => colour(`--signal-${one}`), width: 1.25, points: { size: 4 } }))],
    hooks: { setSelect: [picked], setCursor: [(chart) => pointed(chart, series)], drawClear: [marked] },
  };
  return new uPlot(options, data, at(name));
}

// Times below the axis, as fine as its marks; the day where it begins or changes.
function moments(chart, marks, place, space, step) {
  let known = "";
  return marks.map((ms) => {
    const [day, time] = utc(ms).split("T");
    const shown = step >= 864e5 ? "" : time.slice(0, step < 1000 ? 12 : step < 6e4 ? 8 : 5);
    const text = day === known ? shown : `${shown}\n${day}`;
    known = day;
    return text;
  });
}

function picked(chart) {
  const { left, width } = chart.select;
  if (width < 3) return;
  show([chart.posToVal(left, "x"), chart.posToVal(left + width, "x")]);
  chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
}

function pointed(chart, series) {
  series.forEach((one, place) => {
    const value = chart.cursor.idx == null ? null : chart.data[place + 1][chart.cursor.idx];
    document.querySelector(`[data-value="${one}"]`).textContent = value == null ? "" : value.toFixed(one === "distance" ? 0 : 3);
  });
}

// The true steps, as ticks from top to bottom behind the curves.
function marked(chart) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = colour("--signal-step");
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  for (const time of state.steps) {
    const x = Math.round(chart.valToPos(time, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
  }
  ctx.stroke();
  ctx.restore();
}

function tell(found) {
  const [since, until] = found.span;
  const when = utc(since).slice(0, 10) === utc(until).slice(0, 10) ? `${utc(since).slice(0, 10)}, ${clock(since)} to ${clock(until)}` : `${utc(since).slice(0, 16)} to ${utc(until).slice(0, 16)}`;
  const how = found.every ? `Thinned: the least and the greatest of every ${number(found.every)} ms are drawn; zoom in for more.` : "Every one is drawn.";
  at("told").textContent = found.readings ? `${number(found.readings)} readings, ${when} UTC. ${how}` : `No readings, ${when} UTC.`;
  at("steps").textContent = stepped(found.steps);
  at("figures").tBodies[0].replaceChildren(...(found.readings ? SERIES.map((name) => figures(name, found)) : []));
}

function stepped({ known, count, times }) {
  if (!known) return "True steps are there only for lakes of simulated feeds that lie where they were landed from.";
  if (count > times.length) return `${number(count)} true steps, too many to draw; zoom in.`;
  return `${number(count)} true steps of the simulation, drawn as upright lines.`;
}

function figures(name, { readings, first, last, figures: all }) {
  const row = element("tr");
  row.append(element("th", name, { scope: "row" }), element("td", number(readings), { class: "n" }));
  for (const time of [first, last]) row.append(element("td", `${utc(time).slice(0, 10)} ${clock(time)}`));
  for (const value of all[name]) row.append(element("td", value === null ? "" : value.toFixed(3), { class: "n" }));
  return row;
}

/* ---- how it is used */

at("find").addEventListener("input", offer);
at("subject").addEventListener("change", () => choose(at("subject").value));
at("recording").addEventListener("change", () => show(state.recordings[at("recording").value].span));
for (const button of document.querySelectorAll("[data-move]")) {
  button.addEventListener("click", () => state.recordings.length && show(moves[button.dataset.move](...state.span)));
}
for (const button of document.querySelectorAll("[data-series]")) {
  button.addEventListener("click", () => {
    const chart = charts[button.closest("ul").nextElementSibling.id];
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    chart.setSeries(Number(button.dataset.series), { show: on });
  });
}
new MutationObserver(() => Object.values(charts).forEach((chart) => chart.redraw())).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
new ResizeObserver(() => {
  for (const [name, chart] of Object.entries(charts)) chart.setSize({ width: at(name).clientWidth, height: HEIGHT[name] });
}).observe(at("charts"));
at("tools").hidden = true;
const asked = new URLSearchParams(location.search);
listSubjects();
if (asked.get("subject")) {
  const span = [Number(asked.get("since")), Number(asked.get("until"))];
  choose(asked.get("subject"), asked.get("since") && span.every(Number.isFinite) ? span : null);
}
