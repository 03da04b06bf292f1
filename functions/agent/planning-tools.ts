/**
 * The tools of the Concierge: projects, plans and tasks for others, the agents that could take them, and messages to
 * the human about no single task.
 */

import { z } from "zod";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { PRIORITIES, STATUSES } from "../../shared/task/snapshot.ts";
import { taskChangesSchema } from "../../shared/tasks/edit-task.ts";
import { newMessageSchema } from "../../shared/tasks/people/messages.ts";
import { newTaskSchema, planCostSchema, planSchema } from "../../shared/tasks/plan-record.ts";
import { newProjectSchema } from "../../shared/tasks/planning/create-project.ts";
import { scheduledWorkSchema } from "../../shared/tasks/planning/start-plan.ts";
import { taskAnswerSchema, taskFiltersSchema } from "../../shared/tasks/views/task-list.ts";
import { defineTool, type Tool } from "./tool.ts";

const count = z.number().optional();

/** The tools of the Concierge, in the order in which they are listed. */
export const PLANNING_TOOLS: readonly Tool[] = [
  /** OPENCLAW-08: creates one task. */
  defineTool({
    name: "create_task",
    hasOthersText: true,
    description: "Create a task. Idempotent.",
    allow: "concierge",
    input: newTaskSchema,
    output: taskAnswerSchema,
    run: ({ work }, newTask) => work.create(newTask),
  }),
  /** OPENCLAW-08: changes a task of a plan. Its status is changed with update_task_status. */
  defineTool({
    name: "update_task",
    hasOthersText: true,
    description: "Change fields of a task. Fields you omit stay; null removes a value. Cancel with update_task_status.",
    allow: "concierge",
    input: z.object({ task: z.string(), ...taskChangesSchema.shape }),
    output: taskAnswerSchema,
    run: ({ work }, { task, ...changes }) => work.update(task, changes),
  }),
  /** OPENCLAW-08: creates an empty project that is ready for all agents. */
  defineTool({
    name: "create_project",
    description: "Create a project. Idempotent. May await approval.",
    allow: "concierge",
    input: newProjectSchema,
    output: z.object({
      /** Absent until it exists. */
      id: z.string().optional(),
      /** `ONB` */
      identifier: z.string().optional(),
      name: z.string(),
      awaiting_approval: z.literal(true).optional(),
    }),
    async run({ work }, newProject) {
      const { project, isProposed } = await work.createProject(newProject);
      const { id, identifier, name = newProject.name } = project ?? {};
      return omitUndefined({ id, identifier, name, awaiting_approval: isProposed ? (true as const) : undefined });
    },
  }),
  /** OPENCLAW-08, 11, 14, 17: creates a project with its tasks and dependencies in one call. */
  defineTool({
    name: "plan_project",
    description:
      "Create a plan: project, tasks, dependencies, assignees. Finishes by itself: agents see no task until remaining is 0. Idempotent. Awaits approval first.",
    allow: "concierge",
    input: planSchema,
    output: z.object({
      /** `ONB`; absent until the project has been created. */
      project: z.string().optional(),
      /** In topological order: blockers before their dependants. */
      tasks: z.array(
        z.object({
          id: z.string(),
          key: z.string().optional(),
          title: z.string(),
          assignee: z.string().optional(),
          blocked_by: z.array(z.string()),
        }),
      ),
      /** Keys of the tasks that have been created in Plane. */
      done: z.array(z.string()),
      /** Remaining steps, about one per second; 0 when the plan is complete. */
      remaining: z.number(),
      awaiting_approval: z.literal(true).optional(),
      /** Seconds. */
      retry_after: z.number().optional(),
      problems: z.array(z.string()),
      warnings: z.array(z.string()),
      cost: planCostSchema,
    }),
    run: ({ work }, plan) => work.plan(plan),
  }),
  /** Makes a task recur, which a person approves like a plan. */
  defineTool({
    name: "schedule_work",
    description: "Make work recur: a task at each time. Awaits approval.",
    allow: "concierge",
    input: scheduledWorkSchema,
    output: z.object({
      /** Of the template, once it exists. */
      key: z.string().optional(),
      /** In words, so that misunderstood words show. */
      recurs: z.string(),
      next: z.array(z.string()),
      remaining: z.number(),
      awaiting_approval: z.literal(true).optional(),
    }),
    run: ({ work }, scheduled) => work.schedule(scheduled),
  }),
  /** OPENCLAW-08: lists the projects with their progress. */
  defineTool({
    name: "list_projects",
    hasOthersText: true,
    description: "List all projects with their progress, time and cost, and plans that are not complete.",
    allow: "concierge",
    isReadOnly: true,
    input: z.object({}),
    output: z.object({
      projects: z.array(
        z.object({
          project: z.string(),
          name: z.string(),
          total: z.number(),
          /** Done or cancelled. */
          closed: z.number(),
          in_progress: count,
          blocked: count,
          in_review: count,
          spent_s: count,
          /** In `currency`. */
          cost: count,
        }),
      ),
      /** Plans that are not complete, with the steps that are done. */
      plans: z
        .array(
          z.object({
            title: z.string(),
            project: z.string().optional(),
            state: z.enum(["awaiting_approval", "running", "rejected", "failed"]),
            done: z.number(),
            total: z.number(),
            reason: z.string().optional(),
          }),
        )
        .optional(),
      currency: z.string().optional(),
    }),
    run: ({ work }) => work.projects(),
  }),
  /** OPENCLAW-08: searches the tasks of all agents, so that the Concierge can watch its plans. */
  defineTool({
    name: "list_tasks",
    hasOthersText: true,
    description: "Search the tasks of all projects and agents. Without filters: all open tasks.",
    allow: "concierge",
    isReadOnly: true,
    input: taskFiltersSchema,
    output: z.object({
      tasks: z.array(
        z.object({
          key: z.string(),
          title: z.string(),
          status: z.enum(STATUSES),
          priority: z.enum(PRIORITIES).optional(),
          /** `YYYY-MM-DD` */
          due: z.string().optional(),
          agents: z.array(z.string()).optional(),
          held_by: z.string().optional(),
          in_review: z.literal(true).optional(),
          /** Keys of the open blockers; null while they are not known. */
          blocked_by: z.array(z.string()).nullable().optional(),
        }),
      ),
      /** Number of all matching tasks. */
      total: z.number(),
      next: z.string().optional(),
    }),
    run: ({ work }, filters) => work.search(filters),
  }),
  /** OPENCLAW-08: lists the agents to which work can be assigned. */
  defineTool({
    name: "list_agents",
    hasOthersText: true,
    description: "List the agents: their skills, open tasks, and figures of their past work.",
    allow: "concierge",
    isReadOnly: true,
    input: z.object({}),
    output: z.object({
      agents: z.array(
        z.object({
          name: z.string(),
          role: z.enum(["concierge", "worker"]),
          about: z.string().optional(),
          open: z.number(),
          blocked: z.number(),
          /** Keys of the tasks it has claimed. */
          holds: z.array(z.string()),
          /** Medians over its finished tasks, and its mean confidence. */
          past: z.object({
            finished: z.number(),
            minutes: z.number().optional(),
            cost: z.number().optional(),
            confidence: z.number().optional(),
          }),
        }),
      ),
    }),
    run: async ({ work }) => ({ agents: await work.team() }),
  }),
  /** A message or a question of the Concierge to the human, about no task. */
  defineTool({
    name: "message_human",
    hasOthersText: true,
    description: "Write to the human about no single task, in plain text. The answer to ask wakes you.",
    allow: "concierge",
    input: newMessageSchema,
    output: z.object({
      message: z.string(),
      /** `queued`: it is sent without a further call. `open`: a question without an answer. */
      status: z.enum(["queued", "open", "answered"]),
      answer: z.string().optional(),
      /** The person's requests that neither this message nor an earlier one nor a plan answers. */
      open_wishes: z.array(z.object({ wish: z.string(), text: z.string() })).optional(),
    }),
    run: ({ work }, newMessage) => work.message(newMessage),
  }),
];
