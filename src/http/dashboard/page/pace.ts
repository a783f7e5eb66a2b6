// How often the page is drawn anew: where drawing takes long, as with a thousand trains, it rests for longer, so that it always
// answers whoever works in it.

/** The rest after each drawing: as many times as long as that took, and this at most. */
const REST_TIMES = 2;
const MAX_REST_MS = 3_000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls what it is given before the next picture is drawn, as `requestAnimationFrame` does. */
type Frames = (call: () => void) => unknown;

/** Once the next picture is on the screen; a page that nobody sees draws none. */
function drawn(frames: Frames): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, 1_000);
    frames(() => {
      clearTimeout(late);
      setTimeout(resolve);
    });
  });
}

/**
 * Does `work` soon after it is asked for: once for all that ask meanwhile, and for a third of the time at most, unless it takes
 * longer than half of {@link MAX_REST_MS}.
 */
export function paced(work: () => void, frames: Frames): () => void {
  let isBusy = false;
  let isAsked = false;
  const run = async () => {
    // What comes together is one piece of work.
    await sleep(0);
    while (isAsked) {
      isAsked = false;
      const began = performance.now();
      try {
        work();
      } catch (error) {
        reportError(error);
      }
      await drawn(frames);
      await sleep(Math.min(MAX_REST_MS, REST_TIMES * (performance.now() - began)));
    }
    isBusy = false;
  };
  return () => {
    isAsked = true;
    if (isBusy) return;
    isBusy = true;
    void run();
  };
}
