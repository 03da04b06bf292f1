import { expect, test, vi } from "vitest";
import { createProductRig } from "./product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

test.runIf(process.env["FULL"])(
  "with several runners a ticket runs once: a second one of the same name is refused, and one of another name leaves it alone",
  async () => {
    const rig = await createProductRig({ isApart: true });
    const { key } = await rig.addTicket([
      "run echo started >> $HOME/started.txt",
      "permission true",
      "run printf 'All is done' > $GROUNDCREW_COMPLETION_FILE",
    ]);
    await rig.call(`/api/approve/${key}`, "POST", {});
    const readQuestions = async () => (await rig.readSession(key))?.questions;
    await rig.waitFor(readQuestions).toMatchObject([{ kind: "permission" }]);

    rig.start("second_runner");
    await rig.waitFor(() => rig.output.join("")).toContain("Another runner with the name test-host is connected");
    await rig.stop("second_runner", "SIGTERM");

    await rig.stop("runner", "SIGKILL");
    rig.start("second_runner", { RUNNER_NAME: "other-host" });
    const listRunners = async () => (await rig.call("/api/sessions")).runners.map(({ name }: { name: string }) => name);
    await rig.waitFor(listRunners).toContain("other-host");
    const [question] = await readQuestions();
    await rig.call(`/api/sessions/${key}/answer`, "POST", { question: question.id, answer: "allow" });
    await rig.waitFor(() => rig.host.tmux("list-panes", "-a", "-F", "#{session_name}")).toBe(`claude-${key}\n`);
    expect(await rig.readSession(key)).toMatchObject({ runner: "test-host", waits_for_end: false });

    rig.start("runner");
    await rig.waitFor(() => rig.readCompleted(key)).toMatchObject({ state: "completed", summary: "All is done" });
    expect(rig.host.readHome("started.txt")).toBe("started\n");
  },
);
