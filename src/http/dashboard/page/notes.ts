// What a person notes is sent to the server, with the name that this browser remembers.
import { errorOf } from "./answer_error.ts";

const NAME_KEY = "freshet.name";

/** What somebody was called here the last time. */
export function storedName(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return "";
  }
}

export function storeName(name: string): void {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // It is written anew next time.
  }
}

/** What can be noted: see note_routes.ts. */
export type NotePath = "acknowledge" | "mute" | "unmute" | "annotate" | "remove-annotation";

/** Resolves when it is in the warehouse. Rejects with why it is not, in words. */
export async function sendNote(path: NotePath, body: object): Promise<void> {
  const response = await fetch(`/api/notes/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  }).catch(() => {
    throw new Error("Freshet does not answer: try again");
  });
  if (!response.ok) throw await errorOf(response);
}
