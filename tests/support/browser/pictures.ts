// Pictures of pages beside those that were taken when somebody last looked at them.
import { Buffer } from "node:buffer";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";

const FOLDER = new URL("../../browser/pictures/", import.meta.url);
/** What differs is written there, beside how it looks now. */
const FAILED = new URL("failed/", FOLDER);

/** How different two colours are, from 0 to 1, before they count: letters are drawn a little differently by each version. */
const COLOUR = 0.15;
/** Of all pixels. A card that has moved by a few pixels has many more, a letter drawn otherwise fewer. */
const SHARE = 0.003;

const RENEW = "UPDATE_PICTURES=true";

/** Whether pictures are written instead of compared. */
export const renews = Deno.env.get("UPDATE_PICTURES") === "true";

/**
 * Compares a PNG with the picture of that name, or writes it where pictures are renewed. Returns what is wrong in words,
 * undefined when they are alike. What differs is drawn red in `pictures/failed`.
 */
export async function differenceFrom(name: string, taken: Uint8Array): Promise<string | undefined> {
  const file = new URL(`${name}.png`, FOLDER);
  const now = coarse(taken);
  if (renews) {
    await Deno.writeFile(file, written(now));
    return undefined;
  }
  const known = await Deno.readFile(file).catch(() => undefined);
  if (known === undefined) return `there is no picture ${name}.png: ${RENEW} takes it`;
  const before = PNG.sync.read(Buffer.from(known));
  const { width, height } = before;
  if (now.width !== width || now.height !== height) {
    return `${name}.png is ${width} by ${height}, the page now ${now.width} by ${now.height}`;
  }
  const drawn = new PNG({ width, height });
  const share = pixelmatch(before.data, now.data, drawn.data, width, height, { threshold: COLOUR }) / (width * height);
  if (share <= SHARE) return undefined;
  await Deno.mkdir(FAILED, { recursive: true });
  await Deno.writeFile(new URL(`${name}_now.png`, FAILED), written(now));
  await Deno.writeFile(new URL(`${name}_difference.png`, FAILED), PNG.sync.write(drawn));
  return `${
    (share * 100).toFixed(2)
  } % of ${name}.png differ: look at tests/browser/pictures/failed/${name}_difference.png; ` +
    `if the page is meant to look like that, renew the pictures by ${RENEW}`;
}

/** With 32 steps of each colour, which makes the files half as large. */
function coarse(taken: Uint8Array): PNG {
  const png = PNG.sync.read(Buffer.from(taken));
  for (let i = 0; i < png.data.length; i++) png.data[i] = png.data[i] & 0xf8;
  return png;
}

function written(png: PNG): Uint8Array {
  return PNG.sync.write(png, { colorType: 2, deflateLevel: 9, deflateStrategy: 0, filterType: 0 });
}
