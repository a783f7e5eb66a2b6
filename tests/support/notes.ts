// For dashboards in tests in which nobody notes anything.
import type { NoteKeeper } from "../../src/http/dashboard/note_routes.ts";

const none = () => Promise.reject(new Error("Nobody notes anything in this test"));

export const noNotes: NoteKeeper = {
  version: 0,
  acknowledge: none,
  mute: none,
  unmute: none,
  annotate: none,
  removeAnnotation: none,
};
