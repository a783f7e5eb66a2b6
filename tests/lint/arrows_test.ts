import { assertEquals } from "@std/assert";
import arrows from "../../lint/arrows.ts";

const complaints = (file: string, source: string) =>
  Deno.lint.runPlugin(arrows, file, source).map(({ message }) => message);

const WRONG: readonly (readonly [file: string, source: string, complaint: string])[] = [
  ["src/stream/map.ts", `import { x } from "../errors.ts";`, `The stream library does not import "src/errors.ts"`],
  ["src/stream/map.ts", `export * from "../clock.ts";`, `The stream library does not import "src/clock.ts"`],
  ["src/stream/map.ts", `import { z } from "zod";`, `The stream library does not import the package "zod"`],
  [
    "src/cli/mod.ts",
    `import { x } from "../stream/state.ts";`,
    `The stream library is a package: import it by its name, "@freshet/stream"`,
  ],
  [
    "src/log/log.ts",
    `import type { Element } from "@freshet/stream";`,
    `"@freshet/stream" is imported by files ^src\\/(domains|engine|checks|panels|cli)\\/ only`,
  ],
  [
    "src/domains/trains/mod.ts",
    `import { x } from "../../engine/mod.ts";`,
    `A domain does not import "src/engine/mod.ts"`,
  ],
  [
    "src/domains/trains/mod.ts",
    `import { trains } from "../../../simulators/trains.ts";`,
    `A domain imports "simulators/trains.ts" lazily: write "() => import(…)"`,
  ],
  ["src/domains/trains/mod.ts", `import hono from "hono";`, `"hono" is imported by files ^src\\/http\\/ only`],
  ["src/domains/trains/mod.ts", `import x from "lodash";`, `A domain does not import the package "lodash"`],
  [
    "src/domains/trains/panels.ts",
    `import { page } from "./page/mod.tsx";`,
    `A domain does not import "src/domains/trains/page/mod.tsx"`,
  ],
  [
    "src/domains/trains/page/mod.tsx",
    `import { panels } from "../panels.ts";`,
    `A domain's page does not import "src/domains/trains/panels.ts"`,
  ],
  [
    "src/domains/trains/answers.ts",
    `import { rowsOf } from "../../panels/mod.ts";`,
    `What panels answer imports types only: write "import type"`,
  ],
  [
    "src/http/dashboard/mod.ts",
    `import { wine } from "../../domains/wine/mod.ts";`,
    `HTTP does not import "src/domains/wine/mod.ts"`,
  ],
  ["src/log/log.ts", `import { x } from "../warehouse/cells.ts";`, `A port imports types only: write "import type"`],
  ["src/log/log.ts", `import type { D } from "../domains/mod.ts";`, `A port does not import "src/domains/mod.ts"`],
  ["src/log/kafka.ts", `import { x } from "../engine/mod.ts";`, `The log does not import "src/engine/mod.ts"`],
  ["src/warehouse/duckdb.ts", `import k from "kafkajs";`, `"kafkajs" is imported by files ^src\\/log\\/ only`],
  ["src/engine/runner.ts", `import { x } from "../log/kafka.ts";`, `The engine does not import "src/log/kafka.ts"`],
  ["src/engine/runner.ts", `await import("../cli/mod.ts");`, `The engine does not import "src/cli/mod.ts"`],
  [
    "src/app.ts",
    `import { trains } from "../simulators/mod.ts";`,
    `The program's core does not import "simulators/mod.ts"`,
  ],
  ["src/app.ts", `import { x } from "./cli/mod.ts";`, `The program's core does not import "src/cli/mod.ts"`],
  [
    "src/wiring.ts",
    `import { openKafka } from "./log/kafka.ts";`,
    `The adapter "src/log/kafka.ts" is imported lazily: write "await import(…)"`,
  ],
  [
    "simulators/trains.ts",
    `import { x } from "../src/engine/mod.ts";`,
    `A simulator does not import "src/engine/mod.ts"`,
  ],
  ["src/config/mod.ts", `const home = Deno.env.get("HOME");`, "Only main.ts touches Deno.env: be handed it, or log"],
  ["src/cli/mod.ts", `Deno.exit(1);`, "Only main.ts touches Deno.exit: be handed it, or log"],
  [
    "src/cli/mod.ts",
    `Deno.addSignalListener("SIGINT", f);`,
    "Only main.ts touches Deno.addSignalListener: be handed it, or log",
  ],
  ["src/log/kafka.ts", `process.env.X = "1";`, "Only main.ts touches process.env: be handed it, or log"],
  ["src/engine/runner.ts", `console.log("here");`, "Only main.ts touches console.log: be handed it, or log"],
];

for (const [file, source, complaint] of WRONG) {
  Deno.test(`in ${file} the lint reports ${source}`, () => assertEquals(complaints(file, source), [complaint]));
}

const RIGHT: readonly (readonly [file: string, source: string])[] = [
  ["src/stream/map.ts", `import { x } from "./batch.ts";`],
  ["src/domains/trains/page/mod.tsx", `import type { TrainsPanels } from "../answers.ts";`],
  ["src/domains/trains/page/mod.tsx", `import { Card } from "../../../http/dashboard/page/mod.ts";`],
  [
    "src/domains/trains/mod.ts",
    `import { z } from "zod"; import sql from "../../../sql/trains.sql" with { type: "text" };`,
  ],
  ["src/domains/trains/mod.ts", `const load = () => import("../../../simulators/trains.ts");`],
  ["src/log/log.ts", `import type { Cells } from "../warehouse/cells.ts";`],
  ["src/warehouse/warehouse.ts", `export type { Cells } from "./cells.ts";`],
  ["src/engine/runner.ts", `import { x } from "@freshet/stream"; import { y } from "@freshet/stream/stored";`],
  ["src/log/kafka.ts", `import { Kafka } from "kafkajs"; import type { Log } from "./log.ts";`],
  ["src/engine/runner.ts", `import type { Log } from "../log/log.ts";`],
  ["src/wiring.ts", `const { openKafka } = await import("./log/kafka.ts");`],
  ["src/wiring.ts", `import type { KafkaLog } from "./log/kafka.ts";`],
  ["src/cli/simulation.ts", `import { paced } from "../../simulators/mod.ts";`],
  ["simulators/trains.ts", `import { faker } from "@faker-js/faker/locale/en_GB";`],
  ["main.ts", `Deno.env.get("HOME"); import { x } from "./src/cli/mod.ts";`],
  ["tests/stream/map_test.ts", `import { x } from "../../src/engine/mod.ts"; Deno.env.get("CI");`],
];

for (const [file, source] of RIGHT) {
  Deno.test(`in ${file} the lint allows ${source}`, () => assertEquals(complaints(file, source), []));
}
