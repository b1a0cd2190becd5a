// What was asked in this browser, for each role; it never leaves it.
import { element, number } from "./api.js";

const MOST = 100;

export class History {
  constructor(role, list, clear, back) {
    this.key = `stedi-history-${role}`;
    Object.assign(this, { list, clear, back });
    clear.addEventListener("click", () => {
      try { localStorage.removeItem(this.key); } catch { /* there is none then */ }
      this.draw();
      list.closest("details").querySelector("summary").focus();
    });
    window.addEventListener("storage", (event) => { if (event.key === this.key) this.draw(); });
    this.draw();
  }

  entries() {
    try {
      const found = JSON.parse(localStorage.getItem(this.key) ?? "[]");
      return Array.isArray(found) ? found.filter((one) => typeof one?.sql === "string") : [];
    } catch {
      return [];
    }
  }

  add(entry) {
    const all = [{ at: new Date().toISOString(), ...entry }, ...this.entries()];
    try { localStorage.setItem(this.key, JSON.stringify(all.slice(0, MOST))); } catch { /* full, or forbidden */ }
    this.draw();
  }

  draw() {
    const found = this.entries();
    this.clear.hidden = found.length === 0;
    this.list.replaceChildren(...found.map((entry) => this.item(entry)));
  }

  item(entry) {
    const button = element("button", entry.sql.trim().slice(0, 200), { type: "button", class: "quiet mono" });
    button.addEventListener("click", () => this.back(entry));
    const when = String(entry.at).slice(0, 19).replace("T", " ");
    const what = entry.state === "done" ? `${number(Number(entry.rows))} ${entry.rows === 1 ? "row" : "rows"}, ${Number(entry.seconds).toFixed(2)} s` : entry.state;
    const past = entry.asOf ? `, as of ${entry.asOf}` : "";
    return element("li", "", {}, button, element("span", `${when} UTC: ${what}${past}`, { class: "hint" }));
  }
}
