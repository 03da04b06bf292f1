import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";

/** The folder that these tests are about. */
export const MONITORING = "compose/monitoring";

const datasourceSchema = z.object({ type: z.string(), uid: z.string() });
const targetSchema = z.object({ expr: z.string(), legendFormat: z.string().optional(), datasource: datasourceSchema });
const targetsSchema = z.array(targetSchema).default([]);
const panelSchema = z.object({ id: z.number(), title: z.string(), type: z.string(), targets: targetsSchema });
const querySchema = z.union([z.string(), z.object({ query: z.string() }).transform(({ query }) => query)]);
const variableSchema = z.object({ name: z.string(), type: z.string(), query: querySchema });
const templatingSchema = z.object({ list: z.array(variableSchema) });
const dashboardSchema = z.object({ title: z.string(), templating: templatingSchema, panels: z.array(panelSchema) });
const DASHBOARDS = `${MONITORING}/grafana/dashboards`;

const readDashboards = () =>
  readdirSync(DASHBOARDS).map((file) =>
    dashboardSchema.parse(JSON.parse(readFileSync(`${DASHBOARDS}/${file}`, "utf8"))),
  );

/** A query for Prometheus, with the labels that its legend or variable shows. */
export interface PromQuery {
  /** Where it is: the dashboard's and panel's titles, or the alert's name. */
  place: string;
  expression: string;
  shownLabels: string[];
}

/** The queries of all panels and variables, with Grafana's own variables replaced as Grafana does. */
export function listDashboardQueries(type: "prometheus" | "loki"): PromQuery[] {
  return readDashboards().flatMap(({ title, panels, templating }) => [
    ...panels.flatMap((panel) =>
      panel.targets
        .filter(({ datasource }) => datasource.type === type)
        .map(({ expr, legendFormat = "" }) => ({
          place: `${title} / ${panel.title}`,
          expression: fillVariables(expr),
          shownLabels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label),
        })),
    ),
    ...templating.list
      .filter((variable) => type === "prometheus" && variable.type === "query")
      .map(({ name, query }) => {
        const [, expression = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
        return { place: `${title} / $${name}`, expression, shownLabels: [label] };
      }),
  ]);
}

function fillVariables(expression: string): string {
  return expression.replaceAll(/\$__(rate_interval|range|interval)/g, "5m").replaceAll(/"\$(agent|project)"/g, '".*"');
}

/** Reads the alerts of both rule files, which promtool checks: one key per line. */
export function readAlertRules() {
  return readdirSync(`${MONITORING}/rules`).flatMap((file) => {
    const [, ...rules] = readFileSync(`${MONITORING}/rules/${file}`, "utf8").split("      - alert: ");
    return rules.map((rule) => ({
      alert: /^\w+/.exec(rule)?.[0] ?? "",
      expr: (/^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)/m.exec(rule) ?? []).slice(1).join("").trim(),
      for: /^ {8}for: (\w+)$/m.exec(rule)?.[1] ?? "0m",
      // Groundcrew notices it by itself, so Alertmanager does not send it again.
      isSaidByGroundcrew: /^ {8}labels: .*said_by: groundcrew/m.test(rule),
      runbook: /^ {10}runbook_url: (\S+)$/m.exec(rule)?.[1] ?? "",
      // What it means and what to do, as one line.
      description: (/^ {10}description: >-\n((?: {12}.*\n)+)/m.exec(rule)?.[1] ?? "").trim().replaceAll(/\n +/g, " "),
    }));
  });
}

export function listRuleQueries(): PromQuery[] {
  return readAlertRules().map(({ alert, expr }) => ({ place: alert, expression: expr, shownLabels: [] }));
}

/**
 * Finds the metrics of these families in a query, with the labels and the values that are compared with `=`. `by` labels and shown labels must exist in one of them, see the test. */
export function findMetrics(expression: string, families: RegExp) {
  return [...expression.matchAll(/\b([a-z]\w*)(?:\{([^}]*)\})?/g)]
    .filter(([, name = ""]) => families.test(name))
    .map(([, name = "", matchers = ""]) => {
      const parsed = [...matchers.matchAll(/(\w+)(=~|!=|!~|=)"([^"]*)"/g)];
      return {
        name,
        labels: parsed.map(([, label = ""]) => label),
        values: parsed
          .filter(([, , operator]) => operator === "=")
          .map(([, label = "", , value = ""]) => [label, value]),
      };
    });
}

/** The labels by which a query groups. */
function findGroupLabels(expression: string): string[] {
  const groups = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, labels = ""]) => labels.split(", "));
  return groups.filter((label) => label !== "le");
}

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

/** Runs promtool in the folder with the rules; returns its exit code and everything it printed. */
export function runPromtool(...args: string[]): { status: number | null; output: string } {
  // Each test of a rule has a database of its own; with less garbage collection they take half the processor time.
  const env = { ...process.env, GOGC: "400" };
  const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: MONITORING, encoding: "utf8", env });
  return { status, output: stdout + stderr };
}

/** Writes a file that promtool reads, in a folder that is removed after the test. JSON is YAML. */
export function writeYaml(content: object): string {
  const folder = createTestFolder("promtool");
  writeFiles(folder, { "file.yaml": content });
  return join(folder, "file.yaml");
}

/** The rule files, as absolute paths. */
export const RULE_FILES = readdirSync(`${MONITORING}/rules`).map((name) => resolve(MONITORING, "rules", name));
