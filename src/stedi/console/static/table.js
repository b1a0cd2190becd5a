// The preview of a table, sorted and filtered by the server; where a column comes from, on click.
import { element, get, number } from "./api.js";

const { table, asOf } = document.getElementById("table").dataset;
const grid = document.getElementById("grid");
const told = document.getElementById("told");
const panel = document.getElementById("lineage");
const operators = grid.dataset.operators.split("|");
const wish = { sort: "", desc: false, filters: new Map() };
let asked = null;
let timer = 0;

function query() {
  const filters = [...wish.filters].map(([column, [operator, value]]) => [column, operator, value]);
  const found = { table, sort: wish.sort, desc: wish.desc ? "1" : "0" };
  if (asOf) found.as_of = asOf;
  if (filters.length) found.filter = JSON.stringify(filters);
  return new URLSearchParams(found);
}

async function load() {
  asked?.abort();
  const mine = (asked = new AbortController());
  grid.setAttribute("aria-busy", "true");
  try {
    const found = await get(`/api/preview?${query()}`, { signal: mine.signal });
    if (!grid.tHead) head(found.columns);
    body(found);
    tell(sentence(found));
  } catch (error) {
    if (error.name === "AbortError") return;
    tell(error.message, true);
  }
  grid.removeAttribute("aria-busy");
}

function tell(text, bad = false) {
  told.classList.toggle("bad", bad);
  told.textContent = text;
}

function sentence({ rows, total }) {
  const filtered = wish.filters.size > 0;
  if (total === null) return `The first ${number(rows.length)} rows; there are too many to count them in time.`;
  const all = `${number(total)} ${total === 1 ? "row" : "rows"}`;
  const match = total === 1 ? "matches" : "match";
  if (rows.length < total) return `The first ${number(rows.length)} of ${all}${filtered ? ` that ${match}` : ""}.`;
  return filtered ? `${all} ${match}.` : `All ${all}.`;
}

function head(columns) {
  const [names, fields] = [element("tr"), element("tr", "", { class: "filters" })];
  for (const column of columns) {
    const cell = element("th", "", { scope: "col", "aria-sort": "none", "data-name": column.name });
    const button = element("button", column.name, { type: "button", class: "quiet mono" });
    if (!column.known) button.title = "No contract announces this column";
    button.addEventListener("click", () => sort(column.name));
    cell.append(button);
    names.append(cell);
    fields.append(filter(column));
  }
  const top = grid.createTHead();
  top.append(names, fields);
}

function filter(column) {
  const cell = element("td");
  const text = column.type === "string" || !column.known;
  const operator = element("select", "", { "aria-label": `How ${column.name} is compared` });
  for (const one of operators) operator.append(element("option", one, { value: one }));
  operator.value = text ? "contains" : "=";
  const value = element("input", "", { "aria-label": `${column.name} filter`, maxlength: 1000, spellcheck: "false" });
  const changed = () => {
    const alone = operator.value.startsWith("is ");
    value.disabled = alone;
    if (alone || value.value !== "") wish.filters.set(column.name, [operator.value, alone ? "" : value.value]);
    else if (!wish.filters.delete(column.name)) return;
    clearTimeout(timer);
    timer = setTimeout(load, 350);
  };
  operator.addEventListener("change", changed);
  value.addEventListener("input", changed);
  cell.append(operator, value);
  return cell;
}

function sort(name) {
  wish.desc = wish.sort === name && !wish.desc;
  wish.sort = name;
  for (const cell of grid.tHead.rows[0].cells) {
    const way = wish.desc ? "descending" : "ascending";
    cell.setAttribute("aria-sort", cell.dataset.name === name ? way : "none");
  }
  load();
}

function body({ columns, rows }) {
  const numbers = columns.map(({ type }) => ["int", "long", "double"].includes(type));
  const fresh = document.createElement("tbody");
  for (const row of rows) {
    const line = fresh.insertRow();
    row.forEach((value, place) => {
      const cell = line.insertCell();
      if (value === null) cell.append(element("span", "null", { class: "null" }));
      else cell.textContent = String(value);
      if (numbers[place]) cell.className = "n";
    });
  }
  if (grid.tBodies.length) grid.tBodies[0].replaceWith(fresh);
  else grid.append(fresh);
}

function tree(steps, none) {
  if (!steps.length) return element("p", none);
  const root = element("ul", "", { class: "lineage" });
  const lists = [root];
  for (const step of steps) {
    const item = element("li");
    const name = step.column ?? "(a column withheld from you)";
    item.append(element("span", `${step.flow} `, { class: "flow-word" }));
    const link = step.open ? element("a", step.table, { href: `/tables/${step.table}` }) : element("span", step.table, { class: "mono" });
    item.append(link, element("span", ` · ${name}`, { class: "mono" }));
    if (step.pii !== "none") item.append(" ", element("span", step.pii, { class: `tag ${step.pii === "direct" ? "bad" : "warn"}` }));
    lists.length = step.depth;
    lists[step.depth - 1].append(item);
    const inner = element("ul");
    item.append(inner);
    lists[step.depth] = inner;
  }
  for (const empty of root.querySelectorAll("ul:empty")) empty.remove();
  return root;
}

async function trace(button) {
  for (const other of document.querySelectorAll("[data-lineage]")) other.setAttribute("aria-expanded", String(other === button));
  panel.hidden = false;
  panel.replaceChildren(element("h3", button.dataset.lineage), element("p", "Tracing…"));
  try {
    const found = await get(`/api/lineage?${new URLSearchParams({ column: button.dataset.lineage })}`);
    panel.replaceChildren(
      element("h3", `${found.column} comes from`), tree(found.sources, "Nothing further up: it is as delivered, or written by the lakehouse itself."),
      element("h3", "and flows into"), tree(found.uses, "No column of another table."),
    );
  } catch (error) {
    panel.lastChild.replaceWith(element("p", error.message, { class: "bad" }));
  }
  panel.scrollIntoView({ block: "nearest" });
}

for (const button of document.querySelectorAll("[data-lineage]")) button.addEventListener("click", () => trace(button));
load();
