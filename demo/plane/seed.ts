import type { Plane } from "./handle.ts";
import type { Item, Project, User } from "./types.ts";

/** Who and what the demo begins with. */
export interface Demo {
  human: User;
  concierge: User;
  imhotep: User;
  thot: User;
  /** API keys by display name. */
  keys: { human: string; concierge: string; imhotep: string; thot: string };
  office: Project;
  platform: Project;
  /** `blocked` waits for `blocker`. */
  blocked: Item;
  blocker: Item;
}

const DAY = 86_400_000;

/** A small workspace as a team would have it: three agents, one human, two projects, eight tasks, one dependency. */
export function seedDemo(plane: Plane, now: number): Demo {
  const human = plane.addUser({ name: "Ada", lastName: "Moreau", email: "ada@javisi.local.test" });
  const concierge = plane.addUser({ name: "Concierge", lastName: "Agent" });
  const imhotep = plane.addUser({ name: "Imhotep", lastName: "Agent" });
  const thot = plane.addUser({ name: "Thot", lastName: "Agent" });
  const office = plane.addProject({ name: "Onboarding", identifier: "ONB", by: human });
  const platform = plane.addProject({ name: "Platform", identifier: "PLAT", by: human });
  for (const project of [office, platform]) {
    plane.addState(project, { name: "Blocked", group: "started" });
    for (const agent of [concierge, imhotep, thot]) plane.addLabel(project, `agent:${agent.display_name}`);
    plane.addLabel(project, "review", "#f2c94c");
  }
  const by = { by: human };
  const inDays = (days: number): string => new Date(now + days * DAY).toISOString().slice(0, 10);

  plane.addItem(office, { name: "Collect the new colleague's details", state: "Done", assignees: [concierge] }, by);
  plane.addItem(
    office,
    { name: "Book the welcome meeting", state: "Todo", assignees: [concierge], target_date: inDays(2) },
    by,
  );
  plane.addItem(
    office,
    {
      name: "Write the welcome guide",
      state: "Todo",
      labels: ["agent:thot"],
      description_html: "<p>One page, plain words.</p>",
    },
    by,
  );
  plane.addItem(office, { name: "Sign the contract", state: "In Progress", assignees: [human] }, by);
  const blocker = plane.addItem(
    platform,
    {
      name: "Build the container image",
      state: "Todo",
      priority: "high",
      assignees: [imhotep],
      labels: ["agent:imhotep"],
    },
    by,
  );
  const blocked = plane.addItem(
    platform,
    { name: "Deploy it to staging", state: "Todo", priority: "high", assignees: [imhotep], target_date: inDays(3) },
    by,
  );
  plane.addItem(platform, { name: "Document the release steps", state: "Backlog", assignees: [thot] }, by);
  plane.addItem(
    platform,
    { name: "Renew the certificate", state: "Todo", priority: "urgent", target_date: inDays(1) },
    by,
  );
  plane.relate(blocked, blocker, by);
  plane.addComment(blocker, "<p>Use the slim base image, please.</p>", by);
  plane.addCycle(platform, { name: "Sprint 1", start_date: inDays(0), end_date: inDays(14) }, by);
  plane.settle();
  const key = (user: User): string => plane.apiKey(user, user.display_name);
  return {
    human,
    concierge,
    imhotep,
    thot,
    keys: { human: key(human), concierge: key(concierge), imhotep: key(imhotep), thot: key(thot) },
    office,
    platform,
    blocked,
    blocker,
  };
}
