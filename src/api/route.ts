import type { z } from "zod";

/** Who may ask. "anybody" is every process that can open the socket, which the file system decides. */
export type Asker = "custodian" | "auditor" | "backup" | "machine" | "anybody";

/**
 * One thing that can be asked of the key side: the server, the client, the OpenAPI document and the table of who may do what
 * all come from this.
 */
export type Route<Input extends z.ZodType = z.ZodType, Reply extends z.ZodType = z.ZodType> = {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** `:name` stands for a member of the input; the others are in the body, or of a GET in the query. */
  readonly path: `/v1/${string}`;
  /** What it does, in a line. */
  readonly summary: string;
  readonly askers: readonly Asker[];
  /** Set where a second custodian must approve this very request. */
  readonly secondPerson?: true;
  /** Set where nothing about it goes into the audit log: reads of what is no secret, each of many a minute. */
  readonly unaudited?: true;
  /** An object. */
  readonly input: Input;
  readonly reply: Reply;
};

/** Routes by their names, such as `key.reveal`. */
export type Routes = { readonly [name: string]: Route };

/** Keeps the exact types of a group of routes. */
export function routes<const Group extends Routes>(group: Group): Group {
  return group;
}

/** The names in a route's path. */
export function pathNames(path: string): string[] {
  return [...path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? "");
}
