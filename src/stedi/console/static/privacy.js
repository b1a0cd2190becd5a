// Forms that take a while say so; the confirmation of a forgetting, its progress, certificates.
const at = (id) => document.getElementById(id);

function made(tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", () => {
    form.querySelector("button").disabled = true;
    form.append(made("p", form.dataset.busy, { role: "status", class: "hint" }));
  });
}

const confirm = at("confirm");
if (confirm) {
  const matched = (text) => text.trim().toLowerCase();
  const button = confirm.querySelector("button");
  const [again, word] = [confirm.elements.again, confirm.elements.word];
  const judge = () => {
    const same = matched(again.value) === matched(confirm.elements.email.value);
    button.disabled = !(same && word.value.trim() === word.dataset.word);
  };
  confirm.addEventListener("input", judge);
  judge();
}

async function follow() {
  const steps = at("job-steps");
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    if (document.visibilityState !== "visible") continue;
    const answer = await fetch("/api/privacy/job").catch(() => null);
    if (!answer?.ok) continue;
    const told = await answer.json();
    if (told.state !== "working") return location.reload();
    for (const step of told.steps.slice(steps.children.length)) steps.append(made("li", step));
  }
}
if (at("job")?.dataset.state === "working") follow();

const count = (value) => value.toLocaleString("en");

function removed(places) {
  const table = made("table");
  const head = made("tr");
  for (const name of ["Place", "Rows or lines", "Files", "Bytes"]) {
    head.append(made("th", name, name === "Place" ? { scope: "col" } : { scope: "col", class: "n" }));
  }
  const body = made("tbody");
  for (const { place, files, rows, bytes } of places) {
    const row = made("tr");
    row.append(made("th", place, { scope: "row" }));
    for (const value of [rows, files, bytes]) row.append(made("td", value ? count(value) : "", { class: "n" }));
    body.append(row);
  }
  const top = made("thead");
  top.append(head);
  table.append(top, body);
  return table;
}

function certificate({ erasure, finished, people, searched, removed: places }) {
  const card = made("details", "", { class: "card", id: `erasure-${erasure}` });
  const who = people === 1 ? "1 person" : `${count(people)} people`;
  card.append(made("summary", `${erasure}: ${who}, finished ${finished.slice(0, 19).replace("T", " ")} UTC`));
  const proof = searched
    ? `${count(searched.files)} files and ${count(searched.bytes)} bytes searched, ${count(searched.found)} found.`
    : "The search is not told.";
  const scroll = made("div", "", { class: "scroll" });
  scroll.append(removed(places));
  card.append(made("p", proof), scroll);
  return card;
}

async function certificates(list) {
  const answer = await fetch("/api/privacy/certificates");
  const found = await answer.json();
  if (!answer.ok) return list.replaceChildren(made("p", found.error, { class: "bad" }));
  const cards = found.certificates.map(certificate);
  list.replaceChildren(...(cards.length ? cards : [made("p", "Nobody has been forgotten.", { class: "hint" })]));
  open();
}

function open() {
  if (location.hash.startsWith("#erasure-")) at(location.hash.slice(1))?.setAttribute("open", "");
}
addEventListener("hashchange", open);
if (at("certificates")) certificates(at("certificates"));
