import assert from "node:assert/strict";
import { test } from "node:test";

import { openapiOf } from "#api/openapi.ts";
import { pathNames } from "#api/route.ts";
import type { Route } from "#api/route.ts";
import { apiRoutes } from "#api/routes.ts";

type Parameter = { name: string; in: string; required: boolean; schema: object };
type Operation = {
  operationId: string;
  parameters: Parameter[];
  requestBody?: { content: { "application/json": { schema: { properties: object; required: string[] } } } };
  responses: Record<string, { description: string }>;
};
const document = openapiOf(apiRoutes) as {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
};
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

test("every route is an operation of its own, under its method and path", () => {
  const found = operations.map(({ path, method, operation }) => `${operation.operationId} ${method} ${path}`);
  const meant = Object.entries<Route>(apiRoutes).map(
    ([name, { method, path }]) => `${name} ${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`,
  );
  assert.deepEqual(found.toSorted(), meant.toSorted());
});

test("every member of a route's input has its place: path, query or body", () => {
  for (const { method, path, operation } of operations) {
    const route: Route = apiRoutes[operation.operationId as keyof typeof apiRoutes];
    const inPath = operation.parameters.filter((each) => each.in === "path");
    assert.deepEqual(
      inPath.map(({ name, required }) => [name, required]),
      pathNames(route.path).map((name) => [name, true]),
    );
    for (const { name, schema } of inPath) {
      assert.ok(path.includes(`{${name}}`));
      assert.notDeepEqual(schema, {}, `${operation.operationId}: ${name} is no member of its input`);
    }
    const body = operation.requestBody?.content["application/json"].schema;
    if (method === "get") assert.equal(body, undefined);
    const shape = Object.keys((route.input as unknown as { shape: object }).shape);
    const placed = [...operation.parameters.map(({ name }) => name), ...Object.keys(body?.properties ?? {})];
    assert.deepEqual(placed.toSorted(), shape.toSorted(), operation.operationId);
  }
});

test("the document has what OpenAPI 3.1 asks for", () => {
  assert.match(document.openapi, /^3\.1\.\d+$/);
  assert.ok(document.info.title !== "" && document.info.version !== "");
  for (const path of Object.keys(document.paths)) assert.match(path, /^\//);
  for (const { operation } of operations) {
    assert.ok(operation.responses["200"] !== undefined, operation.operationId);
    for (const { description } of Object.values(operation.responses)) assert.equal(typeof description, "string");
    const parameters = operation.parameters.map(({ name, in: place }) => `${place} ${name}`);
    assert.equal(new Set(parameters).size, parameters.length);
  }
  // Templated paths that differ in the names only are one path to a router.
  const shapes = operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, "{}")}`);
  assert.equal(new Set(shapes).size, shapes.length);
});

test("every reference in it leads somewhere", () => {
  const text = JSON.stringify(document);
  for (const [, reference = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = reference.split("/").reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], document);
    assert.notEqual(found, undefined, reference);
  }
});
