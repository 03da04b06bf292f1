import { readFileSync } from "node:fs";
import { z } from "zod";
import { renderCode, renderTable } from "./markdown.ts";

const dashboardSchema = z.object({
  panels: z.array(z.object({ type: z.string(), title: z.string(), targets: z.array(z.object({ expr: z.string() })) })),
});

/** The queries of the dashboard of logs; `$correlation` and `$text` are its fields. */
export function renderLogQueries(): string {
  const text = readFileSync("compose/monitoring/grafana/dashboards/groundcrew-logs.json", "utf8");
  const panels = dashboardSchema.parse(JSON.parse(text)).panels.filter(({ type }) => type === "logs");
  const rows = panels.map(({ title, targets }) => [
    title,
    targets
      .map(({ expr }) => renderCode(expr.replaceAll(/`([^`]*)`/g, (_, text: string) => JSON.stringify(text))))
      .join(", "),
  ]);
  return renderTable(["Panel", "Query"], rows);
}
