import * as z from "zod";

import { failure } from "#api/failure.ts";
import { httpStatus } from "#api/http-status.ts";
import { pathNames } from "#api/route.ts";
import type { Route, Routes } from "#api/route.ts";

/** Where the server gives the document. */
export const OPENAPI_PATH = "/v1/openapi.json";

type Json = Readonly<Record<string, unknown>>;

/** The version of the API that the routes under `/v1` have. */
const API_VERSION = "1";

/**
 * The OpenAPI document of routes.
 *
 * @see OpenAPI Specification 3.1.1; its schemas are JSON Schema 2020-12
 */
export function openapiOf(routes: Routes): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [name, route] of Object.entries(routes)) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(name, route);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Lockstep key side",
      version: API_VERSION,
      description: "Served on a UNIX socket. docs/key-side.md says how, docs/key-roles.md who may ask for what.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "64 hex digits" } },
      schemas: { Failure: schemaOf(failure, "output") },
    },
  };
}

function operation(name: string, route: Route): Json {
  const { method, path, summary, askers, secondPerson, input, reply } = route;
  const anybody = askers.includes("anybody");
  const second = secondPerson === true ? " Where there are several custodians, another one must approve it." : "";
  const named = pathNames(path);
  const { properties, required } = membersOf(input);
  const others = Object.entries(properties).filter(([member]) => !named.includes(member));
  return {
    operationId: name,
    summary,
    description: `For: ${askers.join(", ")}.${second}`,
    tags: [name.split(".")[0]],
    security: anybody ? [{}, { token: [] }] : [{ token: [] }],
    parameters: [
      ...named.map((member) => ({ name: member, in: "path", required: true, schema: properties[member] ?? {} })),
      ...(method === "GET"
        ? others.map(([member, schema]) => ({ name: member, in: "query", required: required.has(member), schema }))
        : []),
    ],
    ...(method === "GET" || others.length === 0 ? {} : { requestBody: bodyOf(Object.fromEntries(others), required) }),
    responses: {
      "200": { description: "Done", content: { "application/json": { schema: schemaOf(reply, "output") } } },
      default: {
        description: `A failure; its status follows from the kind: ${statuses}`,
        content: { "application/json": { schema: { $ref: "#/components/schemas/Failure" } } },
      },
    },
  };
}

const statuses = Object.entries(httpStatus)
  .map(([kind, status]) => `${kind} ${status}`)
  .join(", ");

function bodyOf(properties: Json, required: ReadonlySet<string>): Json {
  const needed = Object.keys(properties).filter((member) => required.has(member));
  const schema = { type: "object", properties, required: needed, additionalProperties: false };
  return { required: true, content: { "application/json": { schema } } };
}

/** The members of a route's input. */
function membersOf(input: z.ZodType): {
  readonly properties: Readonly<Record<string, Json>>;
  readonly required: ReadonlySet<string>;
} {
  const { properties = {}, required = [] } = schemaOf(input, "input");
  return { properties: properties as Record<string, Json>, required: new Set(required as string[]) };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12", io });
  return rest;
}
