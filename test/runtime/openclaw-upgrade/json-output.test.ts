import { describe, expect, test } from "vitest";
import { createComposeRig, ENV_SECRET, HOOK_TOKEN } from "./compose-rig.ts";

const VERSIONS = ["--from", "2026.2.23", "--to", "2026.2.26"];
const UPGRADE = ["upgrade", ...VERSIONS, "--json"];

describe("groundcrew openclaw … --json", () => {
  test.each([
    [["upgrade", "--from", "2026.2.23", "--to", "../x"], 2, "whole version"],
    [["upgrade", "--from", "2026.2.23", "--to", "2026.2.20"], 2, "2026.2.20 is older than 2026.2.23"],
    [["upgrade", "--config", "nowhere.json", ...VERSIONS], 78, "nowhere.json does not exist"],
    [["rollback"], 78, "no upgrade was made"],
    [["upgrade", "--from", "2026.2.20", "--to", "2026.2.26", "--dry-run"], 1, "2026.2.23 is pinned, not 2026.2.20"],
  ])("UPG: the error of %j is one document of JSON on standard output", async (args, exit, message) => {
    const rig = await createComposeRig();
    const before = rig.snapshotAll();
    const result = await rig.run(...args, "--json");
    const document = JSON.parse(result.out);
    expect([result.exit, document]).toEqual([
      exit,
      { state: "error", changed: 0, error: { code: expect.any(String), message: expect.stringContaining(message) } },
    ]);
    expect(result.err).toContain(document.error.message.slice(0, 40));
    if (args[0] !== "rollback") expect(rig.snapshotAll()).toEqual(before);
  });

  test("UPG: a version that the registry lacks is found by --check", async () => {
    const rig = await createComposeRig();
    rig.put("manifest-fails", "no such manifest: ghcr.io/openclaw/openclaw:2026.2.26");
    const result = await rig.run(...UPGRADE, "--check");
    const failed = JSON.parse(result.out).findings.filter(({ status }: { status: string }) => status === "failed");
    expect([result.exit, failed]).toEqual([1, [expect.objectContaining({ name: "new version" })]]);
  });

  test("UPG: errors of programs reach neither JSON nor progress with a secret", async () => {
    const rig = await createComposeRig();
    rig.put("pull-fails", `denied: https://ada:hunter22@ghcr.io/ ${ENV_SECRET} ${HOOK_TOKEN} Bearer abcdefgh123`);
    const result = await rig.run(...UPGRADE);
    const { state, steps } = JSON.parse(result.out);
    expect([result.exit, state]).toEqual([1, "refused"]);
    expect(steps.at(-1).problem).toBe(
      "docker pull: exit code 1: denied: https://ada:[secret]@ghcr.io/ [secret] [secret] Bearer [secret]",
    );
    expect(result.out + result.err).not.toMatch(/hunter22|abcdefgh123|marked-secret/);
  });
});
