// Asking the server: JSON in, JSON out, with the session's CSRF token.
const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** Why the server gave no answer: its `status` (0: it was not reached) and all that it `told`. */
export class Failure extends Error {
  constructor(status, told) {
    super(told.error ?? `the server answered with ${status}`);
    this.status = status;
    this.told = told;
  }
}

async function answered(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, { error: "the server cannot be reached" });
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401) told.error = "your session has ended: open the page again and sign in";
  if (!answer.ok) throw new Failure(answer.status, told);
  return told;
}

export const get = (path, options = {}) => answered(path, options);

export const post = (path, body, options = {}) =>
  answered(path, {
    ...options,
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF": csrf },
    body: JSON.stringify(body),
  });

/** An element with a text (never HTML), attributes and children. */
export function element(tag, content = "", attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (content !== "") made.textContent = content;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const number = (value) => value.toLocaleString("en");
