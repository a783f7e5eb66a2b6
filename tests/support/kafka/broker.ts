// A real Kafka broker for tests: one node in KRaft mode on random loopback ports, with a listener for each way to connect.
// Its jars come by Maven; its data lives in a temporary folder that goes with it.

import { type Certificates, makeCertificates } from "../certificates.ts";
import { kafkaClassPath, QUICK_JAVA, runTool } from "./jars.ts";
import { freeAddresses, KafkaProcess, newClusterId } from "./process.ts";

/** Users of the listeners with a login, and their passwords. */
export const USERS = { plain: ["paula", "paula-secret"], scram: ["sam", "sam-secret"] } as const;

const HEAP = "-Xmx512m";

/** `host:port` of each listener. `saslSsl` offers PLAIN and SCRAM-SHA-512 only. */
export interface Listeners {
  readonly plaintext: string;
  readonly ssl: string;
  readonly saslPlaintext: string;
  readonly saslSsl: string;
}

/** A listener beside those that every broker has. */
export interface FurtherListener {
  readonly protocol: "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
  /** Its settings, without the prefix of its name. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface BrokerOptions {
  /** Listeners by name, in capitals. They are told the broker's folder, where its certificates are. */
  readonly listeners?: (folder: string) => Promise<Readonly<Record<string, FurtherListener>>>;
  /** Further options of Java. */
  readonly java?: readonly string[];
  /** For benchmarks: as fast as in production, instead of up soon. */
  readonly isFast?: boolean;
}

export class KafkaBroker implements AsyncDisposable {
  readonly #process: KafkaProcess;

  private constructor(
    readonly folder: string,
    readonly classPath: string,
    readonly listeners: Listeners,
    readonly certificates: Certificates,
    /** `host:port` of the further listeners. */
    readonly further: Readonly<Record<string, string>>,
    java: readonly string[],
  ) {
    this.#process = new KafkaProcess({ folder, classPath, heap: HEAP, java });
  }

  /** A formatted, running broker. */
  static async start({ listeners: wanted, java = [], isFast = false }: BrokerOptions = {}): Promise<KafkaBroker> {
    const classPath = await kafkaClassPath();
    const folder = await Deno.makeTempDir({ prefix: "freshet-kafka-" });
    const certificates = await makeCertificates(folder);
    const furtherListeners = await wanted?.(folder) ?? {};
    const names = Object.keys(furtherListeners);
    const [plaintext, ssl, saslPlaintext, saslSsl, controller, ...rest] = freeAddresses(5 + names.length) as [
      string,
      string,
      string,
      string,
      string,
      ...string[],
    ];
    const further = Object.fromEntries(names.map((name, index) => [name, rest[index]!]));
    const listeners = { plaintext, ssl, saslPlaintext, saslSsl };
    const broker = new KafkaBroker(folder, classPath, listeners, certificates, further, [
      ...isFast ? [] : QUICK_JAVA,
      ...java,
    ]);
    const text = withListeners(properties(folder, listeners, controller, certificates), furtherListeners, further);
    await Deno.writeTextFile(`${folder}/server.properties`, text);
    await broker.#format();
    await broker.resume();
    return broker;
  }

  /** Starts the process again on the same data and ports; waits until it answers. */
  async resume(): Promise<void> {
    await this.#process.start();
  }

  /** Ends the process as an operator would (SIGTERM) or as a power cut would (SIGKILL). */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#process.end(signal);
  }

  /** One of Kafka's own command line tools, e.g. `org.apache.kafka.tools.TopicCommand`. */
  async tool(className: string, args: readonly string[], stdin?: Uint8Array): Promise<string> {
    return await runTool(this.classPath, [className, ...args], stdin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    await Deno.remove(this.folder, { recursive: true });
  }

  async #format(): Promise<void> {
    const [name, password] = USERS.scram;
    const scram = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${name},password=${password}]`,
    ]);
    await this.#process.format(newClusterId(), scram);
  }
}

function properties(folder: string, at: Listeners, controller: string, { keyStorePath }: Certificates): string {
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USERS.plain[0]}="${
    USERS.plain[1]
  }";`;
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  const listeners = `PLAINTEXT://${at.plaintext},SSL://${at.ssl},SASL_PLAINTEXT://${at.saslPlaintext},` +
    `SASL_SSL://${at.saslSsl}`;
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@${controller}
listeners=${listeners},CONTROLLER://${controller}
advertised.listeners=${listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=4000
log.retention.check.interval.ms=500
log.retention.ms=-1
log.cleaner.backoff.ms=200
ssl.keystore.type=PEM
ssl.keystore.location=${keyStorePath}
listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_plaintext.plain.sasl.jaas.config=${plain}
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=${scram}
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=${scram}
listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=${plain}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=${scram}
`;
}

/** The properties with further listeners in them. */
function withListeners(
  text: string,
  wanted: Readonly<Record<string, FurtherListener>>,
  addresses: Readonly<Record<string, string>>,
): string {
  const entries = Object.entries(wanted);
  const at = entries.map(([name]) => `,${name}://${addresses[name]}`).join("");
  const protocols = entries.map(([name, { protocol }]) => `,${name}:${protocol}`).join("");
  const settings = entries.flatMap(([name, { settings }]) =>
    Object.entries(settings).map(([key, value]) => `listener.name.${name.toLowerCase()}.${key}=${value}`)
  );
  return text.replace(/^((?:advertised\.)?listeners=.*)$/gm, `$1${at}`)
    .replace(/^(listener\.security\.protocol\.map=.*)$/m, `$1${protocols}`) + `${settings.join("\n")}\n`;
}
