import { z } from "zod";
import { createGatewaySimulator } from "../simulators/openclaw/create-gateway-simulator.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { startChild } from "./child.ts";
import { formatCount } from "./figures.ts";
import { ADMIN_TOKEN, startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import type { BenchLine } from "./table.ts";

/** What OpenClaw 2026.9.6 itself puts into each call of the model: 34.7 KB, measured at a fake model. */
const OWN_PROMPT_TOKENS = 8_700;
const CHARACTERS_PER_TOKEN = 4;
const TARGET = 70_000;
/** Prompt tokens of the same task with the tools of version 0.2, measured at a fake model: 13 calls. */
const BEFORE = 113_000;
const AGENT = "Imhotep";
const TOKEN = "bridge-token-of-imhotep-in-the-bench";

type Call = [tool: string, input: Record<string, unknown>];

const requestsSchema = z.object({ requests: z.array(z.object({ id: z.string(), hash: z.string() })) });

const listSchema = z.object({ result: z.object({ tools: z.array(z.unknown()) }) });

/**
 * Measures the prompt tokens of one task, from its wake over a comment, a question and its answer to the delivered
 * file: what a model reads in all its calls, by the real messages, tools and answers. A call repeats all before it.
 */
export async function benchTokens(): Promise<BenchLine[]> {
  const gateway = createGatewaySimulator({
    version: "2026.9.6",
    agents: ["imhotep"],
    mappings: [
      {
        path: "groundcrew",
        source: "imhotep",
        agentId: "imhotep",
        messageTemplate: "{{message}}",
        allowUnsafeExternalContent: true,
      },
    ],
  });
  const gatewayUrl = await gateway.start();
  const simulators = await startSimulators();
  const user = simulators.plane.addUser({ name: AGENT });
  const { project, items } = simulators.fillProject("ONB", 1, () => ({ state: "Todo", assignees: [user] }));
  const task = `${project.identifier}-${items[0]?.sequence_id}`;
  simulators.useCurrentTime();
  const folder = createBenchFolder({ agents: [{ name: AGENT, email: user.email, wake: "openclaw" }] });
  const product = await startChild("product.ts", {
    args: ["whole"],
    flags: START_FLAGS,
    env: {
      ...simulators.env,
      ...folder.env,
      OPENCLAW_URL: gatewayUrl,
      OPENCLAW_HOOK_TOKEN: gateway.token,
      PLANE_API_KEY_IMHOTEP: simulators.plane.createApiKey(user),
      AGENT_TOKEN_IMHOTEP: TOKEN,
    },
  });
  try {
    // Its queue is never empty: the wake's later checks wait in it.
    await product.ask("poll");
    const url = `http://127.0.0.1:${z.number().parse(await product.ask("port"))}`;
    const model = createModel(url);
    const report = `# Report\n\n${"A finding, with its reason and its source. ".repeat(40)}`;
    await model.run(await nextWake(gateway, 0), [
      ["claim_task", { task, start: true }],
      ["add_comment", { task, text: "I have read it and begin with the sources.", kind: "progress", percent: 10 }],
      ["ask_human", { task, text: "In English or in French?", choices: ["English", "French"] }],
    ]);
    await answerQuestion(url);
    await model.run(await nextWake(gateway, 1), [
      [
        "update_task_status",
        {
          ...{ task, status: "done", text: "Written in English, with all sources.", confidence: 0.9, cost: 0.4 },
          file: { name: "report.md", text: report },
        },
      ],
    ]);
    const { calls, tokens } = model.figures;
    return [
      {
        what: "prompt tokens of a task: claim, comment, question, answer, file, done",
        ours: `${formatCount(tokens)} in ${calls} calls of the model`,
        floor: `${formatCount(BEFORE)} in 13 calls, version 0.2`,
        ratio: (tokens / BEFORE).toFixed(2),
        aim: `≤ ${formatCount(TARGET)}`,
        met: tokens <= TARGET,
      },
    ];
  } finally {
    await product.kill();
    await simulators.stop();
    await gateway.stop();
    folder.remove();
  }
}

/** A model that makes these calls in one run, and a last one to end it; it counts what it reads. */
function createModel(url: string) {
  const figures = { calls: 0, tokens: 0 };
  const read = (prompt: string) => {
    figures.calls += 1;
    figures.tokens += OWN_PROMPT_TOKENS + Math.ceil(prompt.length / CHARACTERS_PER_TOKEN);
  };
  return {
    figures,
    async run(message: string, calls: readonly Call[]) {
      const { tools } = listSchema.parse(JSON.parse(await postMcp(url, "tools/list", {}))).result;
      let prompt = JSON.stringify(tools) + message;
      for (const [name, input] of calls) {
        read(prompt);
        const answer = await postMcp(url, "tools/call", { name, arguments: input });
        if (answer.includes('"isError":true')) throw new Error(`${name} was refused: ${answer}`);
        prompt += JSON.stringify(input) + answer;
      }
      read(prompt);
    },
  };
}

async function postMcp(url: string, method: string, params: object): Promise<string> {
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  return (await fetch(`${url}/mcp`, { method: "POST", headers, body })).text();
}

async function answerQuestion(url: string) {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  const { requests } = requestsSchema.parse(await (await fetch(`${url}/api/requests`, { headers })).json());
  const [question] = requests;
  if (!question) throw new Error("The question is missing.");
  const body = JSON.stringify({ answer: "answer", comment: "English", hash: question.hash });
  const response = await fetch(`${url}/api/requests/${encodeURIComponent(question.id)}`, {
    method: "POST",
    headers,
    body,
  });
  if (!response.ok) throw new Error(`The answer was refused: ${await response.text()}`);
}

/** The message of this wake, as the model receives it. */
async function nextWake({ runs }: ReturnType<typeof createGatewaySimulator>, index: number): Promise<string> {
  for (let tries = 0; tries < 300; tries += 1) {
    const run = runs[index];
    if (run) return run.message;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The agent was not woken.");
}
