import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { createRunnerSimulator } from "../../../simulators/runner/create-runner-simulator.ts";
import { startScriptedServer } from "../../support/scripted-server.ts";

const TOKEN = "runner-token-of-the-frames";

/** Connects a runner whose session counts without end to a server that watches it, and answers frames with `status`. */
async function watchSession(answerFrame: (frames: number) => { status: number; watched: boolean }) {
  let frames = 0;
  const server = await startScriptedServer((request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith("/api/runner/frames/")) {
      frames += 1;
      const { status, watched } = answerFrame(frames);
      return response.writeHead(status).end(JSON.stringify({ watched }));
    }
    const session = {
      ticket: "ONB-1",
      run: 3,
      round: 1,
      session_id: crypto.randomUUID(),
      resume: false,
      plans: false,
      project: "ONB",
    };
    const wanted = { ...session, ticket_file: "", token: "session-token", inputs: [], watched: true };
    const hasSession = !server.requests.at(-1)?.body.includes('"sessions":[]');
    const reply = () => response.end(JSON.stringify({ revision: "1", sessions: [wanted], stop: [], remove: [] }));
    // Only the first answer is given at once; the next ones are held as Groundcrew does.
    if (hasSession) request.socket.once("close", () => response.destroy());
    else reply();
  });
  const runner = createRunnerSimulator({
    url: server.url,
    token: TOKEN,
    repositories: ["ONB"],
    findScript: () => ({
      startMs: 0,
      steps: [{ do: "print", text: "\u001b[32mcounting\u001b[0m\n".repeat(900), ms: 50 }],
    }),
  });
  runner.connect();
  onTestFinished(async () => {
    await runner.stop();
    await server.close();
  });
  const listFrames = () => server.requests.filter(({ url }) => url === "/api/runner/frames/ONB-1");
  const countExchanges = () => server.requests.filter(({ url }) => url === "/api/runner/exchange").length;
  return { listFrames, countExchanges };
}

test("The pictures of a watched terminal are sent when they change, at most ten a second, until nobody watches", async () => {
  const startedAt = Date.now();
  const { listFrames } = await watchSession((frames) => ({ status: 200, watched: frames < 6 }));
  await expect.poll(() => listFrames().length, { timeout: 20_000 }).toBe(6);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(500);
  const pictures = listFrames().map(({ body }) => JSON.parse(body) as { screen: string });
  expect(new Set(pictures.map(({ screen }) => screen)).size).toBe(6);
  expect(pictures[0]).toMatchObject({ run: 3, columns: 100, rows: 30, cursor: { column: 2 } });
  expect(pictures[5]?.screen).toContain("\u001b[32mcounting\u001b[0m");
  expect(listFrames()[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
});

test("A Groundcrew that takes no pictures gets one only", async () => {
  const { listFrames, countExchanges } = await watchSession(() => ({ status: 404, watched: true }));
  // The third exchange reports what has changed for two seconds.
  await expect.poll(countExchanges, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
  expect(listFrames()).toHaveLength(1);
});
