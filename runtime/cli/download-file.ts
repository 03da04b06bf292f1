import { constants } from "node:fs";
import { type FileHandle, open, realpath, unlink } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import type { ApiClient } from "./api-client.ts";
import { CommandError, createUsageError, EXIT } from "./command-error.ts";
import type { ToolSpec } from "./tool-specs.ts";

/** The tool that has the additional option `output` on the command line. */
export const DOWNLOAD_TOOL = "download_deliverable";

/** Adds the option `--output` to the download tool; other tools are unchanged. */
export function adaptDownloadSpec(spec: ToolSpec): ToolSpec {
  if (spec.name !== DOWNLOAD_TOOL) return spec;
  const description = "write the file here, below the current folder, in place of printing it";
  const output = { name: "output", kind: "text", nullable: false, required: false, description } as const;
  return { ...spec, fields: [...spec.fields, output] };
}

/**
 * Downloads a file of any size as a stream into a new file below the folder. Existing files are not replaced, and an
 * incomplete file is removed.
 */
export async function downloadToFile(client: ApiClient, folder: string, input: Record<string, unknown>) {
  const { task, name, output } = input;
  if (typeof task !== "string" || typeof name !== "string" || typeof output !== "string")
    throw createUsageError(`${DOWNLOAD_TOOL} needs --task, --name and --output.`);
  const path = await resolveBelow(folder, output);
  const body = await client.download(new URLSearchParams({ task, name }));
  const file = await createNewFile(path, output);
  let size = 0;
  try {
    for await (const piece of body) {
      await file.writeFile(piece);
      size += piece.byteLength;
    }
  } catch {
    await unlink(path);
    throw new CommandError(EXIT.later, "The file was received incompletely. Repeat the command.", {
      code: "unreachable",
    });
  } finally {
    await file.close();
  }
  return { task, name, output, size };
}

/** Returns the path of a new file in an existing folder below `folder`, also after its symbolic links. */
async function resolveBelow(folder: string, output: string): Promise<string> {
  if (output.includes("\0")) throw createUsageError("--output contains a NUL character.");
  const root = await realpath(folder);
  const wanted = resolve(root, output);
  const parent = await realpath(dirname(wanted)).catch(() => {
    throw createUsageError(`The folder of ${output} does not exist.`);
  });
  const path = join(parent, basename(wanted));
  const below = relative(root, path);
  if (below === "" || below === ".." || /^\.\.[\\/]/.test(below) || isAbsolute(below))
    throw createUsageError(`${output} is not below ${root}: files are only written below the current folder.`);
  return path;
}

async function createNewFile(path: string, output: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "it cannot be written";
    throw createUsageError(
      code === "EEXIST" ? `${output} exists already; give another name.` : `${output} cannot be written (${code}).`,
    );
  }
}
