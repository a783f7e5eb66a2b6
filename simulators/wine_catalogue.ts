// The wine shop's products: each a pure function of its id, so that every run names the same product the same way.
// Knows nothing of orders.
import { hash, uniform } from "./random.ts";

export type Category = "Rouge" | "Blanc" | "Rosé" | "Effervescent" | "Spiritueux";

interface Shelf {
  readonly emoji: string;
  /** Share of the products, all together 1. */
  readonly share: number;
  /** EUR of a bottle in the middle of the range. */
  readonly price: number;
  readonly names: readonly string[];
}

export const SHELVES: Readonly<Record<Category, Shelf>> = {
  Rouge: {
    emoji: "🍷",
    share: 0.34,
    price: 18,
    names: [
      "Saint-Émilion",
      "Gevrey-Chambertin",
      "Châteauneuf-du-Pape",
      "Côte-Rôtie",
      "Madiran",
      "Chinon",
      "Cahors",
      "Morgon",
    ],
  },
  Blanc: {
    emoji: "🥂",
    share: 0.24,
    price: 16,
    names: ["Chablis", "Sancerre", "Meursault", "Condrieu", "Riesling d'Alsace", "Vouvray", "Pouilly-Fuissé"],
  },
  Rosé: {
    emoji: "🌸",
    share: 0.14,
    price: 12,
    names: ["Bandol Rosé", "Tavel", "Côtes de Provence", "Cabernet d'Anjou", "Rosé des Riceys"],
  },
  Effervescent: {
    emoji: "🍾",
    share: 0.16,
    price: 30,
    names: ["Champagne Brut", "Crémant de Loire", "Crémant d'Alsace", "Blanquette de Limoux", "Clairette de Die"],
  },
  Spiritueux: {
    emoji: "🥃",
    share: 0.12,
    price: 45,
    names: ["Cognac VSOP", "Bas-Armagnac", "Calvados du Pays d'Auge", "Rhum de Martinique", "Mirabelle de Lorraine"],
  },
};

const CUVEES = [
  "Vieilles Vignes",
  "Grande Réserve",
  "Cuvée Prestige",
  "Clos des Tilleuls",
  "Terres Blanches",
  "Tradition",
  "Les Hauts de Combe",
];
const BOTTLES_L = [0.75, 0.75, 0.75, 0.75, 0.75, 0.375, 0.5, 1.5] as const;
const FIRST_VINTAGE = 2008;
const VINTAGES = 16;

/** Ids are from `FIRST_PRODUCT` to `FIRST_PRODUCT + PRODUCT_COUNT - 1`. */
export const FIRST_PRODUCT = 1000;
export const PRODUCT_COUNT = 50;

export interface Product {
  readonly id: number;
  readonly name: string;
  readonly category: Category;
  /** As events say it: emoji and category. */
  readonly label: string;
  /** Cents of a bottle. */
  readonly priceCents: number;
  readonly bottleLitres: number;
  /** How often it is bought, beside the others. */
  readonly popularity: number;
}

/** The product of an id; the same for ever. */
export function productOf(id: number): Product {
  const category = categoryOf(id);
  const { emoji, price, names } = SHELVES[category];
  const vintage = FIRST_VINTAGE + hash(id, 2) % VINTAGES;
  const factor = 0.7 + 1.3 * uniform(id, 3) ** 2;
  return {
    id,
    name: `${names[hash(id, 1) % names.length]} ${vintage} – ${CUVEES[hash(id, 7) % CUVEES.length]}`,
    category,
    label: `${emoji} ${category}`,
    // Shop prices: to ten cents.
    priceCents: Math.round(price * factor * 10) * 10,
    bottleLitres: category === "Spiritueux" ? 0.7 : BOTTLES_L[hash(id, 5) % BOTTLES_L.length]!,
    popularity: 0.25 + 2 * uniform(id, 6) ** 2,
  };
}

/** The shelves take turns as their shares say, scattered over the ids. */
function categoryOf(id: number): Category {
  const place = (id * 0.618033988749895 + 0.2) % 1;
  let before = 0;
  const categories = Object.keys(SHELVES) as Category[];
  return categories.find((category) => place < (before += SHELVES[category].share)) ?? "Spiritueux";
}

/** All products, by id. */
export const CATALOGUE: readonly Product[] = Array.from(
  { length: PRODUCT_COUNT },
  (_, index) => productOf(FIRST_PRODUCT + index),
);
