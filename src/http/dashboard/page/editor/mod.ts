// The editor of SQL: CodeMirror with completion of tables and columns. A script of its own, loaded when somebody writes SQL;
// knows nothing of the page around it.
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  type CompletionSource,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { sql, SQLDialect, StandardSQL } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  placeholder,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** A stretch of the text and what is wrong there. */
export interface EditorFault {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

export interface EditorOptions {
  readonly parent: HTMLElement;
  readonly text: string;
  /** What screen readers call it. */
  readonly label: string;
  readonly onChange: (text: string) => void;
  /** Called on Ctrl-Enter. */
  readonly onRun: () => void;
}

/** Columns by table. */
export type Tables = Readonly<Record<string, readonly string[]>>;

export interface Editor {
  setText(text: string): void;
  /** Columns by table, for completion. */
  setTables(tables: Tables): void;
  setFault(fault: EditorFault | undefined): void;
  focus(): void;
  destroy(): void;
}

/** Colours are the page's, so the theme may change at any time. */
const THEME = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--card)", fontSize: "13px", maxHeight: "50vh" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "ui-monospace, Menlo, Consolas, 'Noto Sans Mono', monospace", lineHeight: "1.5" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--text)", minHeight: "7.5em" },
  ".cm-gutters": { color: "var(--muted)", backgroundColor: "var(--bg)", border: "0" },
  ".cm-activeLine": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent)",
  },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line)", color: "var(--text)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--card)" },
  // All of the few that are drawn at a time are to be seen: the arrow keys go on to the others.
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { maxHeight: "none", overflow: "hidden" },
  ".cm-completionDetail": { color: "inherit" },
  // Without the picture that CodeMirror has for it, which a strict CSP refuses.
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)" },
  ".cm-diagnostic": { borderLeftColor: "var(--bad)" },
});

const COLOURS = syntaxHighlighting(HighlightStyle.define([
  { tag: tags.keyword, color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ok)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: tags.typeName, color: "var(--warn)" },
]));

/** Makes an editor in `parent`. */
export function openEditor({ parent, text, label, onChange, onRun }: EditorOptions): Editor {
  const language = new Compartment();
  const run = () => {
    onRun();
    return true;
  };
  // Within a shadow its styles are sheets that a script may add; in the page itself a strict CSP refuses them.
  const host = parent.appendChild(document.createElement("div"));
  const root = host.attachShadow({ mode: "open" });
  const view = new EditorView({
    parent: root,
    root,
    state: EditorState.create({
      doc: text,
      extensions: [
        keys(run),
        ...looks(label),
        language.of(languageFor({})),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    setText(next) {
      const { doc } = view.state;
      if (doc.toString() !== next) view.dispatch({ changes: { from: 0, to: doc.length, insert: next } });
    },
    setTables: (tables) => view.dispatch({ effects: language.reconfigure(languageFor(tables)) }),
    setFault(fault) {
      view.dispatch(setDiagnostics(view.state, fault ? [{ ...within(fault, view), severity: "error" }] : []));
    },
    focus: () => view.focus(),
    destroy: () => {
      view.destroy();
      host.remove();
    },
  };
}

function keys(run: () => boolean): Extension {
  return [
    // Before what the editor's own keys would do.
    Prec.highest(keymap.of([{ key: "Mod-Enter", run, preventDefault: true }])),
    keymap.of([
      { key: "Tab", run: acceptCompletion },
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...historyKeymap,
      ...lintKeymap,
    ]),
    history(),
  ];
}

function looks(label: string): readonly Extension[] {
  return [
    lineNumbers(),
    drawSelection(),
    highlightActiveLine(),
    highlightSpecialChars(),
    bracketMatching(),
    closeBrackets(),
    indentOnInput(),
    autocompletion({ maxRenderedOptions: 12 }),
    placeholder("SELECT …"),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
    THEME,
    COLOURS,
  ];
}

/** Names of tables and columns are in capitals: they need no quotes for that. */
const DIALECT = SQLDialect.define({ ...StandardSQL.spec, caseInsensitiveIdentifiers: true });

function languageFor(tables: Tables): Extension {
  return [
    sql({ dialect: DIALECT, schema: tables, upperCaseKeywords: true }),
    DIALECT.language.data.of({ autocomplete: columnsIn(tables) }),
  ];
}

/** Completes the columns of the tables that the text names; of others CodeMirror does, after a table's name and a dot. */
function columnsIn(tables: Tables): CompletionSource {
  return (context) => {
    const word = context.matchBefore(/\w*/);
    if (!word || (word.from === word.to && !context.explicit)) return null;
    if (context.state.sliceDoc(word.from - 1, word.from) === ".") return null;
    const named = new Set(context.state.doc.toString().toUpperCase().match(/\w+/g));
    const options = Object.entries(tables).flatMap(([table, columns]) =>
      named.has(table.toUpperCase())
        ? columns.map((label) => ({ label, detail: table, type: "property", boost: 1 }))
        : []
    );
    return { from: word.from, options, validFor: /^\w*$/ };
  };
}

/** The text may have changed since. */
function within({ from, to, message }: EditorFault, view: EditorView) {
  const { length } = view.state.doc;
  return { from: Math.min(from, length), to: Math.min(to, length), message };
}
