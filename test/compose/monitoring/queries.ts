import { readdirSync, readFileSync } from "node:fs";
import { z } from "zod";

/** The folder that these tests are about. */
export const MONITORING = "compose/monitoring";

const datasourceSchema = z.object({ type: z.string(), uid: z.string() });
const targetSchema = z.object({ expr: z.string(), legendFormat: z.string().optional(), datasource: datasourceSchema });
const targetsSchema = z.array(targetSchema).default([]);
const panelSchema = z.object({ id: z.number(), title: z.string(), type: z.string(), targets: targetsSchema });
const querySchema = z.union([z.string(), z.object({ query: z.string() }).transform(({ query }) => query)]);
const variableSchema = z.object({ name: z.string(), type: z.string(), query: querySchema });
const dashboardSchema = z.object({
  uid: z.string(),
  title: z.string(),
  templating: z.object({ list: z.array(variableSchema) }),
  panels: z.array(panelSchema),
});

export type Dashboard = z.infer<typeof dashboardSchema> & { file: string; text: string };

export function readDashboards(): Dashboard[] {
  return readdirSync(`${MONITORING}/grafana/dashboards`).map((file) => {
    const text = readFileSync(`${MONITORING}/grafana/dashboards/${file}`, "utf8");
    return { ...dashboardSchema.parse(JSON.parse(text)), file, text };
  });
}

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

/** A metric in a query, with the labels and the values that are compared with `=`. */
export interface NamedMetric {
  name: string;
  labels: string[];
  values: [string, string][];
}

/** Finds the metrics of these families in a query. `by` labels and shown labels must exist in one of them, see the test. */
export function findMetrics(expression: string, families: RegExp): NamedMetric[] {
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
export function findGroupLabels(expression: string): string[] {
  const groups = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, labels = ""]) => labels.split(", "));
  return groups.filter((label) => label !== "le");
}
