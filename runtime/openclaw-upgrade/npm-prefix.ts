import { mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { isOpenclawVersion } from "../../functions/doctor/openclaw-version.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import type { Ms } from "../../shared/time.ts";
import { runProgram } from "../runner/run-program.ts";
import { describeNpmFailure } from "./describe-npm-failure.ts";

const packageSchema = z.object({ name: z.literal("openclaw"), version: z.string() });

/** A folder with OpenClaw in `<version>/node_modules/openclaw`, and the link `current` to one of these folders. */
export function openNpmPrefix(prefix: string, env: Record<string, string>) {
  const link = join(prefix, "current");
  const getEntry = (version: string) => join(prefix, version, "node_modules/openclaw/openclaw.mjs");

  function isInstalled(version: string, folder = join(prefix, version)): boolean {
    try {
      const text = readFileSync(join(folder, "node_modules/openclaw/package.json"), "utf8");
      return packageSchema.parse(JSON.parse(text)).version === version;
    } catch {
      return false;
    }
  }

  return {
    isInstalled,
    getEntry,
    /** The version that `current` leads to. Throws for anything else. */
    readPinned(): string {
      const target = readLink(link);
      if (target !== undefined && isOpenclawVersion(target)) return target;
      throw new GroundcrewError(
        "bad_request",
        `${link} is not a link to the folder of a version. Set the prefix up once: npm install --prefix ${prefix}/2026.2.26 openclaw@2026.2.26 && ln -s 2026.2.26 ${link}; then start OpenClaw from ${link}/node_modules/.bin/openclaw.`,
      );
    },
    /** Lets `current` lead to this version, in one step. */
    pin(version: string) {
      if (!isInstalled(version)) throw new Error(`${join(prefix, version)} does not contain OpenClaw ${version}`);
      if (readLink(link) === version) return;
      const draft = `${link}.new`;
      rmSync(draft, { force: true });
      symlinkSync(version, draft);
      renameSync(draft, link);
    },
    /** Installs a version into its own folder, whole or not at all. */
    async install(version: string, overrides: Record<string, string>, timeout: Ms) {
      if (isInstalled(version)) return;
      const draft = join(prefix, `.${version}.partial`);
      rmSync(draft, { recursive: true, force: true });
      mkdirSync(draft, { recursive: true });
      // npm applies overrides only in the root package, and reliably only to what that package already depends on.
      const rootPackage = { private: true, dependencies: { openclaw: version }, overrides };
      writeFileSync(join(draft, "package.json"), JSON.stringify(rootPackage, undefined, 2));
      const args = ["install", "--prefix", draft, "--no-audit", "--no-fund"];
      const result = await runProgram("npm", args, { env, cwd: draft, timeoutMs: timeout });
      if (result.status !== 0 || !isInstalled(version, draft)) {
        rmSync(draft, { recursive: true, force: true });
        throw new Error(describeNpmFailure(`npm install openclaw@${version}`, result, env));
      }
      rmSync(join(prefix, version), { recursive: true, force: true });
      renameSync(draft, join(prefix, version));
    },
  };
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path).replace(/\/+$/, "");
  } catch {
    return undefined;
  }
}
