import { expect, test } from "vitest";
import { findGroupLabels, findMetrics, listDashboardQueries, listRuleQueries } from "./queries.ts";
import { runWorkingProduct } from "./working-product.ts";

/** Labels that Prometheus itself adds to each series. */
const TARGET_LABELS = ["job", "instance"];
const FAMILIES = /^(groundcrew|plane)_/;

interface Reported {
  types: Set<string>;
  /** Values by metric and label. */
  labels: Map<string, Map<string, Set<string>>>;
}

function parseMetrics(text: string): Reported {
  const reported: Reported = { types: new Set(), labels: new Map() };
  for (const [, name = ""] of text.matchAll(/^# TYPE (\S+)/gm)) reported.types.add(name);
  for (const [, sample = "", pairs = ""] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const labels = reported.labels.get(toMetric(sample)) ?? new Map<string, Set<string>>();
    for (const [, label = "", value = ""] of pairs.matchAll(/(\w+)="([^"]*)"/g))
      labels.set(label, (labels.get(label) ?? new Set()).add(value));
    reported.labels.set(toMetric(sample), labels);
  }
  return reported;
}

/** The metric of a sample: histograms have three kinds of them. */
const toMetric = (sample: string) => sample.replace(/_seconds_(bucket|sum|count)$/, "_seconds");

/** Lists what queries name and the product does not report. */
function findUnknownNames({ types, labels }: Reported, queries: ReturnType<typeof listRuleQueries>): string[] {
  return queries.flatMap(({ place, expression, shownLabels }) => {
    const metrics = findMetrics(expression, FAMILIES);
    const groupLabels = [...findGroupLabels(expression), ...shownLabels];
    return metrics.flatMap((named) => {
      const name = toMetric(named.name);
      if (!types.has(name)) return [`${place}: ${name}`];
      const known = labels.get(name) ?? new Map();
      const wrongLabels = [...named.labels, ...groupLabels]
        .filter((label) => !known.has(label) && !TARGET_LABELS.includes(label))
        // A label that is shown may belong to another metric of the same panel.
        .filter(
          (label) =>
            named.labels.includes(label) || metrics.every((one) => !labels.get(toMetric(one.name))?.has(label)),
        );
      const wrongValues = named.values.filter(([label, value]) => !known.get(label)?.has(value));
      return [...wrongLabels, ...wrongValues.map((pair) => pair.join("="))].map((what) => `${place}: ${name} ${what}`);
    });
  });
}

test("MONITOR-03 MONITOR-04 The metrics of a product in which agents work contain every name that dashboards and alerts use", async () => {
  const reported = parseMetrics((await runWorkingProduct()).metrics);
  const queries = listDashboardQueries("prometheus");
  expect(queries.filter(({ expression }) => findMetrics(expression, FAMILIES).length > 0).length).toBeGreaterThan(40);
  expect(findUnknownNames(reported, queries)).toEqual([]);
  expect(listRuleQueries().length).toBeGreaterThan(20);
  expect(findUnknownNames(reported, listRuleQueries())).toEqual([]);
  // What does not exist is found.
  const wrong = [
    "max(groundcrew_plane_down)",
    "sum by (color) (groundcrew_tasks)",
    'groundcrew_tasks{agent="Thot"}',
    'groundcrew_tasks{status="asleep"}',
  ].map((expression) => ({ place: "a panel", expression, shownLabels: [] }));
  expect(findUnknownNames(reported, wrong)).toEqual([
    "a panel: groundcrew_plane_down",
    "a panel: groundcrew_tasks color",
    "a panel: groundcrew_tasks agent",
    "a panel: groundcrew_tasks agent=Thot",
    "a panel: groundcrew_tasks status=asleep",
  ]);
});
