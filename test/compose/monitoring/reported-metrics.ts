import { findGroupLabels, findMetrics, type PromQuery } from "./queries.ts";

/** Labels that Prometheus itself adds to each series. */
const TARGET_LABELS = ["job", "instance"];

/** What a program reports: the names of its metrics, and their values by metric and label. */
export interface ReportedMetrics {
  types: Set<string>;
  labels: Map<string, Map<string, Set<string>>>;
}

/** Reads Prometheus' text format. */
export function parseMetrics(text: string): ReportedMetrics {
  const reported: ReportedMetrics = { types: new Set(), labels: new Map() };
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

/** Lists what queries name of these families and the program does not report. */
export function findUnknownNames(
  { types, labels }: ReportedMetrics,
  queries: readonly PromQuery[],
  families: RegExp,
): string[] {
  return queries.flatMap(({ place, expression, shownLabels }) => {
    const metrics = findMetrics(expression, families);
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
