import assert from "node:assert/strict";
import { test } from "node:test";

import { textWidth } from "#cli/output/table-width.ts";
import { formatTable } from "#cli/output/table.ts";

test("columns line up, numbers at the right, and no line ends with a space", () => {
  const columns = [{ title: "MACHINE" }, { title: "SIZE", align: "right" }, { title: "LIGHT" }] as const;
  const rows = [
    ["web01", "40.0 GiB", "green"],
    ["a-longer-name", "7 B", ""],
  ];
  assert.deepEqual(formatTable(columns, rows), [
    "MACHINE            SIZE  LIGHT",
    "web01          40.0 GiB  green",
    "a-longer-name       7 B",
  ]);
});

test("a table without titles has none, and one without rows is its titles", () => {
  assert.deepEqual(formatTable([{}, {}], [["vault", "/backup"]]), ["vault  /backup"]);
  assert.deepEqual(formatTable([{ title: "NAME" }], []), ["NAME"]);
  assert.deepEqual(formatTable([{}], []), []);
});

test("wide letters take two columns, marks none", () => {
  for (const [text, width] of [
    ["", 0],
    ["web01", 5],
    ["Zürich", 6],
    ["Zu\u0308rich", 6],
    ["数据库", 6],
    ["ｗｅｂ", 6],
    ["데이터", 6],
    ["データ", 6],
    ["𠮷", 2],
    ["👍🏽", 2],
    ["👨‍👩‍👧", 2],
    ["❤️", 2],
    ["🇨🇭", 2],
    ["นี้", 1],
    ["\u200d", 0],
    ["✓ ok", 4],
  ] as const) {
    assert.equal(textWidth(text), width, text);
  }
  assert.deepEqual(
    formatTable(
      [{}, {}],
      [
        ["数据库", "a"],
        ["db", "b"],
      ],
    ),
    ["数据库  a", "db      b"],
  );
});

test("what a cell holds cannot break out of its line", () => {
  assert.deepEqual(formatTable([{}, {}], [["a\nb\u001b[A", "c"]]), ["a\\x0ab\\x1b[A  c"]);
});
