// Exploring with SQL: one read-only statement against the warehouse, in the address, with what was asked before.
import { useContext, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Rows } from "../../../../../panels/answers.ts";
import type { About, Answer, SchemaAnswer } from "../../../protocol.ts";
import { setParams, useAddress } from "../../address.ts";
import { AnswerError } from "../../answer_error.ts";
import { ConnectionContext, post, useAnswer } from "../../asking.ts";
import { agoText, cutText } from "../../format.ts";
import { useSecond } from "../../look.ts";
import { Card, Waiting } from "../../parts/card.tsx";
import { ExploreTabs } from "../explore_tabs.tsx";
import { NeedsToken } from "../needs_token.tsx";
import { SqlEditor } from "./editor.tsx";
import { faultOf } from "./fault.ts";
import { forgetStatements, keepStatement, type PastStatement, pastStatements } from "./history.ts";
import { ResultCard } from "./result.tsx";

interface Outcome {
  /** The statement that was run. */
  readonly sql: string;
  readonly answer?: Answer<Rows>;
  readonly error?: string;
}

export function SqlPage({ about }: { readonly about: About }) {
  return (
    <>
      <ExploreTabs chosen="/explore/sql" />
      {about.may_all ? <Workbench about={about} /> : <NeedsToken what="SQL is run" />}
    </>
  );
}

function Workbench({ about }: { readonly about: About }) {
  const { params } = useAddress();
  const given = params.get("sql") ?? "";
  const [past, setPast] = useState(pastStatements);
  const [placed, setPlaced] = useState(() => ({ text: given || past[0]?.sql || exampleFor(about) }));
  const [text, setText] = useState(placed.text);
  const place = (sql: string) => {
    setPlaced({ text: sql });
    setText(sql);
  };
  const schema = useAnswer<SchemaAnswer>("/api/columns");
  const { outcome, isRunning, asked, run, stop } = useRun((sql) => setPast(keepStatement(sql, Date.now())));
  const runText = () => {
    if (text.trim() === "") return;
    // What was about another result goes with it.
    const same = text === given;
    setParams({ sql: text, ...same ? {} : { x: undefined, y: undefined, by: undefined } }, { step: !same });
    run(text);
  };
  useEffect(() => {
    if (given === "" || given === asked()) return;
    place(given);
    // A link shows what it is about; where each question costs money somebody must want it.
    if (about.warehouse.is_free) run(given);
  }, [given]);
  const fault = useMemo(
    () => outcome?.error === undefined || outcome.sql !== text ? undefined : faultOf(outcome.error, text),
    [outcome, text],
  );
  return (
    <>
      <Card
        title="Statement"
        note="one that reads: SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN · 10,000 rows, 8 MiB and 15 s at most"
        tools={
          <>
            <PastMenu
              past={past}
              onChoose={place}
              onForget={() => setPast(forgetStatements())}
            />
            {isRunning
              ? <button type="button" onClick={stop}>Stop</button>
              : (
                <button type="button" class="main-action" onClick={runText}>
                  Run <kbd>Ctrl Enter</kbd>
                </button>
              )}
          </>
        }
        width="full"
      >
        <SqlEditor
          text={text}
          placed={placed}
          onChange={setText}
          onRun={runText}
          schema={schema.answer?.data}
          fault={fault}
        />
        {outcome?.error && <pre class="problem wrap" role="alert">{outcome.error}</pre>}
      </Card>
      {isRunning && !outcome?.answer && (
        <Card title="Result" width="full">
          <Waiting height={260} />
        </Card>
      )}
      {outcome?.answer && (
        <div class={isRunning ? "outdated" : ""}>
          <ResultCard key={outcome.sql} result={outcome.answer.data} tookMs={outcome.answer.took_ms} />
        </div>
      )}
    </>
  );
}

function exampleFor({ tables }: About): string {
  return `SELECT *\nFROM ${tables[0]?.name ?? "FRESHET_OFFSETS"}\nLIMIT 100`;
}

/** Runs a statement at a time; another one, or leaving the page, ends it. `asked` is the one that was run last. */
function useRun(onDone: (sql: string) => void) {
  const { report } = useContext(ConnectionContext);
  const [outcome, setOutcome] = useState<Outcome>();
  const [isRunning, setRunning] = useState(false);
  const running = useRef<AbortController | undefined>(undefined);
  const latest = useRef<string | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const run = async (sql: string) => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    latest.current = sql;
    setRunning(true);
    try {
      const answer = await post<Answer<Rows>>("/api/query", { sql }, abort.signal);
      if (abort.signal.aborted) return;
      setOutcome({ sql, answer });
      onDone(sql);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error instanceof AnswerError && error.status === 401) report("locked");
      const message = error instanceof AnswerError ? error.message : "Freshet does not answer";
      setOutcome((before) => ({ ...before, sql, error: message }));
    } finally {
      if (running.current === abort) setRunning(false);
    }
  };
  const stop = () => {
    running.current?.abort();
    setRunning(false);
  };
  return { outcome, isRunning, asked: () => latest.current, run, stop };
}

interface PastMenuProps {
  readonly past: readonly PastStatement[];
  readonly onChoose: (sql: string) => void;
  readonly onForget: () => void;
}

function PastMenu({ past, onChoose, onForget }: PastMenuProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  const second = useSecond();
  const close = () => menu.current!.open = false;
  return (
    <details
      class="menu past-menu"
      ref={menu}
      onKeyDown={(event) => {
        if (event.key === "Escape") close();
      }}
    >
      <summary>History</summary>
      <div class="menu-items">
        {past.length === 0 && <p class="note">Nothing was run in this browser yet.</p>}
        {past.map(({ sql, at }) => (
          <button
            key={sql}
            type="button"
            onClick={() => {
              onChoose(sql);
              close();
            }}
          >
            <bdi class="mono">{cutText(sql.replaceAll(/\s+/g, " "), 80)}</bdi>
            <span class="note">{agoText(Math.max(0, second - at))}</span>
          </button>
        ))}
        {past.length > 0 && <button type="button" class="quiet" onClick={onForget}>Forget all</button>}
      </div>
    </details>
  );
}
