// Plain JavaScript, so that a Node that cannot run TypeScript can still say so.
if (process.features.typescript) await import("./main.ts");
else {
  process.stderr.write(
    `Groundcrew needs Node 22.18 or newer; this is ${process.version}. On Linux \`npm ci\` brings Node 24 with it: start with \`npm start\`.\n`,
  );
  process.exit(1);
}
