import { z } from "zod";
import type { BenchSimulators } from "./simulators.ts";

/** What the load needs to know besides where it goes. */
export interface WebhookTemplate {
  secret: string;
  /** A body with places for what tells one from another, see load.ts. */
  template: string;
  /** Ids of the work items the bodies are about. */
  items: string[];
}

const datedSchema = z.object({ data: z.object({ updated_at: z.string() }) });

/** A delivery of the in-memory Plane, of so many bytes, about items that are there. */
export function createWebhookTemplate(
  { plane, fillProject }: BenchSimulators,
  secret: string,
  size: number,
  count: number,
): WebhookTemplate {
  const { items } = fillProject("MAIL", count, () => ({ state: "Todo" }));
  const [item] = items;
  if (!item) throw new Error("no item");
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
    throw new Error("the delivery has another form than expected");
  const filled = template.replaceAll("{{id}}", item.id).replaceAll("{{priority}}", "high").replace("{{time}}", time);
  const parts = filled.split("{{text}}");
  const paddingLength = (size - parts.join("").length) / (parts.length - 1);
  return {
    secret,
    template: template.replaceAll("{{text}}", "x".repeat(paddingLength)),
    items: items.map(({ id }) => id),
  };
}
