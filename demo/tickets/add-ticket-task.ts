import type { Item } from "../../simulators/plane/types.ts";
import type { Stage } from "../scenes.ts";
import { type DemoTicket, TICKET_LABEL } from "./ticket-scripts.ts";

/** Adds a work item that requests a ticket, as Ada would in Plane. */
export function addTicketTask({ plane, platform, human }: Stage, { title, description }: DemoTicket): Item {
  const fields = { name: title, description_html: `<p>${description}</p>`, state: "Todo", labels: [TICKET_LABEL] };
  return plane.addItem(platform, fields, { by: human });
}

/** The keys of the open work items that request tickets. */
export function listOpenTicketTasks({ plane, platform }: Pick<Stage, "plane" | "platform">): string[] {
  const label = plane.labels(platform).find(({ name }) => name === TICKET_LABEL);
  const closed = plane.states(platform).flatMap(({ id, group }) => (isClosed(group) ? [id] : []));
  return plane
    .items(platform)
    .filter(({ labels, state }) => label !== undefined && labels.includes(label.id) && !closed.includes(state))
    .map(({ sequence_id }) => `${platform.identifier}-${sequence_id}`);
}

function isClosed(group: string): boolean {
  return group === "completed" || group === "cancelled";
}
