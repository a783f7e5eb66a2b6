// The wine shop: orders, deliveries, stocktakings and broken bottles of 50 products, 150 customers, a web shop and three
// boutiques. A pure function of seed and time. Times are wine_calendar.ts's business, products wine_catalogue.ts's.
//
// Stocks stay within bounds without being looked up: what a block of events takes out of a warehouse, the deliveries of the next
// block bring back; and no product loses so much in one block that two of them would empty a warehouse.
import { CENTRAL_WAREHOUSE, SHIPS_FROM } from "../src/domains/wine/mod.ts";
import { hash, Random, uniform } from "./random.ts";
import type { GenerateOptions, SimulatedRecord, Simulator } from "./simulator.ts";
import { type Block, type Calendar, demandAt, evenCalendar, tasteAt, tradeCalendar } from "./wine_calendar.ts";
import { CATALOGUE, FIRST_PRODUCT, type Product } from "./wine_catalogue.ts";

const CUSTOMERS = 150;
const DISCOUNT_SHARE = 0.25;
const DISCOUNT_PERCENT = [5, 10, 15, 20] as const;
const QUANTITIES = [[1, 0.56], [2, 0.24], [3, 0.1], [6, 0.08], [12, 0.02]] as const;
/** Shares of the inventory events. */
const REPLENISHMENTS = 0.6;
const CORRECTIONS = 0.3;
const CHANNELS = Object.keys(SHIPS_FROM);
/** Of the boutiques' sales: Paris, Lyon, Bordeaux. */
const BOUTIQUES = [["Boutique Paris", 0.44], ["Boutique Lyon", 0.3], ["Boutique Bordeaux", 0.26]] as const;
const WAREHOUSES = CHANNELS.map((channel) => SHIPS_FROM[channel]!);
/** Share of the opening stock that a product may lose in one block: two blocks must not empty a warehouse. */
const MAX_TAKEN = 0.42;
const SUPPLIERS = ["Négoce du Rhône", "Maison Delaunay", "Vignobles Réunis", "Caves de l'Est"];
const SPOILT = ["broken bottle", "corked", "heat damage", "label damaged"];

/** Simulator of the domain `wine`. */
export const wine: Simulator = {
  domain: "wine",
  sources: 1,
  intervalMs: 1000,
  demoIntervalMs: 2500,
  historyIntervalMs: 86_400_000 / 2500,
  fields: { timestamp: "event_ts", required: "product_id", amount: "product_id" },
  intervalFrom: ({ EVENT_GENERATION_DELAY: delay }) => typeof delay === "number" ? delay * 1000 : undefined,
  *generate(options) {
    const { start, intervalMs, seed, natural = false } = options;
    const calendar = natural ? tradeCalendar(seed, intervalMs) : evenCalendar(intervalMs);
    let unit = calendar.unitAt(start);
    let lacking = takenBefore(unit, calendar, options);
    for (;; unit++) {
      for (const block of calendar.blocks(unit)) {
        const shop = new Shop(block, lacking, options);
        for (const [i, timestamp] of block.times.entries()) {
          const event = shop.event(i);
          if (timestamp >= start) yield { timestamp, key: String(event.product_id), value: JSON.stringify(event) };
        }
        lacking = shop.taken;
      }
    }
  },
  describe,
};

/** Bottles by product and warehouse. */
type Bottles = Map<number, number>;

const placeOf = ({ id }: Product, warehouse: number) => (id - FIRST_PRODUCT) * WAREHOUSES.length + warehouse;

/** What the block before the unit has taken out of the warehouses. */
function takenBefore(unit: number, calendar: Calendar, options: GenerateOptions): Bottles {
  const block = calendar.blocks(unit - 1).at(-1)!;
  const shop = new Shop(block, new Map(), options);
  block.times.forEach((_, i) => shop.event(i));
  return shop.taken;
}

type Kind = "ORDER" | "REPLENISHMENT" | "CORRECTION" | "SPOILAGE";

interface Delivery {
  readonly place: number;
  readonly bottles: number;
}

interface WineEvent {
  readonly event_type: string;
  readonly product_id: number;
  readonly [field: string]: unknown;
}

/** One block's events, to be asked for in order. Each has random numbers of its own: what is lacking changes deliveries only. */
class Shop {
  /** Taken out so far, deliveries aside. */
  readonly taken: Bottles = new Map();
  readonly #seed: number;
  readonly #kinds: readonly Kind[];
  readonly #deliveries: Delivery[];
  readonly #most: number;

