// A table of any number of rows: only those in sight are in the page, fetched in windows.
import { Failure, element, get } from "./api.js";

const ROW = 28; // px
const WINDOW = 200; // rows
const KEPT = 12; // windows
const WIDEST = 44; // characters of a column in sight
const TALLEST = 8_000_000; // px; browsers do not make elements much taller than twice that
const SETTLED = 40; // ms without scrolling before rows are fetched

export class Grid {
  constructor(parent, trouble) {
    this.trouble = trouble;
    this.header = element("div", "", { role: "row", class: "sheet-row sheet-head", "aria-rowindex": 1 });
    this.layer = element("div", "", { class: "sheet-layer", role: "rowgroup" });
    this.space = element("div", "", { class: "sheet-space", role: "presentation" }, element("div", "", { role: "rowgroup", class: "sheet-top" }, this.header), this.layer);
    this.root = element("div", "", { role: "grid", tabindex: 0, class: "sheet", "aria-label": "Rows of the result", "aria-readonly": "true" }, this.space);
    parent.replaceChildren(this.root);
    this.rows = 0;
    this.root.addEventListener("scroll", () => this.scrolled());
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.root.addEventListener("mousedown", (event) => this.pointed(event));
    this.root.addEventListener("copy", (event) => this.copy(event));
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  /** Show a result: its number, columns, rows and first window. */
  show({ number, columns, rows, window: first }) {
    Object.assign(this, { number, columns, rows, row: 0, column: 0, lines: [] });
    this.windows = new Map([[0, first.slice(0, WINDOW)]]);
    this.wanted = new Set();
    this.root.setAttribute("aria-rowcount", rows + 1);
    this.root.setAttribute("aria-colcount", columns.length);
    this.head(first);
    this.layer.replaceChildren();
    this.height = Math.min(rows * ROW, TALLEST);
    this.space.style.height = `${this.height + this.header.offsetHeight}px`;
    this.root.style.height = `${Math.min(rows, 18) * ROW + this.header.offsetHeight + 18}px`;
    this.root.scrollTo(0, 0);
    this.draw();
  }

  head(first) {
    this.header.replaceChildren(...this.columns.map((column, place) => element("div", "", {
      role: "columnheader", class: `sheet-cell ${column.kind}`, "aria-colindex": place + 1,
    }, element("span", column.name, { class: "sheet-name", title: column.name }), element("span", column.type, { class: "sheet-type", title: column.type }))));
    this.wide = this.columns.map(({ name, type }) => Math.max(name.length, type.length, 4));
    this.widen(first);
  }

  /** Columns become wider as longer values come in, never narrower. */
  widen(rows) {
    for (const row of rows) {
      row.forEach((value, place) => { this.wide[place] = Math.max(this.wide[place], told(value).length); });
    }
    const widths = this.wide.map((length) => `${Math.min(length, WIDEST) + 3}ch`);
    this.root.style.setProperty("--columns", widths.join(" "));
  }

  get inSight() {
    return Math.max(1, Math.floor((this.root.clientHeight - this.header.offsetHeight) / ROW));
  }

  /** The first row in sight, with its fraction: the whole height stands for all rows. */
  get top() {
    const room = this.height + this.header.offsetHeight - this.root.clientHeight;
    if (room <= 0) return 0;
    return Math.min(this.root.scrollTop / room, 1) * Math.max(this.rows - (this.root.clientHeight - this.header.offsetHeight) / ROW, 0);
  }

  set top(row) {
    const room = this.height + this.header.offsetHeight - this.root.clientHeight;
    const most = Math.max(this.rows - (this.root.clientHeight - this.header.offsetHeight) / ROW, 0);
    this.root.scrollTop = most ? Math.min(Math.max(row, 0) / most, 1) * room : 0;
    this.exact = { at: this.root.scrollTop, row: Math.min(Math.max(row, 0), most) };
  }

  scrolled() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(), SETTLED);
    this.draw();
  }

  draw() {
    if (!this.rows) return;
    const top = this.exact && Math.abs(this.exact.at - this.root.scrollTop) < 1 ? this.exact.row : this.top;
    this.first = Math.floor(top);
    this.last = Math.min(this.first + this.inSight + 2, this.rows);
    this.layer.style.transform = `translateY(${-(top - this.first) * ROW}px)`;
    const lines = [];
    for (let row = this.first; row < this.last; row += 1) lines.push(this.line(row));
    this.layer.replaceChildren(...lines);
    this.point();
    if (this.missing().length && !this.timer) this.scrolled();
  }

  line(row) {
    const values = this.values(row);
    const cells = this.columns.map((column, place) => {
      const cell = element("div", "", { role: "gridcell", id: `cell-${row}-${place}`, class: `sheet-cell ${column.kind}`, "aria-colindex": place + 1 });
      if (!values) cell.textContent = "…";
      else if (values[place] === null) cell.append(element("span", "null", { class: "null" }));
      else cell.textContent = told(values[place]).slice(0, 300);
      if (cell.textContent.length > WIDEST) cell.title = cell.textContent;
      return cell;
    });
    return element("div", "", { role: "row", class: row % 2 ? "sheet-row odd" : "sheet-row", "aria-rowindex": row + 2 }, ...cells);
  }

  values(row) {
    return this.windows.get(Math.floor(row / WINDOW))?.[row % WINDOW];
  }

  missing() {
    const found = [];
    for (let one = Math.floor(this.first / WINDOW); one * WINDOW < this.last; one += 1) {
      if (!this.windows.has(one)) found.push(one);
    }
    return found;
  }

  async fetch() {
    this.timer = null;
    const number = this.number;
    for (const one of this.missing().filter((each) => !this.wanted.has(each))) {
      this.wanted.add(one);
      try {
        const query = new URLSearchParams({ start: one * WINDOW, count: WINDOW });
        const found = await get(`/api/results/${number}?${query}`);
        if (number !== this.number) return;
        this.keep(one, found.window);
      } catch (error) {
        if (error instanceof Failure && number === this.number) this.trouble(error);
        return;
      } finally {
        if (number === this.number) this.wanted.delete(one);
      }
      this.draw();
    }
  }

  keep(one, rows) {
    this.windows.set(one, rows);
    this.widen(rows);
    for (const old of this.windows.keys()) {
      if (this.windows.size <= KEPT) break;
      if (old !== one) this.windows.delete(old);
    }
  }

  key(event) {
    const all = event.ctrlKey || event.metaKey;
    const to = {
      ArrowDown: [this.row + 1, this.column], ArrowUp: [this.row - 1, this.column],
      ArrowRight: [this.row, this.column + 1], ArrowLeft: [this.row, this.column - 1],
      PageDown: [this.row + this.inSight, this.column], PageUp: [this.row - this.inSight, this.column],
      Home: [all ? 0 : this.row, 0], End: [all ? this.rows - 1 : this.row, this.columns.length - 1],
    }[event.key];
    if (!to || !this.rows) return;
    event.preventDefault();
    this.go(...to);
  }

  go(row, column) {
    this.row = Math.min(Math.max(row, 0), this.rows - 1);
    this.column = Math.min(Math.max(column, 0), this.columns.length - 1);
    const first = this.exact?.row ?? this.top;
    if (this.row < first) this.top = this.row;
    else if (this.row >= first + this.inSight) this.top = this.row - this.inSight + 1;
    this.scrolled();
    const cell = this.header.children[this.column];
    const [left, right] = [cell.offsetLeft, cell.offsetLeft + cell.offsetWidth];
    if (left < this.root.scrollLeft) this.root.scrollLeft = left;
    else if (right > this.root.scrollLeft + this.root.clientWidth) this.root.scrollLeft = right - this.root.clientWidth;
  }

  pointed(event) {
    const [, row, column] = /^cell-(\d+)-(\d+)$/.exec(event.target.closest("[role=gridcell]")?.id ?? "") ?? [];
    if (row === undefined) return;
    [this.row, this.column] = [Number(row), Number(column)];
    this.point();
  }

  /** Mark the current cell, for eyes and for assistive technology. */
  point() {
    this.layer.querySelector("[aria-selected]")?.removeAttribute("aria-selected");
    const cell = document.getElementById(`cell-${this.row}-${this.column}`);
    cell?.setAttribute("aria-selected", "true");
    if (cell) this.root.setAttribute("aria-activedescendant", cell.id);
    else this.root.removeAttribute("aria-activedescendant");
  }

  copy(event) {
    if (!getSelection().isCollapsed) return;
    const values = this.values(this.row);
    if (!values) return;
    event.clipboardData.setData("text/plain", values[this.column] === null ? "" : told(values[this.column]));
    event.preventDefault();
  }
}

const told = (value) => (value === null ? "null" : typeof value === "object" ? JSON.stringify(value) : String(value));
