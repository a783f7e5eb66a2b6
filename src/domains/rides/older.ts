// How other producers than Freshet may write ride events.

import type { OlderFields } from "../older_form.ts";

export const older: OlderFields = { timestamp: { seconds: true } };
