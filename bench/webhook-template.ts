import { z } from "zod";
import type { BenchSimulators } from "./simulators.ts";

/** The parameters of the load besides the receiver's address. */
export interface WebhookTemplate {
  secret: string;
  /** A body with the placeholders that load.ts fills in. */
  template: string;
  /** Ids of the work items that the bodies name. */
  items: string[];
}

const datedSchema = z.object({ data: z.object({ updated_at: z.string() }) });

/** Creates a template of `size` bytes from a delivery of the simulated Plane, for `count` new work items. */
export function createWebhookTemplate(
  { plane, fillProject }: BenchSimulators,
  secret: string,
  size: number,
  count: number,
): WebhookTemplate {
  const { items } = fillProject("MAIL", count, () => ({ state: "Todo" }));
  const [item] = items;
  if (!item) throw new Error("The bench needs at least one item.");
  plane.editItem(item, { priority: "urgent", description_html: "<p>{{text}}</p>" });
  plane.runWorker();
  const body = plane.deliveries.pending.find(({ field }) => field === "priority")?.body ?? "";
  plane.deliveries.dropAll();
  const time = datedSchema.parse(JSON.parse(body)).data.updated_at;
  const template = body
    .replaceAll(item.id, "{{id}}")
    .replaceAll('"urgent"', '"{{priority}}"')
    .replace(`"updated_at": "${time}"`, '"updated_at": "{{time}}"');
  if (!["{{id}}", "{{priority}}", "{{time}}", "{{text}}"].every((placeholder) => template.includes(placeholder)))
    throw new Error("The webhook of the simulated Plane does not have the expected form.");
  const filled = template.replaceAll("{{id}}", item.id).replaceAll("{{priority}}", "high").replace("{{time}}", time);
  const parts = filled.split("{{text}}");
  const paddingLength = (size - parts.join("").length) / (parts.length - 1);
  return {
    secret,
    template: template.replaceAll("{{text}}", "x".repeat(paddingLength)),
    items: items.map(({ id }) => id),
  };
}
