import { expect, test } from "vitest";
import { parseVersionOutput } from "../../../functions/doctor/versions.ts";
import { readKnownVersions } from "../../../runtime/doctor/openclaw-probe.ts";
import { createDoctorSetup, getFindings, NO_OPENCLAW } from "./doctor-setup.ts";

const KNOWN = { plane: ["v1.3.1", "v1.2.2"], openclaw: ["2026.2.26", "2026.9.6"] };

test("UPG: the doctor knows the versions of Plane and OpenClaw that compose/versions.env lists", () => {
  expect(readKnownVersions()).toEqual(KNOWN);
  expect(readKnownVersions("/nowhere/versions.env")).toEqual({ plane: undefined, openclaw: undefined });
});

// Plane v1.2.2 reports itself as 1.2.0.
test.each(["1.3.1", "1.2.2"])("UPG: the doctor says nothing about the known Plane %s", async (version) => {
  const { examine, extra } = await createDoctorSetup({ version: version as "1.3.1" });
  extra.knownVersions = KNOWN;
  expect(getFindings(await examine(), "plane version")).toBe("");
});

test("UPG: the doctor warns about a Plane that was not tried, and only where there is a list", async () => {
  const { examine, extra } = await createDoctorSetup();
  expect(getFindings(await examine(), "plane version")).toBe("");
  extra.knownVersions = { ...KNOWN, plane: ["v1.2.2"] };
  expect(getFindings(await examine(), "plane version")).toBe(
    "warning: 1.3.1: Groundcrew was not tried with Plane 1.3, only with v1.2.2",
  );
});

test.each([
  { output: "2026.9.6", url: "http://127.0.0.1:18789", warned: "" },
  { output: "OpenClaw 2026.9.6 (eb377ac)", url: "http://127.0.0.1:18789", warned: "" },
  { output: "OpenClaw 2026.7.2 (eb377ac)", url: "http://127.0.0.1:18789", warned: "2026.7.2" },
  { output: "2026.7.2", url: "http://openclaw.test:18789", warned: "" },
  { output: "no version", url: "http://127.0.0.1:18789", warned: "" },
])("UPG: the doctor's finding about OpenClaw for $output at $url", async ({ output, url, warned }) => {
  const { examine, extra, env } = await createDoctorSetup();
  env["OPENCLAW_URL"] = url;
  env["OPENCLAW_HOOK_TOKEN"] = "marked-secret-hook-token";
  extra.knownVersions = KNOWN;
  extra.fetch = (input, init) =>
    String(input).startsWith(url) ? Promise.reject(new Error("down")) : fetch(input, init);
  extra.skill = { ...NO_OPENCLAW, readVersion: async () => ({ kind: "exited", code: 0, out: `${output}\n`, err: "" }) };
  const found = getFindings(await examine(), "openclaw version");
  expect(found).toBe(
    warned === ""
      ? ""
      : `warning: ${warned}: Groundcrew was not tried with this version of OpenClaw, only with 2026.2.26, 2026.9.6`,
  );
});

test("UPG: a version is read from what both versions of OpenClaw print, and from nothing else", () => {
  expect(parseVersionOutput("OpenClaw 2026.9.6 (eb377ac)\n")).toBe("2026.9.6");
  expect(parseVersionOutput("2026.2.26\n")).toBe("2026.2.26");
  expect(parseVersionOutput("update available: 2026.9.6\n")).toBeUndefined();
});
