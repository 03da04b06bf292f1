import { z } from "zod";
import type { Outside } from "./outside.ts";

/** What the load needs to know besides where it goes. */
export interface Mail {
  secret: string;
  /** A body with places for what tells one from another, see load.ts. */
  template: string;
  /** Ids of the work items the bodies are about. */
  items: string[];
}

const dated = z.object({ data: z.object({ updated_at: z.string() }) });

/** A delivery of the in-memory Plane, of so many bytes, about items that are there. */
export function mailOf({ plane, fill }: Outside, secret: string, size: number, count: number): Mail {
  const { items } = fill("MAIL", count, () => ({ state: "Todo" }));
  const [item] = items;
  if (!item) throw new Error("no item");
  plane.editItem(item, { priority: "urgent", description_html: "<p>{{text}}</p>" });
  plane.settle();
  const body = plane.deliveries.pending.find(({ field }) => field === "priority")?.body ?? "";
  plane.deliveries.dropAll();
  const time = dated.parse(JSON.parse(body)).data.updated_at;
  const places = body
    .replaceAll(item.id, "{{id}}")
    .replaceAll('"urgent"', '"{{priority}}"')
    .replace(`"updated_at": "${time}"`, '"updated_at": "{{time}}"');
  if (!["{{id}}", "{{priority}}", "{{time}}", "{{text}}"].every((place) => places.includes(place)))
    throw new Error("the delivery has another form than expected");
  const filled = places.replaceAll("{{id}}", item.id).replaceAll("{{priority}}", "high").replace("{{time}}", time);
  const parts = filled.split("{{text}}");
  const missing = (size - parts.join("").length) / (parts.length - 1);
  return { secret, template: places.replaceAll("{{text}}", "x".repeat(missing)), items: items.map(({ id }) => id) };
}
