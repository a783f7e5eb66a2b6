// All domains on one screen: whether they are well, how fast, how far behind, what is wrong.
import { useContext } from "preact/hooks";
import { type DomainStatus, totalLag } from "../../../../engine/status.ts";
import type { About, DomainAbout, DomainSample, StatusHistoryAnswer } from "../../protocol.ts";
import { useAnswer } from "../asking.ts";
import { agoText, countText, durationText, numberText, wordsOf } from "../format.ts";
import type { LiveNews } from "../live_stream.ts";
import { LookContext, useSecond } from "../look.ts";
import { type Severity, toneOf } from "../parts/alert_groups.ts";
import { SENT } from "../parts/alert_list.tsx";
import { Empty, Waiting } from "../parts/card.tsx";
import { Kpi, Kpis } from "../parts/kpi.tsx";
import { Link } from "../parts/link.tsx";
import { PhaseTag } from "../parts/phase_tag.tsx";
import { severitiesOf } from "../parts/severity.ts";
import { Trend } from "../parts/trend.tsx";
import { linesOf, ratesOf, sumOf, useRates } from "../rates.ts";

export interface OverviewProps {
  readonly about: About;
  readonly live: LiveNews;
}

export function OverviewPage({ about, live }: OverviewProps) {
  const status = live.news.status;
  const rates = useRates(status);
  const history = useAnswer<StatusHistoryAnswer>("/api/history").answer?.data;
  if (about.domains.length === 0) {
    return <Empty>No domain runs in this process. Start one with: {about.command} run</Empty>;
  }
  if (!status) return <Waiting height={260} />;
  const { domains } = status;
  const active = about.domains.reduce((sum, { name }) => sum + (severitiesIn(name, about, live)?.length ?? 0), 0);
  const total = (read: (domain: DomainStatus) => number) => domains.reduce((sum, domain) => sum + read(domain), 0);
  const lines = domains.map(({ domain }) => linesOf(history?.domains[domain] ?? []));
  const running = domains.filter(({ phase, standstill }) => phase === "running" && standstill === null).length;
  const rateOf = (domain: string) => rates.get(domain) ?? ratesOf(history?.domains[domain] ?? []).at(-1) ?? undefined;
  const known = domains.flatMap(({ domain }) => rateOf(domain) ?? []);
  const lettersNow = total(({ totals }) => totals.deadLetters);
  return (
    <>
      <Kpis label="All pipelines">
        <Kpi
          label="Pipelines running"
          value={`${running} of ${domains.length}`}
          tone={running === domains.length ? "ok" : "bad"}
          detail={running === domains.length ? "all well" : "the others are named below"}
        />
        <Kpi
          label="Records a second"
          value={numberText(known.length === 0 ? undefined : known.reduce((sum, rate) => sum + rate))}
          trend={sumOf(lines.map(({ rate }) => rate))}
          detail={`${countText(total(({ totals }) => totals.records), "records")} since the process started`}
        />
        <Kpi
          label="Lag"
          value={numberText(total((domain) => totalLag(domain) ?? 0))}
          unit="records"
          trend={sumOf(lines.map(({ lag }) => lag))}
          detail="read by nobody yet, of all topics"
        />
        <Kpi
          label="Active alerts"
          value={numberText(active)}
          tone={toneOf(active, about.domains.flatMap(({ name }) => severitiesIn(name, about, live) ?? []))}
          detail={active === 0 ? "all clear" : alertsByDomain(about, live)}
        />
        <Kpi
          label="Dead letters"
          value={numberText(lettersNow)}
          tone={lettersNow > 0 ? "bad" : "ok"}
          detail={lettersNow > 0
            ? (
              <>
                since the process started, <Link to="/pipeline">by reason</Link>
              </>
            )
            : "since the process started"}
        />
      </Kpis>
      <div class="domains">
        {about.domains.map((domain) => (
          <DomainCard
            key={domain.name}
            domain={domain}
            status={domains.find((one) => one.domain === domain.name)}
            rate={rateOf(domain.name)}
            samples={history?.domains[domain.name] ?? []}
            active={severitiesIn(domain.name, about, live)}
          />
        ))}
      </div>
      <p class="note">The lines of each domain are of the last hour, and begin at 0.</p>
    </>
  );
}

/** How much each of a domain's active alerts matters, of those that are sent; `undefined` until they are. */
function severitiesIn(domain: string, about: About, { news }: LiveNews): readonly Severity[] | undefined {
  const severityOf = severitiesOf(about, domain);
  return news[`alerts/${domain}`]?.data.flatMap(({ status, type }) => status === "ACTIVE" ? [severityOf(type)] : []);
}

/** Only so many are sent: there may be more. */
function activeText(count: number): string {
  return count >= SENT ? `${numberText(count)} or more` : numberText(count);
}

/** Such as `Trains 2, Wine 7`. */
function alertsByDomain(about: About, live: LiveNews): string {
  return about.domains
    .map(({ name }) => [wordsOf(name), severitiesIn(name, about, live)?.length ?? 0] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${activeText(count)}`)
    .join(", ");
}

interface DomainCardProps {
  readonly domain: DomainAbout;
  readonly status: DomainStatus | undefined;
  readonly rate: number | undefined;
  readonly samples: readonly DomainSample[];
  /** How much each active alert matters, `undefined` until they are told. */
  readonly active: readonly Severity[] | undefined;
}

function DomainCard({ domain: { name, topic, has_alerts }, status, rate, samples, active }: DomainCardProps) {
  const { serverNow } = useContext(LookContext);
  const now = useSecond() + serverNow;
  const lines = linesOf(samples);
  const watermarks = status?.partitions.flatMap(({ watermark }) => watermark ?? []) ?? [];
  return (
    <section class="card" aria-label={wordsOf(name)}>
      <header class="card-head">
        <h2>
          <Link to={`/${name}`}>{wordsOf(name)}</Link>
        </h2>
        {status && <PhaseTag status={status} />}
      </header>
      <p class="note">
        <bdi>{topic}</bdi>
        {status !== undefined && status.lastCheckpointAt !== null && (
          <>{" · "}checkpoint {agoText(Math.max(0, now - status.lastCheckpointAt))}</>
        )}
      </p>
      <dl class="trends">
        <Trend name="Rate" value={numberText(rate, "records/s")} line={lines.rate} />
        <Trend
          name="Lag"
          value={countText(status ? totalLag(status) ?? 0 : 0, "records")}
          line={lines.lag}
        />
        <Trend
          name="Behind the clock"
          value={watermarks.length === 0 ? "no data yet" : durationText(Math.max(0, now - Math.max(...watermarks)))}
          line={lines.behind}
        />
        {has_alerts && (
          <div class={active?.length ? `fact-${toneOf(active.length, active)}` : ""}>
            <dt>Active alerts</dt>
            <dd>{active === undefined ? "–" : active.length > 0 ? `▲ ${activeText(active.length)}` : "✓ none"}</dd>
            <dd />
          </div>
        )}
      </dl>
    </section>
  );
}
