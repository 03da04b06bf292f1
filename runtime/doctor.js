// Plain JavaScript, so that a Node that cannot run TypeScript can still say so.
if (process.features.typescript) {
  await import("./doctor/main.ts");
} else {
  process.stderr.write(
    `Groundcrew needs Node 22.18 or newer; this is ${process.version}. On Linux \`npm ci\` brings Node 24 with it: look with \`npm run doctor\`.\n`,
  );
  process.exit(1);
}
