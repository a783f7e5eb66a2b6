// Files that Protobuf schemas import without any registry having them: Google's and Confluent's own types. Those under
// google/protobuf come with protobufjs; of the others only what records hold is here.
//
// Sources: https://github.com/googleapis/googleapis/tree/master/google/type and
// https://github.com/confluentinc/schema-registry/tree/master/protobuf-types/src/main/proto/confluent

import type protobuf from "protobufjs";
import descriptorJson from "protobufjs/google/protobuf/descriptor.json" with { type: "json" };

export const DECIMAL = ".confluent.type.Decimal";

const CONFLUENT_TYPES = `syntax = "proto3"; package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }`;

const GOOGLE_TYPES = `syntax = "proto3"; package google.type;
import "google/protobuf/duration.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Date { int32 year = 1; int32 month = 2; int32 day = 3; }
message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }
message TimeZone { string id = 1; string version = 2; }
message DateTime {
  int32 year = 1; int32 month = 2; int32 day = 3; int32 hours = 4; int32 minutes = 5; int32 seconds = 6; int32 nanos = 7;
  oneof time_offset { google.protobuf.Duration utc_offset = 8; TimeZone time_zone = 9; }
}
message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }
message Decimal { string value = 1; }
message LatLng { double latitude = 1; double longitude = 2; }
message Fraction { int64 numerator = 1; int64 denominator = 2; }
message Interval { google.protobuf.Timestamp start_time = 1; google.protobuf.Timestamp end_time = 2; }
message Color { float red = 1; float green = 2; float blue = 3; google.protobuf.FloatValue alpha = 4; }
enum DayOfWeek {
  DAY_OF_WEEK_UNSPECIFIED = 0; MONDAY = 1; TUESDAY = 2; WEDNESDAY = 3; THURSDAY = 4; FRIDAY = 5; SATURDAY = 6; SUNDAY = 7;
}
enum Month {
  MONTH_UNSPECIFIED = 0; JANUARY = 1; FEBRUARY = 2; MARCH = 3; APRIL = 4; MAY = 5; JUNE = 6; JULY = 7; AUGUST = 8;
  SEPTEMBER = 9; OCTOBER = 10; NOVEMBER = 11; DECEMBER = 12;
}`;

/** What schemas say of themselves, which no record holds. */
const OPTIONS = "google/protobuf/descriptor.proto";

const KNOWN = new Set([
  OPTIONS,
  ...["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"].map((name) =>
    `google/protobuf/${name}.proto`
  ),
  ...[
    "color",
    "date",
    "datetime",
    "dayofweek",
    "decimal",
    "fraction",
    "interval",
    "latlng",
    "money",
    "month",
    "timeofday",
  ]
    .map((name) => `google/type/${name}.proto`),
  "confluent/type/decimal.proto",
  "confluent/types/decimal.proto",
]);

/** Whether a file is one of those; a registry may have it all the same. */
export function isKnownFile(name: string): boolean {
  return KNOWN.has(name);
}

/** Whether a file is given as its text, not as its descriptor in base64. */
export function isText(file: string): boolean {
  return /[{};]/.test(file);
}

/** Adds all of them, that of the options only where one of the `files` may ask for it. */
export function addKnownFiles(library: typeof protobuf, root: protobuf.Root, files: readonly string[]): void {
  for (const { nested } of Object.values(library.common).filter(isFile)) root.addJSON(nested);
  for (const text of [CONFLUENT_TYPES, GOOGLE_TYPES]) library.parse(text, root, { keepCase: true });
  if (files.some((file) => !isText(file) || file.includes(OPTIONS))) root.addJSON(descriptorJson.nested);
}

function isFile(value: unknown): value is { readonly nested: Record<string, protobuf.AnyNestedObject> } {
  return typeof value === "object" && value !== null && "nested" in value;
}
