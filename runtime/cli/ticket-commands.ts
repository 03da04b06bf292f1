import type { ToolField, ToolSpec } from "./tool-specs.ts";

/** A request of `groundcrew tickets`; `:ticket` in the path is the ticket's key. */
interface TicketRequest {
  method: "GET" | "POST";
  path: string;
}

const createField = (name: string, description: string, more: Partial<ToolField> = {}): ToolField => ({
  name,
  kind: "text",
  required: true,
  nullable: false,
  description,
  ...more,
});
const ticketField = createField("task", "the ticket's key, such as ONB-12");

/** The commands of `groundcrew tickets`, with the route that each calls. */
const TICKET_COMMANDS: Record<string, { request: TicketRequest; spec: Omit<ToolSpec, "name"> }> = {
  list: {
    request: { method: "GET", path: "/api/pending-tickets" },
    spec: { description: "Lists the tickets that wait for approval.", fields: [] },
  },
  sessions: {
    request: { method: "GET", path: "/api/sessions" },
    spec: { description: "Lists sessions, their questions, and the connected runners.", fields: [] },
  },
  completed: {
    request: { method: "GET", path: "/api/completed-tickets" },
    spec: { description: "Lists the tickets that have a result.", fields: [] },
  },
  approve: {
    request: { method: "POST", path: "/api/approve/:ticket" },
    spec: {
      description: "Approves a ticket: its session starts.",
      fields: [ticketField, createField("hash", "hash of the version that was read", { required: false })],
    },
  },
  reject: {
    request: { method: "POST", path: "/api/reject/:ticket" },
    spec: {
      description: "Rejects a ticket.",
      fields: [ticketField, createField("reason", "why", { required: false })],
    },
  },
  answer: {
    request: { method: "POST", path: "/api/sessions/:ticket/answer" },
    spec: {
      description: "Answers a question of a session.",
      fields: [
        ticketField,
        createField("question", "id of the question"),
        createField("answer", "allow, deny, resume, or a text"),
      ],
    },
  },
  complete: {
    request: { method: "POST", path: "/api/sessions/:ticket/complete" },
    spec: {
      description: "Completes a ticket; its session is stopped.",
      fields: [ticketField, createField("summary", "what was done")],
    },
  },
  cancel: {
    request: { method: "POST", path: "/api/sessions/:ticket/cancel" },
    spec: { description: "Cancels a ticket; its session is stopped.", fields: [ticketField] },
  },
  extend: {
    request: { method: "POST", path: "/api/sessions/:ticket/extend" },
    spec: {
      description: "Gives a session more time.",
      fields: [ticketField, createField("minutes", "minutes", { kind: "number", required: false })],
    },
  },
  update: {
    request: { method: "POST", path: "/api/update-plane/:ticket" },
    spec: {
      description: "Approves the update of Plane with a ticket's result, and writes it.",
      fields: [ticketField, createField("summary", "replaces the summary of the completion", { required: false })],
    },
  },
  remove: {
    request: { method: "POST", path: "/api/sessions/:ticket/remove" },
    spec: {
      description: "Removes the worktree of a ticket.",
      fields: [
        ticketField,
        createField("force", "also with changes that are not merged", { kind: "boolean", required: false }),
      ],
    },
  },
  add: {
    request: { method: "POST", path: "/api/test/add-ticket" },
    spec: {
      description: "Adds a ticket for a test; needs ALLOW_TEST_TICKETS=1.",
      fields: [
        createField("id", "its key, such as ONB-12"),
        createField("uuid", "Plane's id of the work item"),
        createField("project_id", "Plane's id of the project"),
        createField("title", "its title"),
        createField("description", "its text; - reads standard input", { required: false }),
        createField("trigger_type", "is accepted, and is always test", { required: false }),
        createField("created_at", "when it was created, ISO 8601", { required: false }),
      ],
    },
  },
};

/** The commands of `groundcrew tickets`, as specs for parsing and for help. */
export function listTicketCommands(): ToolSpec[] {
  return Object.entries(TICKET_COMMANDS).map(([name, { spec }]) => ({ ...spec, name }));
}

/** The request of a command with its parsed input. */
export function toTicketRequest(name: string, { task, ...body }: Record<string, unknown>) {
  const request = TICKET_COMMANDS[name]?.request ?? { method: "GET", path: "/api/pending-tickets" };
  return { ...request, path: request.path.replace(":ticket", encodeURIComponent(String(task))), body };
}
