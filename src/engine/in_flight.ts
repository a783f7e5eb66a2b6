// A commit that goes on beside the reading.

/** A commit under way; `done` never rejects. */
export class InFlight {
  readonly done: Promise<void>;
  error: unknown;
  settled = false;

  constructor(commit: Promise<void>) {
    this.done = commit.catch((error) => {
      this.error = error;
    }).finally(() => {
      this.settled = true;
    });
  }
}
