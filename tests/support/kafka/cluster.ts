// Three real Kafka nodes in one cluster, each broker and controller, for tests in which one of them goes. Plain text on random
// loopback ports; their data lives in a temporary folder that goes with them.

import { until } from "../../contracts/log/place.ts";
import { kafkaClassPath, QUICK_JAVA, runTool } from "./jars.ts";
import { freeAddresses, KafkaProcess, newClusterId } from "./process.ts";

const NODES = 3;
const HEAP = "-Xmx320m";
/** Brokers have machines of their own in the field: one that starts must not take the processor away from the members here. */
const NICE = 10;

export interface ClusterNode {
  readonly id: number;
  /** `host:port`. */
  readonly address: string;
  readonly process: KafkaProcess;
}

export interface TopicPlan {
  readonly topic: string;
  /** The brokers that hold each partition; the first is the one that leads it while it can. */
  readonly replicas: readonly (readonly number[])[];
  /** Settings of its own, as Kafka names them. */
  readonly config?: Readonly<Record<string, string | number>>;
}

export class KafkaCluster implements AsyncDisposable {
  private constructor(readonly folder: string, readonly classPath: string, readonly nodes: readonly ClusterNode[]) {}

  /** Three formatted, running nodes; `offsetsReplicas` of them keep a group, so that its coordinator can move when it is more than one. */
  static async start({ offsetsReplicas = 1 } = {}): Promise<KafkaCluster> {
    const classPath = await kafkaClassPath();
    const folder = await Deno.makeTempDir({ prefix: "freshet-kafka-cluster-" });
    const addresses = freeAddresses(2 * NODES);
    const controllers = addresses.slice(NODES);
    const nodes = Array.from({ length: NODES }, (_, i): ClusterNode => {
      const options = { folder: `${folder}/${i + 1}`, classPath, heap: HEAP, java: QUICK_JAVA, nice: NICE };
      return { id: i + 1, address: addresses[i]!, process: new KafkaProcess(options) };
    });
    const clusterId = newClusterId();
    for (const { id, address, process } of nodes) {
      await Deno.mkdir(process.options.folder);
      const text = properties(process.options.folder, { id, address, controllers, offsetsReplicas });
      await Deno.writeTextFile(`${process.options.folder}/server.properties`, text);
      await process.format(clusterId);
    }
    const cluster = new KafkaCluster(folder, classPath, nodes);
    await Promise.all(nodes.map(({ process }) => process.start()));
    return cluster;
  }

  get addresses(): readonly string[] {
    return this.nodes.map(({ address }) => address);
  }

  node(id: number): ClusterNode {
    return this.nodes[id - 1]!;
  }

  async createTopic({ topic, replicas, config = {} }: TopicPlan): Promise<void> {
    const assignment = replicas.map((brokers) => brokers.join(":")).join(",");
    await this.tool("org.apache.kafka.tools.TopicCommand", [
      ...["--create", "--topic", topic, "--replica-assignment", assignment],
      ...Object.entries(config).flatMap(([name, value]) => ["--config", `${name}=${value}`]),
    ]);
  }

  /** Gives each partition the leader that it should have. */
  async electLeaders(asked?: ClusterNode): Promise<void> {
    const args = ["--election-type", "preferred", "--all-topic-partitions"];
    await this.tool("org.apache.kafka.tools.LeaderElectionCommand", args, asked);
  }

  /** Resolves once every copy of the topic is up to date. All brokers must be up. */
  async inSync(topic: string): Promise<void> {
    const args = ["--describe", "--under-replicated-partitions", "--topic", topic];
    await until(async () => {
      const behind = await this.tool("org.apache.kafka.tools.TopicCommand", args).catch(() => "not yet");
      return behind.trim() === "";
    }, `all copies of ${topic}`);
  }

  /** One of Kafka's own command line tools, on a node that is up. */
  async tool(className: string, args: readonly string[], asked: ClusterNode = this.nodes[0]!): Promise<string> {
    return await runTool(this.classPath, [className, "--bootstrap-server", asked.address, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.nodes) process.signal("SIGCONT");
    await Promise.all(this.nodes.map(({ process }) => process.end("SIGKILL")));
    await Deno.remove(this.folder, { recursive: true });
  }
}

interface NodePlace {
  readonly id: number;
  readonly address: string;
  readonly controllers: readonly string[];
  readonly offsetsReplicas: number;
}

function properties(folder: string, { id, address, controllers, offsetsReplicas }: NodePlace): string {
  const listeners = `PLAINTEXT://${address}`;
  return `
process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${controllers.map((controller, i) => `${i + 1}@${controller}`).join(",")}
listeners=${listeners},CONTROLLER://${controllers[id - 1]}
advertised.listeners=${listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${folder}/data
auto.create.topics.enable=false
auto.leader.rebalance.enable=false
default.replication.factor=3
min.insync.replicas=1
offsets.topic.replication.factor=${offsetsReplicas}
offsets.topic.num.partitions=6
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
`;
}
