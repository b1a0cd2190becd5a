// A reason was followed: the days on which such rows were recorded, as bars.
const panel = document.getElementById("days");

function text(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = content;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function bars(days) {
  const most = Math.max(...days.map((day) => day.rows), 1);
  const list = text("div", "", { class: "bars" });
  for (const { day, rows } of days) {
    const name = day ?? "no day";
    const bar = text("progress", "", { max: most, value: rows, "aria-label": `${name}: ${rows} rows` });
    list.append(text("span", name), bar, text("span", rows.toLocaleString("en")));
  }
  return list;
}

async function show(table, reason) {
  panel.hidden = false;
  panel.replaceChildren(text("h2", `${reason}: rows left out of ${table}, by day`), text("p", "Counting…"));
  panel.scrollIntoView({ block: "nearest" });
  const query = new URLSearchParams({ table, reason });
  const answer = await fetch(`/api/excluded?${query}`);
  const found = await answer.json();
  if (!answer.ok) return panel.lastChild.replaceWith(text("p", found.error, { class: "bad" }));
  const total = found.days.reduce((sum, day) => sum + day.rows, 0);
  panel.lastChild.replaceWith(text("p", `${total.toLocaleString("en")} rows on ${found.days.length} days`, { class: "hint" }), bars(found.days));
}

for (const link of document.querySelectorAll("a[data-reason]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    show(link.dataset.table, link.dataset.reason);
    const query = new URLSearchParams({ table: link.dataset.table, reason: link.dataset.reason });
    history.replaceState(null, "", `/?${query}#days`);
  });
}
const asked = new URLSearchParams(location.search);
if (panel && asked.get("table") && asked.get("reason")) show(asked.get("table"), asked.get("reason"));
