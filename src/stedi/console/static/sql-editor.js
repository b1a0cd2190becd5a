// The editor: CodeMirror if it can be loaded, else the textarea that is there anyway.
// Both: text(), put(text), insert(text), focus(), mark(place, message), clear(), complete(schema).

// The server counts characters, the browser UTF-16 units.
const unit = (text, place) => Array.from(text).slice(0, place).join("").length;

function word(text, from) {
  const length = /^(?:"[^"]*"|[\w.]+|\S)/.exec(text.slice(from))?.[0].length ?? 0;
  if (length) return [from, from + length];
  const end = text.trimEnd().length; // an error at the end: its last character
  return [Math.max(0, Math.min(from, end) - 1), Math.max(end, 1)];
}

export async function openEditor(area, parent, run) {
  try {
    return rich(await import("./vendor/codemirror.js"), area, parent, run);
  } catch {
    return plain(area, run);
  }
}

/** Completes bare names of columns: of the tables that the text names, or of all. */
function columnsOf(tables, schema) {
  return (context) => {
    const word = context.matchBefore(/\w+/);
    if (!word || context.state.sliceDoc(word.from - 1, word.from) === ".") return null;
    const words = new Set(context.state.doc.toString().toLowerCase().match(/\w+/g));
    const named = tables.filter((one) => words.has(one.name));
    const found = (named.length ? named : tables).flatMap((one) => schema[one.name]);
    const options = [...new Map(found.map((one) => [one.label, one])).values()];
    return { from: word.from, options, validFor: /^\w*$/ };
  };
}

function plain(area, run) {
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
  return {
    text: () => area.value,
    put: (text) => { area.value = text; },
    insert: (text) => area.setRangeText(text, area.selectionStart, area.selectionEnd, "end"),
    focus: () => area.focus(),
    changed: (told) => area.addEventListener("input", told),
    mark(place) {
      area.setAttribute("aria-invalid", "true");
      area.focus();
      if (place !== null) area.setSelectionRange(...word(area.value, unit(area.value, place)));
    },
    clear: () => area.removeAttribute("aria-invalid"),
    complete() {},
  };
}

function rich(code, area, parent, run) {
  const { Compartment, DuckDB, EditorView, HighlightStyle, SQLDialect, keymap, setDiagnostics, setup, sql, syntaxHighlighting, tags } = code;
  const colours = HighlightStyle.define([
    { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
    { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
    { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
    { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--quiet)", fontStyle: "italic" },
  ]);
  const language = new Compartment();
  const listeners = [];
  const dialect = SQLDialect.define({ ...DuckDB.spec, builtin: "" });
  const go = () => { run(); return true; };
  const view = new EditorView({
    parent,
    doc: area.value,
    extensions: [
      EditorView.cspNonce.of(document.querySelector('meta[name="nonce"]').content),
      keymap.of([{ key: "Mod-Enter", run: go }]),
      setup,
      syntaxHighlighting(colours),
      language.of(sql({ dialect })),
      EditorView.updateListener.of((update) => { if (update.docChanged) listeners.forEach((told) => told()); }),
      EditorView.contentAttributes.of({ "aria-labelledby": "text-label", "aria-describedby": "limits status", id: "code" }),
    ],
  });
  area.hidden = true;
  document.getElementById("text-label").addEventListener("click", () => view.focus());
  const replace = (from, to, insert) => view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length } });
  const diagnostics = (found) => view.dispatch(setDiagnostics(view.state, found));
  return {
    text: () => view.state.doc.toString(),
    put: (text) => replace(0, view.state.doc.length, text),
    insert: (text) => replace(view.state.selection.main.from, view.state.selection.main.to, text),
    focus: () => view.focus(),
    changed: (told) => listeners.push(told),
    mark(place, message) {
      view.contentDOM.setAttribute("aria-invalid", "true");
      if (place !== null) {
        const text = view.state.doc.toString();
        const [from, to] = word(text, unit(text, place));
        diagnostics([{ from, to: Math.min(to, text.length), severity: "error", message }]);
        view.dispatch({ selection: { anchor: from }, scrollIntoView: true });
      }
      view.focus();
    },
    clear() {
      view.contentDOM.removeAttribute("aria-invalid");
      diagnostics([]);
    },
    complete(tables) {
      const schema = {};
      for (const { zone, name, columns } of tables) {
        const found = columns.map((one) => ({ label: one.name, type: "property", detail: one.type, info: one.description }));
        schema[name] = found;
        (schema[zone] ??= {})[name] = found;
      }
      const support = sql({ dialect, schema, upperCaseKeywords: true });
      const autocomplete = columnsOf(tables, schema);
      view.dispatch({ effects: language.reconfigure([support, support.language.data.of({ autocomplete })]) });
    },
  };
}
