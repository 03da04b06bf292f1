import { expect, test } from "vitest";
import { findMetrics, listDashboardQueries, listRuleQueries } from "./queries.ts";
import { findUnknownNames, parseMetrics } from "./reported-metrics.ts";
import { runWorkingProduct } from "./working-product.ts";

const FAMILIES = /^(groundcrew|plane)_/;

test("MONITOR-03 MONITOR-04 The metrics of a product in which agents work contain every name that dashboards and alerts use", async () => {
  const reported = parseMetrics((await runWorkingProduct()).metrics);
  const queries = listDashboardQueries("prometheus");
  expect(queries.filter(({ expression }) => findMetrics(expression, FAMILIES).length > 0).length).toBeGreaterThan(40);
  expect(findUnknownNames(reported, queries, FAMILIES)).toEqual([]);
  expect(listRuleQueries().length).toBeGreaterThan(20);
  expect(findUnknownNames(reported, listRuleQueries(), FAMILIES)).toEqual([]);
  // What does not exist is found.
  const wrong = [
    "max(groundcrew_plane_down)",
    "sum by (color) (groundcrew_tasks)",
    'groundcrew_tasks{agent="Thot"}',
    'groundcrew_tasks{status="asleep"}',
  ].map((expression) => ({ place: "a panel", expression, shownLabels: [] }));
  expect(findUnknownNames(reported, wrong, FAMILIES)).toEqual([
    "a panel: groundcrew_plane_down",
    "a panel: groundcrew_tasks color",
    "a panel: groundcrew_tasks agent",
    "a panel: groundcrew_tasks agent=Thot",
    "a panel: groundcrew_tasks status=asleep",
  ]);
});
