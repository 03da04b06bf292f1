import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MONITORING } from "./queries.ts";

/** The arguments of each block as Alloy's reference for 1.18 has them; those that it requires come first. */
const REFERENCE: Record<string, { required: string[]; optional?: string[] }> = {
  "discovery.docker": { required: ["host"] },
  "discovery.relabel": { required: ["targets"] },
  "discovery.relabel rule": {
    required: [],
    optional: ["action", "modulus", "regex", "replacement", "separator", "source_labels", "target_label"],
  },
  "loki.source.docker": { required: ["forward_to", "host", "targets"], optional: ["labels", "refresh_interval"] },
  "loki.process": { required: ["forward_to"] },
  "stage.match": { required: ["selector"], optional: ["action", "drop_counter_reason", "pipeline_name"] },
  "stage.json": { required: ["expressions"], optional: ["drop_malformed", "source"] },
  "stage.labels": { required: [], optional: ["values"] },
  "stage.timestamp": { required: ["format", "source"] },
  "stage.replace": { required: ["expression"], optional: ["replace", "source"] },
  "loki.write": { required: [] },
  "loki.write endpoint": { required: ["url"] },
};

/** What a component exports for others. */
const EXPORTS: Record<string, string> = {
  "discovery.docker": "targets",
  "discovery.relabel": "output",
  "loki.process": "receiver",
  "loki.write": "receiver",
};

interface Block {
  name: string;
  label: string | undefined;
  args: string[];
}

/** Reads the blocks of a configuration with the names of their arguments. Throws for what is neither. */
function readBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  const open: Block[] = [];
  // Lists and objects over several lines have no names of their own.
  const joined = text.replace(/\[\n([^\]]*)\]/g, (list) => list.replaceAll("\n", " "));
  for (const line of joined.split("\n").map((one) => one.trim())) {
    if (line === "" || line.startsWith("//")) continue;
    const [, block, label] = /^([a-z_.]+)(?: "(\w+)")? \{$/.exec(line) ?? [];
    const [, arg] = /^(\w+)\s+= \S.*$/.exec(line) ?? [];
    const parent = open.at(-1);
    if (block !== undefined) {
      const isPart = parent !== undefined && !block.includes(".");
      const name = isPart ? `${parent.name} ${block}` : block;
      open.push({ name, label, args: [] });
      blocks.push(...open.slice(-1));
    } else if (arg !== undefined && parent) parent.args.push(arg);
    else if (line === "}" && parent) open.pop();
    else throw new Error(`not understood: ${line}`);
  }
  if (open.length > 0) throw new Error("a block is not closed");
  return blocks;
}

const TEXT = readFileSync(`${MONITORING}/config.alloy`, "utf8");

/** Lists the blocks and arguments of a configuration that Alloy's reference does not have, and what is missing. */
function findMistakes(text: string): string[] {
  const blocks = readBlocks(text);
  const exported = blocks.flatMap(({ name, label }) => (EXPORTS[name] ? [`${name}.${label}.${EXPORTS[name]}`] : []));
  const named = [...text.matchAll(/(?:discovery|loki)\.\w+\.\w+\.\w+/g)].map(([reference]) => reference);
  return [
    ...named.filter((reference) => !exported.includes(reference)),
    ...blocks.flatMap(({ name, args }) => {
      const { required, optional = [] } = REFERENCE[name] ?? { required: undefined };
      if (!required) return [name];
      const unknown = args.filter((arg) => ![...required, ...optional].includes(arg));
      return [...unknown, ...required.filter((arg) => !args.includes(arg))].map((arg) => `${name}: ${arg}`);
    }),
  ];
}

test("MONITOR-02 Alloy's configuration has the blocks, arguments and references of its reference", () => {
  expect(readBlocks(TEXT).length).toBeGreaterThan(10);
  expect(findMistakes(TEXT)).toEqual([]);
  expect(findMistakes(TEXT.replace("forward_to = [loki.process.lines.receiver]", ""))).toEqual([
    "loki.source.docker: forward_to",
  ]);
  expect(findMistakes(TEXT.replaceAll("stage.replace", "stage.redact"))).toContain("stage.redact");
  expect(findMistakes(TEXT.replace("loki.write.loki.receiver", "loki.write.other.receiver"))).toEqual([
    "loki.write.other.receiver",
  ]);
});