  constructor(private readonly block: Block, lacking: Bottles, options: GenerateOptions) {
    const { seed, natural, settings = {} } = options;
    this.#seed = hash(seed, block.id, natural ? 1 : 0);
    const orders = numberOr(settings.ORDER_CREATED_PROBABILITY, 0.7);
    this.#most = Math.max(12, Math.floor(MAX_TAKEN * numberOr(settings.WINE_OPENING_STOCK, 120)));
    this.#kinds = block.times.map((_, i) => this.#kind(i, orders));
    const wanted = this.#kinds.filter((kind) => kind === "REPLENISHMENT").length;
    this.#deliveries = deliver(lacking, wanted, this.#seed);
  }

  /** The block's `i`th event. */
  event(i: number): WineEvent {
    const time = this.block.times[i]!;
    const kind = this.#kinds[i]!;
    return kind === "ORDER" ? this.#order(i, time) : this.#adjustment(i, time, kind);
  }

  #kind(i: number, orders: number): Kind {
    if (uniform(this.#seed, i, 1) < orders) return "ORDER";
    const roll = uniform(this.#seed, i, 2);
    return roll < REPLENISHMENTS ? "REPLENISHMENT" : roll < REPLENISHMENTS + CORRECTIONS ? "CORRECTION" : "SPOILAGE";
  }

  #order(i: number, time: number): WineEvent {
    const random = new Random(hash(this.#seed, i));
    const { online, shops } = demandAt(time);
    const channel = random.next() * (online + shops) < online ? "E-com" : pick(BOUTIQUES, random.next());
    const quantity = pick(QUANTITIES, random.next());
    const warehouse = CHANNELS.indexOf(channel);
    const product = this.#productFor(random, { warehouse, quantity, time });
    this.#take(placeOf(product, warehouse), quantity);
    const cents = quantity * product.priceCents;
    const percent = random.next() < DISCOUNT_SHARE ? DISCOUNT_PERCENT[random.below(DISCOUNT_PERCENT.length)]! : 0;
    return {
      event_type: "ORDER_CREATED",
      order_line_id: this.#id(i),
      customer_id: 1 + random.below(CUSTOMERS),
      product_id: product.id,
      product_name: product.name,
      category: product.label,
      quantity,
      unit_price: product.priceCents / 100,
      total_price: cents / 100,
      discount: Math.round(cents * percent / 100) / 100,
      bottle_size_l: product.bottleLitres,
      sales_channel: channel,
      event_ts: new Date(time).toISOString(),
      source_service: "ecom_api",
      emoji: "🛒",
    };
  }

  /** Something that people want at that time and of which there is enough left; else what there is most of. */
  #productFor(
    random: Random,
    { warehouse, quantity, time }: { readonly warehouse: number; readonly quantity: number; readonly time: number },
  ): Product {
    for (let tries = 0; tries < 8; tries++) {
      const product = wantedAt(time, random);
      if (this.#left(product, warehouse) >= quantity) return product;
    }
    return CATALOGUE.toSorted((a, b) => this.#left(b, warehouse) - this.#left(a, warehouse))[0]!;
  }

  #left(product: Product, warehouse: number): number {
    return this.#most - (this.taken.get(placeOf(product, warehouse)) ?? 0);
  }

  #adjustment(i: number, time: number, kind: Exclude<Kind, "ORDER">): WineEvent {
    const random = new Random(hash(this.#seed, i));
    const delivery = kind === "REPLENISHMENT" ? this.#deliveries.pop() : undefined;
    const place = delivery?.place ?? random.below(CATALOGUE.length * WAREHOUSES.length);
    const lost = 1 + random.below(6);
    // No more is found than has been taken: the next block's deliveries can only add.
    const found = random.next() < 0.4 && (this.taken.get(place) ?? 0) >= lost;
    const day = new Date(time).toISOString().slice(0, 10);
    const product = CATALOGUE[Math.floor(place / WAREHOUSES.length)]!;
    // Where nothing is to be delivered, stocktaking finds what was expected: it must not change what the next block brings.
    const type = kind === "REPLENISHMENT" && !delivery ? "CORRECTION" : kind;
    const change = delivery?.bottles ?? (kind === "REPLENISHMENT" ? 0 : kind === "CORRECTION" && found ? lost : -lost);
    if (!delivery) this.#take(place, -change);
    return {
      event_type: "INVENTORY_ADJUSTED",
      event_id: this.#id(i),
      product_id: product.id,
      product_name: product.name,
      category: product.label,
      quantity_change: change,
      adjustment_type: type,
      warehouse_location: WAREHOUSES[place % WAREHOUSES.length] ?? CENTRAL_WAREHOUSE,
      batch: {
        number: `LOT-${day.slice(2).replaceAll("-", "")}-${product.id}-${String(i).padStart(4, "0")}`,
        ...(delivery ? { supplier: SUPPLIERS[random.below(SUPPLIERS.length)], received_on: day } : {}),
        ...(type === "SPOILAGE" ? { reason: SPOILT[random.below(SPOILT.length)] } : {}),
      },
      event_ts: new Date(time).toISOString(),
      source_service: "warehouse_management",
      emoji: EMOJIS[type],
    };
  }

  #take(place: number, bottles: number): void {
    this.taken.set(place, (this.taken.get(place) ?? 0) + bottles);
  }

  /** A UUID (version 8) of seed, calendar, block and place in the block. */
  #id(i: number): string {
    const hex = (value: number, digits: number) => (value >>> 0).toString(16).padStart(digits, "0").slice(-digits);
    const of = (salt: number) => hash(this.#seed, i, 3, salt);
    return `${hex(of(1), 8)}-${hex(of(2), 4)}-8${hex(of(3), 3)}-a${hex(of(4), 3)}-${hex(this.block.id, 8)}${hex(i, 4)}`;
  }
}

const EMOJIS = { REPLENISHMENT: "📦", CORRECTION: "✏️", SPOILAGE: "❌" } as const;

/** What is lacking, in at most `wanted` deliveries: the largest in several, in random order. */
function deliver(lacking: Bottles, wanted: number, seed: number): Delivery[] {
  const places = [...lacking].filter(([, bottles]) => bottles > 0).sort(([p, a], [q, b]) => b - a || p - q)
    .slice(0, wanted);
  const total = places.reduce((sum, [, bottles]) => sum + bottles, 0);
  const spare = wanted - places.length;
  let before = 0;
  const deliveries = places.flatMap(([place, bottles]) => {
    const more = Math.floor(spare * (before + bottles) / total) - Math.floor(spare * before / total);
    before += bottles;
    const parts = Math.min(bottles, 1 + more);
    const upTo = (part: number) => Math.floor(bottles * part / parts);
    return Array.from({ length: parts }, (_, part) => ({ place, bottles: upTo(part + 1) - upTo(part) }));
  });
  const random = new Random(seed);
  for (let i = deliveries.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [deliveries[i], deliveries[j]] = [deliveries[j]!, deliveries[i]!];
  }
  return deliveries;
}

let weights: { readonly taste: unknown; readonly upTo: readonly number[] } | undefined;

/** The products' shares of demand at a time, added up. */
function weightsAt(time: number): readonly number[] {
  const taste = tasteAt(time);
  if (weights?.taste === taste) return weights.upTo;
  let sum = 0;
  const upTo = CATALOGUE.map(({ popularity, category }) => sum += popularity * taste[category]);
  weights = { taste, upTo };
  return upTo;
}

/** A product that people want at a time. */
function wantedAt(time: number, random: Random): Product {
  const upTo = weightsAt(time);
  const roll = random.next() * upTo.at(-1)!;
  return CATALOGUE[upTo.findIndex((bound) => roll < bound)]!;
}

/** One of the values, by their shares. */
function pick<T>(shares: readonly (readonly [T, number])[], roll: number): T {
  let upTo = 0;
  return shares.find(([, share]) => roll < (upTo += share))?.[0] ?? shares[0]![0];
}

function numberOr(value: unknown, preset: number): number {
  return typeof value === "number" ? value : preset;
}

/** A line for people. */
function describe({ value }: SimulatedRecord): string {
  const e = JSON.parse(String(value)) as Readonly<Record<string, string | number>>;
  const product = `${e.category} ${e.product_name}`;
  if (e.event_type === "ORDER_CREATED") {
    const price = Number(e.total_price).toFixed(2);
    return `${e.emoji} ORDER_CREATED | Customer #${e.customer_id} | ${product} | Qty: ${e.quantity} | Price: €${price} | ` +
      `Channel: ${e.sales_channel}`;
  }
  const sign = Number(e.quantity_change) > 0 ? "+" : "";
  return `${e.emoji} INVENTORY_ADJUSTED | Product #${e.product_id} | ${product} | ${sign}${e.quantity_change} bottles | ` +
    `Type: ${e.adjustment_type} | ${e.warehouse_location}`;
}
