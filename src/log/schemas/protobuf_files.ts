// The messages of a Protobuf schema: its file with all that it imports, as protobufjs reads them. A registry gives a file as its
// text, or as its descriptor in base64.

import protobuf from "protobufjs";
import descriptor, { type IDescriptorContext, type IFileDescriptorProto } from "protobufjs/ext/descriptor.js";
import { addKnownFiles, isKnownFile, isText } from "./known_protobuf.ts";
import type { SchemaSource } from "./mod.ts";

/** What a descriptor says of its language, by the number of its edition. */
const EDITIONS: Readonly<Record<number, string>> = { 1000: "2023", 1001: "2024" };

/** The messages that the schema's own file declares outside of others, in its order. Throws what is wrong with it. */
export function messagesOf({ schema, references }: SchemaSource): readonly protobuf.Type[] {
  const root = new protobuf.Root();
  const others = references.filter(({ name }) => !isKnownFile(name)).map((reference) => reference.schema);
  addKnownFiles(protobuf, root, [schema, ...others]);
  for (const text of others) addFile(root, text);
  const names = addFile(root, schema);
  root.resolveAll();
  return names.map((name) => root.lookupType(name));
}

/** Adds a file; returns the full names of the messages that it declares outside of others. */
function addFile(root: protobuf.Root, text: string): readonly string[] {
  if (isText(text)) {
    protobuf.parse(text, root, { keepCase: true });
    // By itself once more: in the root messages of several files of one package lie together.
    return messagesIn(protobuf.parse(text, new protobuf.Root(), { keepCase: true }).root);
  }
  return addDescriptor(root, Uint8Array.fromBase64(text));
}

function messagesIn(namespace: protobuf.NamespaceBase): string[] {
  return namespace.nestedArray.flatMap((nested) => {
    if (nested instanceof protobuf.Type) return [nested.fullName];
    // What is a namespace and nothing more is a part of the package's name.
    return nested instanceof protobuf.Namespace && !(nested instanceof protobuf.Service) ? messagesIn(nested) : [];
  });
}

function addDescriptor(root: protobuf.Root, bytes: Uint8Array): readonly string[] {
  // protobufjs has no types for what it reflects: its own description of this one is in the same module.
  const file = descriptor.FileDescriptorProto.decode(bytes) as protobuf.Message & IFileDescriptorProto;
  const place = file.package ? root.define(file.package) : root;
  const { syntax = "proto2", edition = 0 } = file;
  const language = syntax === "editions" ? EDITIONS[Number(edition)] : syntax;
  if (language === undefined) throw new TypeError(`The edition ${edition} of Protobuf is not known`);
  const options: object = file.options ?? {};
  const features = "features" in options ? options.features as IDescriptorContext["features"] : undefined;
  const context = { edition: language, features, keepCase: true };
  const messages = file.messageType?.map((one) => protobuf.Type.fromDescriptor(one, context)) ?? [];
  for (const message of messages) place.add(message);
  for (const one of file.enumType ?? []) place.add(protobuf.Enum.fromDescriptor(one, context));
  return messages.map(({ fullName }) => fullName);
}
