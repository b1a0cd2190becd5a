// The run at work, asked for each second while somebody looks; the list anew when it has ended.
const at = (id) => document.getElementById(id);
const count = (value) => value.toLocaleString("en");
let known = "";
let timer = 0;
let looking = false;

function say(text) {
  if (text !== known) at("said").textContent = known = text;
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${bytes.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function landed(run) {
  at("live-landed").hidden = run.of_bytes === undefined;
  if (run.of_bytes === undefined) return;
  if (!run.of_bytes) {
    at("live-bytes").removeAttribute("value");
    at("live-counts").textContent = "Nothing landed yet";
    return;
  }
  at("live-bytes").max = run.of_bytes;
  at("live-bytes").value = run.bytes;
  at("live-counts").textContent = `${size(run.bytes)} of ${size(run.of_bytes)}, ${count(run.rows)} lines of ${count(run.files)} files`;
}

function row({ table, rows }) {
  const made = document.createElement("tr");
  const [name, number] = [document.createElement("th"), document.createElement("td")];
  name.scope = "row";
  name.textContent = table;
  number.className = "n";
  number.textContent = count(rows);
  made.append(name, number);
  return made;
}

function draw(run) {
  at("live").hidden = !run;
  if (!run) return;
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(run.started)) / 1000));
  at("live-step").textContent = `Run ${run.run} is ${run.step}, for ${count(seconds)} s now.`;
  landed(run);
  at("live-tables").replaceChildren(...run.refreshed.map(row));
  at("live-tables").parentElement.hidden = !run.refreshed.length;
  const done = run.refreshed.length ? `; ${run.refreshed.at(-1).table} is done` : "";
  say(`A run is ${run.step}${done}`);
}

// The list as the server draws it now; moved here node by node, as it was escaped there.
async function renew(newest) {
  const answer = await fetch("/runs");
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("runs");
  if (!fresh) return;
  at("runs").replaceWith(document.adoptNode(fresh));
  say(`Run ${newest} has ended; the list is up to date`);
}

async function look() {
  const answer = await fetch("/api/runs/live");
  if (!answer.ok) return;
  const { run, newest } = await answer.json();
  draw(run);
  if (newest !== at("runs").dataset.newest) await renew(newest);
}

async function tick() {
  if (looking) return;
  looking = true;
  try {
    await look();
  } catch {
    at("live").hidden = true; // the console cannot be reached; the next second may be better
  }
  looking = false;
  if (document.visibilityState === "visible") timer = setTimeout(tick, 1000);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (document.visibilityState === "visible") tick();
});
if (document.visibilityState === "visible") tick();
