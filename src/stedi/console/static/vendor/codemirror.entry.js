// What codemirror.js holds: the SQL editor of the console, and no more of CodeMirror than it uses.
import { autocompletion, closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { SQLDialect } from "@codemirror/lang-sql";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import {
  EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap,
  lineNumbers,
} from "@codemirror/view";

export { defaultKeymap } from "@codemirror/commands";
export { SQLDialect, sql } from "@codemirror/lang-sql";
export { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
export { setDiagnostics } from "@codemirror/lint";
export { Compartment, EditorState } from "@codemirror/state";
export { EditorView, keymap, placeholder } from "@codemirror/view";
export { tags } from "@lezer/highlight";

// CodeMirror completes nothing after a name that it reads as a keyword or a type, and `trusted` is
// one of the 763 keywords of its PostgreSQL dialect. So: what DuckDB 2.0 reserves, the words of a
// SELECT's clauses, and the types, less the plain words that name columns (date, text, timestamp).
// Sources: duckdb_keywords(), duckdb_types().
export const DuckDB = SQLDialect.define({
  keywords:
    "all analyse analyze and anti any array as asc asof asymmetric at authorization between " +
    "binary both by case cast check collate collation column columns concurrently constraint " +
    "create cross cube current default deferrable desc describe distinct do else end except " +
    "exclude exists extract fetch filter first following for foreign freeze from full generated " +
    "glob group grouping groups having ignore ilike in initially inner intersect interval into " +
    "is isnull join lambda last lateral leading left like limit materialized natural next not " +
    "notnull nulls offset on only or order ordinality others outer over overlaps partition " +
    "percent pivot pivot_longer pivot_wider placing positional preceding primary qualify range " +
    "recursive references replace respect returning right rollup row rows select semi sets show " +
    "similar some summarize symmetric table tablesample then ties to trailing try_cast unbounded " +
    "union unique unpack unpivot using values variadic verbose when where window with within",
  types:
    "bigint bignum bit bitstring blob bool boolean bpchar bytea char datetime dec decimal double " +
    "enum float float4 float8 geometry guid hugeint int int1 int128 int16 int2 int32 int4 int64 " +
    "int8 integer integral json list logical map numeric nvarchar oid real signed smallint " +
    "string struct timestamp_ms timestamp_ns timestamp_s timestamp_us timestamptz " +
    "timestamptz_ns timetz tinyint tuple ubigint uhugeint uint128 uint16 uint32 uint64 uint8 " +
    "uinteger usmallint utinyint uuid varbinary varchar variant varint",
  operatorChars: "+-*/<>=~!@%^&|?",
  specialVar: "",
  doubleDollarQuotedStrings: true,
  charSetCasts: true,
  caseInsensitiveIdentifiers: true,
});

// The stock underline is a data: image, which the console's Content-Security-Policy refuses.
const squiggle = (name, colour) => ({
  backgroundImage: "none",
  paddingBottom: "0",
  textDecoration: `underline wavy var(--editor-${name}, ${colour})`,
  textDecorationSkipInk: "none",
});

const underlines = EditorView.theme({
  ".cm-lintRange-error": squiggle("error", "#d11"),
  ".cm-lintRange-warning": squiggle("warning", "#b60"),
  ".cm-lintRange-info": squiggle("info", "#777"),
  ".cm-lintRange-hint": squiggle("info", "#777"),
});

// Tab is not bound, so that the keyboard can leave the editor. defaultKeymap takes Mod-Enter:
// a page's own keymap goes before `setup`.
export const setup = [
  lineNumbers(),
  highlightActiveLineGutter(),
  highlightActiveLine(),
  highlightSpecialChars(),
  history(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  autocompletion(),
  underlines,
  EditorView.lineWrapping,
  keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...lintKeymap]),
];
