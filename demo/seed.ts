import { DAY } from "../shared/time.ts";
import type { PlaneSimulator } from "../simulators/plane/plane-simulator.ts";
import type { Item, Project, User } from "../simulators/plane/types.ts";
import { DEMO_AGENTS } from "./demo-agents.ts";
import { createDemoTickets, TICKET_LABEL, TICKET_PROJECT } from "./tickets/ticket-scripts.ts";
import { WORKSPACE_TEXTS, type WorkspaceTexts } from "./workspace-texts.ts";

/** The people, projects and tasks with which the demo begins. */
export interface DemoWorkspace {
  texts: WorkspaceTexts;
  tickets: ReturnType<typeof createDemoTickets>;
  human: User;
  concierge: User;
  imhotep: User;
  thot: User;
  /** All agents, by name. */
  agents: ReadonlyMap<string, User>;
  /** The API keys of the human and, by name in lower case, of the agents. */
  keys: { human: string } & Record<string, string>;
  office: Project;
  platform: Project;
  /** `blocked` depends on `blocker`. */
  blocked: Item;
  blocker: Item;
}

/** Fills the workspace of a small team: five agents, one human, two projects, eight tasks, one dependency. */
export function seedDemo(plane: PlaneSimulator, now: number, texts = WORKSPACE_TEXTS.en): DemoWorkspace {
  const { projects, tasks, cycles } = texts;
  const human = plane.addUser({ name: "Ada", lastName: "Moreau", email: "ada@javisi.local.test" });
  const agents = new Map(DEMO_AGENTS.map((name) => [name, plane.addUser({ name, lastName: "Agent" })]));
  const concierge = getAgent(agents, "Concierge");
  const imhotep = getAgent(agents, "Imhotep");
  const thot = getAgent(agents, "Thot");
  const office = plane.addProject({ name: projects.office, identifier: "ONB", by: human });
  const platform = plane.addProject({ name: projects.platform, identifier: TICKET_PROJECT, by: human });
  for (const project of [office, platform]) {
    plane.addState(project, { name: "Blocked", group: "started" });
    for (const agent of agents.values()) plane.addLabel(project, `agent:${agent.display_name}`);
    plane.addLabel(project, "review", "#f2c94c");
  }
  plane.addLabel(platform, TICKET_LABEL, "#d97757");
  const asHuman = { by: human };
  const inDays = (days: number): string => new Date(now + days * DAY).toISOString().slice(0, 10);

  plane.addItem(office, { name: tasks.details, state: "Done", assignees: [concierge] }, asHuman);
  plane.addItem(
    office,
    { name: tasks.meeting, state: "Todo", assignees: [concierge], target_date: inDays(2) },
    asHuman,
  );
  plane.addItem(
    office,
    {
      name: tasks.guide,
      state: "Todo",
      labels: ["agent:thot"],
      description_html: `<p>${texts.guideDescription}</p>`,
    },
    asHuman,
  );
  plane.addItem(office, { name: tasks.contract, state: "In Progress", assignees: [human] }, asHuman);
  const blocker = plane.addItem(
    platform,
    {
      name: tasks.image,
      state: "Todo",
      priority: "high",
      assignees: [imhotep],
      labels: ["agent:imhotep"],
    },
    asHuman,
  );
  const blocked = plane.addItem(
    platform,
    { name: tasks.deploy, state: "Todo", priority: "high", assignees: [imhotep], target_date: inDays(3) },
    asHuman,
  );
  plane.addItem(platform, { name: tasks.release, state: "Todo", assignees: [thot] }, asHuman);
  plane.addItem(
    platform,
    { name: tasks.certificate, state: "Todo", priority: "urgent", target_date: inDays(1) },
    asHuman,
  );
  plane.relate(blocked, blocker, asHuman);
  plane.addComment(blocker, `<p>${texts.imageComment}</p>`, asHuman);
  plane.addCycle(platform, { name: cycles.sprint, start_date: inDays(0), end_date: inDays(14) }, asHuman);
  plane.runWorker();
  const createKey = (user: User): string => plane.createApiKey(user, user.display_name);
  return {
    texts,
    tickets: createDemoTickets(texts),
    human,
    concierge,
    imhotep,
    thot,
    agents,
    keys: {
      human: createKey(human),
      ...Object.fromEntries([...agents.values()].map((agent) => [agent.display_name, createKey(agent)])),
    },
    office,
    platform,
    blocked,
    blocker,
  };
}

function getAgent(agents: ReadonlyMap<string, User>, name: string): User {
  const agent = agents.get(name);
  if (!agent) throw new Error(`The demo has no agent ${name}.`);
  return agent;
}
