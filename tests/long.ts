// The long forms of tests, of which the tasks before a change run a short one: without a name a list of them, with a name that
// one. Settings of the environment go on to it: FRESHET_SEED repeats what was random.

interface LongTest {
  readonly about: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

const LONG: Readonly<Record<string, LongTest>> = {
  kill: {
    about: "a hundred kills of the real program at random times",
    file: "faults/kill_test.ts",
    env: { TESTS: "fast", FRESHET_KILL_ROUNDS: "100" },
  },
  schedules: {
    about: "a thousand seeded fault schedules",
    file: "faults/simulation_test.ts",
    env: { TESTS: "fast", FRESHET_RUNS: "1000" },
  },
  rows: {
    about: "60,000 disordered records in 1, 4 and 12 partitions make the same rows however they are worked off",
    file: "faults/same_rows_test.ts",
    env: { TESTS: "fast", FRESHET_ROWS: "60000" },
  },
  final: {
    about: "a reader of the merged views while a million records of each domain are worked off",
    file: "faults/final_rows_test.ts",
    env: { TESTS: "fast", FRESHET_POLLED: "1000000" },
  },
  large: {
    about: "backlogs of up to a gigabyte in records of 10 KB to 8 MB, each with its seconds and peak memory",
    file: "oversized_records_test.ts",
    env: { TESTS: "fast", FRESHET_LARGE: "1" },
  },
  hostile: {
    about:
      "everything at once that strangers and queries can do, for ten minutes, and for five with little memory and few files",
    file: "faults/hostile_run_test.ts",
    env: { TESTS: "http", FRESHET_HOSTILE_SECONDS: "600", FRESHET_HOSTILE_RATE: "2000" },
  },
  damage: {
    about:
      "two hundred bit flips in the files of the data folder: detected or harmless, and repaired as the message says",
    file: "faults/damage_rounds_test.ts",
    env: { TESTS: "fast", FRESHET_DAMAGE_ROUNDS: "200" },
  },
  mutations: {
    about: "a hundred thousand mutated requests to every route",
    file: "http/mutated_requests_test.ts",
    env: { TESTS: "http", FRESHET_RUNS: "100000" },
  },
  brokers: {
    about: "twenty faults of three real Kafka brokers, one after another, at random",
    file: "faults/kafka_brokers_long_test.ts",
    env: { TESTS: "kafka", FRESHET_BROKER_ROUNDS: "20" },
  },
  chaos: {
    about: "a hundred times members, brokers and leaders of Kafka taken away at once",
    file: "faults/kafka_chaos_test.ts",
    env: { TESTS: "kafka", FRESHET_CHAOS_ROUNDS: "100" },
  },
  lighthouse: {
    about: "the overview, trains and explore by Lighthouse, which npx fetches (needs Node and Chromium)",
    file: "browser/lighthouse_test.ts",
    env: { TESTS: "browser", FRESHET_LIGHTHOUSE: "13.5.0" },
  },
  "kill-snowflake": {
    about: "twenty kills of two processes from Kafka to the Snowflake double, with every fault, on 100,000 records",
    file: "snowflake/kafka_kill_test.ts",
    env: { TESTS: "snowflake", FRESHET_KILL_ROUNDS: "20", FRESHET_KILL_RECORDS: "5000" },
  },
  "kill-streaming": {
    about:
      "fifty kills of three processes from Kafka to the doubles of Snowflake and Snowpipe Streaming, with every fault",
    file: "snowflake/streaming/kafka_kill_test.ts",
    env: { TESTS: "snowflake", FRESHET_KILL_ROUNDS: "50" },
  },
};

const [name, ...more] = Deno.args;
const test = name === undefined ? undefined : LONG[name];
if (!test) {
  for (const [each, { about }] of Object.entries(LONG)) console.log(`  ${each.padEnd(15)} ${about}`);
  if (name !== undefined) console.error(`\nThere is no long test "${name}"`);
  Deno.exit(name === undefined ? 0 : 2);
}
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "--no-prompt", "--permit-no-files", "-P=tests", `tests/${test.file}`, ...more],
  env: { ...test.env, ...Deno.env.toObject() },
}).spawn().status;
Deno.exit(code);
