// The place of the editor on the page. Its script comes when it is needed; a plain field takes its place until it is there, and
// where it does not come.
import { useEffect, useRef, useState } from "preact/hooks";
import type { SchemaAnswer } from "../../../protocol.ts";
import type { Editor, EditorOptions } from "../../editor/mod.ts";
import type { Fault } from "./fault.ts";

interface EditorModule {
  readonly openEditor: (options: EditorOptions) => Editor;
}

/** A script of its own: a bundle of the page would hold it, if its name were written in the `import`. */
const SCRIPT = "/editor.js";

export interface SqlEditorProps {
  /** As it is written now. */
  readonly text: string;
  /** What is put into the editor instead of what is there, each time that it is another object. */
  readonly placed: { readonly text: string };
  readonly onChange: (text: string) => void;
  readonly onRun: () => void;
  readonly schema: SchemaAnswer | undefined;
  readonly fault: Fault | undefined;
}

const LABEL = "SQL statement";

export function SqlEditor(props: SqlEditorProps) {
  const { text, placed, onChange, onRun, schema, fault } = props;
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const [editor, setEditor] = useState<Editor>();
  useEffect(() => {
    let made: Editor | undefined;
    let isGone = false;
    (import(SCRIPT) as Promise<EditorModule>).then(({ openEditor }) => {
      if (isGone || place.current === null) return;
      made = openEditor({
        parent: place.current,
        text: latest.current.text,
        label: LABEL,
        onChange: (next) => latest.current.onChange(next),
        onRun: () => latest.current.onRun(),
      });
      setEditor(made);
    }, () => {/* The plain field does what is needed. */});
    return () => {
      isGone = true;
      made?.destroy();
    };
  }, []);
  // Never the text as it is written: it is behind what the editor has by then.
  useEffect(() => editor?.setText(placed.text), [editor, placed]);
  useEffect(() => editor?.setFault(fault), [editor, fault]);
  useEffect(() => {
    if (schema === undefined) return;
    editor?.setTables(Object.fromEntries(schema.tables.map(({ name, columns }) => [name, columns])));
  }, [editor, schema]);
  return (
    <div class="editor" ref={place}>
      {editor === undefined && (
        <textarea
          aria-label={LABEL}
          class="mono"
          rows={6}
          spellcheck={false}
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            onRun();
          }}
        />
      )}
    </div>
  );
}
