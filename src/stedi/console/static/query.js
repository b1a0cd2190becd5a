// The SQL page: the editor, what is asked, and what came of it.
import { Failure, element, get, number, post } from "./api.js";
import { Chart } from "./chart.js";
import { Grid } from "./grid.js";
import { History } from "./sql-history.js";
import { openEditor } from "./sql-editor.js";

const at = (id) => document.getElementById(id);
const role = at("sql").dataset.role;
const KEPT = `stedi-sql-${role}`;
const work = { ticket: "", started: 0, timer: 0 };

const grid = new Grid(at("sheet"), (error) => say(error.message, "bad"));
const chart = new Chart(at("panel-chart"));
const past = new History(role, at("history"), at("clear"), ({ sql, asOf }) => {
  editor.put(sql);
  at("as-of").value = asOf ?? "";
  editor.focus();
});

at("text").value = handed() ?? sessionStorage.getItem(KEPT) ?? "";
const editor = await openEditor(at("text"), at("editor"), run);
editor.changed(() => {
  editor.clear();
  sessionStorage.setItem(KEPT, editor.text());
});
window.addEventListener("hashchange", () => {
  const text = handed();
  if (text !== null) editor.put(text);
});

/** A query that a link brought, in the fragment, which no server sees; it is put, not run. */
function handed() {
  const text = new URLSearchParams(location.hash.slice(1)).get("q");
  if (text !== null) history.replaceState(null, "", location.pathname);
  return text;
}

function say(text, kind = "") {
  at("status").textContent = text;
  at("status").className = `status ${kind}`;
}

at("ask").addEventListener("submit", (event) => { event.preventDefault(); run(); });
at("cancel").addEventListener("click", async () => {
  at("cancel").disabled = true;
  await post("/api/query/cancel", { ticket: work.ticket }).catch((error) => say(error.message, "bad"));
});
for (const button of at("saved").querySelectorAll("button")) {
  button.addEventListener("click", () => { editor.put(button.dataset.sql); run(); });
}

function busy(ticket) {
  work.ticket = ticket;
  work.started = performance.now();
  clearInterval(work.timer);
  const tick = () => { at("elapsed").textContent = `${((performance.now() - work.started) / 1000).toFixed(1)} s`; };
  if (ticket) { tick(); work.timer = setInterval(tick, 100); }
  at("run").disabled = Boolean(ticket);
  at("cancel").disabled = false;
  at("cancel").hidden = at("elapsed").hidden = !ticket;
}

async function run() {
  if (work.ticket || at("run").disabled) return;
  const [sql, asOf] = [editor.text(), at("as-of").value.trim()];
  editor.clear();
  busy(crypto.randomUUID());
  say("Running…");
  const entry = { sql, asOf, state: "failed", rows: 0, seconds: 0 };
  try {
    const found = await post("/api/query", { sql, as_of: asOf, ticket: work.ticket });
    Object.assign(entry, { state: "done", rows: found.rows, seconds: found.seconds });
    show(found);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    entry.state = error.told.state ?? "failed";
    failed(error);
  } finally {
    busy("");
    if (sql.trim()) past.add(entry);
  }
}

function show(found) {
  const cut = { rows: "cut at the limit of rows: there are more", size: "cut at the limit of size: there are more" }[found.cut];
  const count = `${cut ? "the first " : ""}${number(found.rows)} ${found.rows === 1 ? "row" : "rows"}`;
  const took = `in ${found.seconds.toFixed(2)} s`;
  const told = found.saved ? `${count}, computed once for everybody until the lake changes (${took})` : `${count} ${took}`;
  say(cut ? `${told}; ${cut}` : told, cut ? "warn" : "good");
  at("result").hidden = false;
  at("csv").href = `/api/results/${found.number}.csv`;
  at("parquet").href = `/api/results/${found.number}.parquet`;
  select(at("tab-table"));
  grid.show(found);
  chart.show(found);
}

function failed({ message, told }) {
  at("result").hidden = true;
  const state = { refused: "Refused", limit: "Stopped at a limit", cancelled: "Cancelled" }[told.state] ?? "Failed";
  say(`${state}: ${message}`, told.state === "cancelled" ? "warn" : "bad");
  if (["refused", "failed"].includes(told.state)) editor.mark(told.position ?? null, message);
  else editor.focus();
}

function select(tab) {
  for (const one of document.querySelectorAll("[role=tab]")) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", chosen);
    one.tabIndex = chosen ? 0 : -1;
    at(one.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (tab.id === "tab-chart") chart.open();
}
for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = at(tab.id === "tab-table" ? "tab-chart" : "tab-table");
    other.focus();
    select(other);
  });
}

function listed({ zone, name, description, columns }) {
  const insert = (label, text, hint) => {
    const button = element("button", label, { type: "button", class: "quiet mono", title: hint });
    button.addEventListener("click", () => { editor.insert(text); editor.focus(); });
    return button;
  };
  const quoted = (text) => (/^[a-z_][a-z0-9_]*$/.test(text) && !["timestamp", "user", "table"].includes(text) ? text : `"${text}"`);
  const items = columns.map((one) => element("li", "", {}, insert(one.name, quoted(one.name), one.description), element("span", one.type, { class: "hint" })));
  return element("details", "", {}, element("summary", `${zone}.${name}`, { class: "mono", title: description }), element("p", description, { class: "hint" }), insert("insert the name", `${zone}.${name}`, description), element("ul", "", { class: "plain" }, ...items));
}

try {
  const { tables } = await get("/api/schema");
  editor.complete(tables);
  at("tables").replaceChildren(...tables.map(listed));
} catch (error) {
  at("tables").replaceChildren(element("p", error.message, { class: "bad" }));
}
document.documentElement.dataset.ready = "sql";
