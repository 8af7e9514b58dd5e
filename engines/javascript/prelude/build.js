// Bundles the prelude into one expression: a function that is given `native` and returns the hooks.
// With `--tests` also its tests, into one script for the engine.

import { build } from "esbuild";

const target = `${import.meta.dirname}/../target`;

await build({
  entryPoints: [`${import.meta.dirname}/src/main.js`],
  outfile: `${target}/prelude.js`,
  bundle: true,
  format: "iife",
  globalName: "prelude",
  target: "es2023",
  // Names stay, so that stacks can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  banner: { js: '(function (native) {"use strict";' },
  footer: { js: "return prelude.hooks;})" },
  legalComments: "none",
  logLevel: "warning",
});

if (process.argv.includes("--tests")) {
  await build({
    entryPoints: [`${import.meta.dirname}/test/all.js`],
    outfile: `${target}/prelude-tests.js`,
    bundle: true,
    format: "esm",
    target: "es2023",
    logLevel: "warning",
  });
}
