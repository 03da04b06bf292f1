import { text } from "node:stream/consumers";
import { messageOf } from "../../shared/errors.ts";
import { VERSION } from "../../shared/version.ts";
import { type Door, doorAt } from "./door.ts";
import { CommandError, EXIT, usage } from "./end.ts";
import { helpFor, helpOf } from "./help.ts";
import { type Asked, askedIn, inputOf, specNamed } from "./options.ts";
import { asJson, asText, forTerminal } from "./show.ts";
import { refuseTokens, tokenOf } from "./token.ts";
import { UPLOAD, upload, withFile } from "./upload.ts";

interface World {
  env: Record<string, string | undefined>;
  cwd: string;
  stdin: NodeJS.ReadableStream;
  out: (text: string) => void;
  err: (text: string) => void;
}

/** Runs `groundcrew` with these arguments; answers its exit code. */
export async function run(args: readonly string[], world: World): Promise<number> {
  const asked = askedIn(args);
  try {
    refuseTokens(args, world.env);
    world.out(await answerTo(asked, world));
    return EXIT.done;
  } catch (thrown) {
    const error = thrown instanceof CommandError ? thrown : new CommandError(EXIT.failed, messageOf(thrown));
    const { code, message, retryAfter, exit } = error;
    const wait = retryAfter === undefined ? "" : ` (try again in ${retryAfter} s)`;
    const fields = { code, message, ...(retryAfter !== undefined && { retry_after: retryAfter }) };
    world.err(asked.json ? asJson({ error: fields }) : forTerminal(`groundcrew: ${message}${wait}`));
    return exit;
  }
}

async function answerTo(asked: Asked, world: World): Promise<string> {
  const { env, cwd } = world;
  if (asked.version) return `${VERSION}\n`;
  if (asked.tool === undefined && asked.rest.length > 0)
    throw usage(`The tool's name comes first: groundcrew <tool> ${asked.rest[0]?.slice(0, 60)}`);
  if (asked.tool === undefined) return help(env, cwd);
  const door = doorAt(env["GROUNDCREW_URL"], await tokenOf(env, cwd));
  const spec = withFile(specNamed(await door.specs(), asked.tool));
  if (asked.help) return forTerminal(helpOf(spec));
  const input = await inputOf(spec, asked.rest, once(world.stdin));
  const answer = await (spec.name === UPLOAD ? upload(door, cwd, input) : door.call(spec.name, input));
  return asked.json ? asJson(answer) : asText(answer);
}

/** The tools are told where they can be asked for; how to call them in any case. */
async function help(env: World["env"], cwd: string): Promise<string> {
  const specs = connected(env, cwd).then((door) => door.specs());
  return forTerminal(
    helpFor(
      await specs.catch((thrown: unknown) => {
        return { why: messageOf(thrown) };
      }),
    ),
  );
}

async function connected(env: World["env"], cwd: string): Promise<Door> {
  return doorAt(env["GROUNDCREW_URL"], await tokenOf(env, cwd));
}

/** Standard input, whole, for one value. */
function once(stdin: NodeJS.ReadableStream): () => Promise<string> {
  let used = false;
  return async () => {
    if (used) throw usage("Only one value can be read from standard input.");
    used = true;
    return text(stdin);
  };
}
