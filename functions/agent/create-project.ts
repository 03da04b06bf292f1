import { z } from "zod";
import { defineTool } from "./tool.ts";

/** OPENCLAW-08: creates an empty project that is ready for all agents. */
export const createProjectTool = defineTool({
  name: "create_project",
  description:
    "Create a project with its states and all agents as members. Idempotent: repeating the call returns the same project.",
  allow: "concierge",
  hints: { idempotent: true },
  input: z.object({
    name: z.string(),
    description: z.string().optional(),
    identifier: z.string().optional().describe("the ONB of ONB-12"),
  }),
  output: z.object({
    id: z.string(),
    /** `ONB` */
    identifier: z.string(),
    name: z.string(),
  }),
  async run({ work }, newProject) {
    const { id, identifier, name } = await work.createProject(newProject);
    return { id, identifier, name };
  },
});
