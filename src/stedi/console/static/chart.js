// A chart of a result: one column across, up to four upwards; lines, or bars for texts and dates.
import { element, get, number } from "./api.js";

const MOST = 5000; // points of lines
const MOST_BARS = 200;
const COLOURS = ["--curated", "--lost", "--landing", "--trusted"];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seconds = (text) => Date.parse(/T/.test(text) && !/(Z|[+-]\d\d:?\d\d)$/.test(text) ? `${text}Z` : text) / 1000;

export class Chart {
  constructor(panel) {
    this.panel = panel;
    this.drawn = null;
    document.addEventListener("theme", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.fit()).observe(panel);
  }

  /** Another result: forget the old picture, choose columns. */
  show(result) {
    this.drawn?.destroy();
    Object.assign(this, { result, drawn: null, data: null, opened: false });
    this.panel.replaceChildren();
  }

  /** The tab was opened: only now are rows fetched. */
  async open() {
    if (this.opened) return this.fit();
    this.opened = true;
    const numbers = this.places((one) => one.kind === "number");
    if (!numbers.length || !this.result.rows) {
      this.panel.replaceChildren(element("p", "There is nothing to draw: a chart needs rows and a column of numbers.", { class: "hint" }));
      return undefined;
    }
    this.controls(numbers);
    return this.load();
  }

  places(test) {
    return this.result.columns.map((one, place) => [one, place]).filter(([one]) => test(one)).map(([, place]) => place);
  }

  controls(numbers) {
    const { columns } = this.result;
    const across = this.places((one) => one.kind !== "other");
    this.x = across.find((place) => columns[place].kind !== "number") ?? across[0];
    const up = numbers.filter((place) => place !== this.x).slice(0, 1);
    this.y = new Set(up.length ? up : numbers.slice(0, 1));
    this.select = element("select", "", { id: "chart-x" }, ...across.map((place) => element("option", columns[place].name, { value: place })));
    this.select.value = this.x;
    this.select.addEventListener("change", () => { this.x = Number(this.select.value); this.load(); });
    const boxes = numbers.map((place) => this.box(place));
    this.hint = element("p", "", { class: "hint", role: "status" });
    this.plot = element("div", "", { class: "plot", role: "img" });
    this.panel.replaceChildren(
      element("div", "", { class: "row chart-controls" },
        element("div", "", {}, element("label", "Across", { for: "chart-x" }), this.select),
        element("fieldset", "", {}, element("legend", "Upwards (up to four)"), ...boxes)),
      this.plot, this.hint);
  }

  box(place) {
    const box = element("input", "", { type: "checkbox", value: place });
    box.checked = this.y.has(place);
    box.addEventListener("change", () => {
      if (box.checked && this.y.size >= COLOURS.length) box.checked = false;
      if (box.checked) this.y.add(place); else this.y.delete(place);
      this.load();
    });
    return element("label", "", { class: "check" }, box, ` ${this.result.columns[place].name}`);
  }

  /** Bars stand for texts and for dates, lines for numbers and times. */
  get bars() {
    const { kind, type } = this.result.columns[this.x];
    return kind === "text" || type === "date";
  }

  async load() {
    const { number: result, rows, columns } = this.result;
    const [most, ys] = [this.bars ? MOST_BARS : MOST, [...this.y]];
    const step = this.bars ? 1 : Math.ceil(rows / most);
    const query = new URLSearchParams({ start: 0, count: most, step, columns: [this.x, ...ys] });
    try {
      const found = await get(`/api/results/${result}?${query}`);
      if (result !== this.result.number || query.get("columns") !== [this.x, ...this.y].join()) return;
      this.data = found.window;
    } catch (error) {
      this.hint.textContent = error.message;
      return;
    }
    const some = this.bars ? `the first ${number(this.data.length)}` : `every ${number(step)}th`;
    const which = this.data.length === rows ? `all ${number(rows)} rows` : `${some} of ${number(rows)} rows`;
    this.hint.textContent = `${this.bars ? "Bars" : "Lines"} of ${which}.`;
    this.plot.setAttribute("aria-label", `${ys.map((place) => columns[place].name).join(", ")} by ${columns[this.x].name}: ${which}`);
    await this.draw();
  }

  points() {
    const { kind } = this.result.columns[this.x];
    const value = (text) => (text === null ? null : Number(text));
    const rows = this.data.map((row) => [this.bars ? String(row[0] ?? "null") : kind === "time" ? seconds(row[0] ?? "") : row[0] === null ? NaN : Number(row[0]), ...row.slice(1).map(value)]);
    if (this.bars) return { names: rows.map((row) => row[0]), data: [rows.map((_, place) => place), ...this.turned(rows)] };
    const sorted = rows.filter((row) => Number.isFinite(row[0])).sort((a, b) => a[0] - b[0]);
    return { names: null, data: [sorted.map((row) => row[0]), ...this.turned(sorted)] };
  }

  turned(rows) {
    return [...this.y].map((_, place) => rows.map((row) => (Number.isFinite(row[place + 1]) ? row[place + 1] : null)));
  }

  async draw() {
    if (!this.data || !this.plot?.isConnected) return;
    const { default: uPlot } = await import("./vendor/uplot.js");
    const { names, data } = this.points();
    this.drawn?.destroy();
    this.drawn = new uPlot(this.options(uPlot, names), data, this.plot);
  }

  options(uPlot, names) {
    const { columns } = this.result;
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const name = (place) => (Number.isInteger(place) ? names[place] ?? "" : "");
    const short = (text) => (text.length > 14 ? `${text.slice(0, 13)}…` : text);
    const time = !names && columns[this.x].kind === "time";
    const range = names ? [-0.6, names.length - 0.4] : undefined;
    return {
      width: this.width, height: 340, padding: [12, 16, 0, 4],
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: { x: { time, ...(range && { range }) }, y: names ? { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(0, high ?? 1) * 1.05 || 1] } : {} },
      axes: [
        { ...axis, ...(names && { values: (_, at) => at.map((place) => short(name(place))), space: 90, incrs: [1, 2, 5, 10, 20, 50, 100] }) },
        { ...axis, size: 70 },
      ],
      series: [
        { label: columns[this.x].name, ...(names && { value: (_, place) => (place === null ? "–" : name(place)) }) },
        ...[...this.y].map((place, at) => ({
          label: columns[place].name, stroke: colour(COLOURS[at]), width: 1.5, spanGaps: false,
          ...(names && { fill: `${colour(COLOURS[at])}99`, paths: uPlot.paths.bars({ size: [0.7, 60] }), points: { show: false } }),
        })),
      ],
    };
  }

  get width() {
    return Math.max(this.plot.clientWidth, 240);
  }

  fit() {
    if (this.drawn && this.plot.clientWidth) this.drawn.setSize({ width: this.width, height: 340 });
  }
}
