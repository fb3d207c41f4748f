// Compiles contracts/src and collects what the devnet deploys into contracts/out.
//
//   node build.mjs           writes contracts/out/<Name>.json ({abi, bytecode})
//   node build.mjs --check   compiles again and fails if a byte of the committed output differs
//
// The settings are fixed and carry no metadata hash, so the same sources give the same bytes anywhere.

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "out");

const SETTINGS = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 200 },
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
};

/** Compiled with our settings although the source is a library's. */
const LIBRARY_SOURCES = ["@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol"];

/** Taken as their authors published them: the real contracts, bytecode included. */
const PUBLISHED = [
  "@unlock-protocol/contracts/dist/abis/Unlock/UnlockV14.json",
  "@unlock-protocol/contracts/dist/abis/PublicLock/PublicLockV15.json",
];

function readSource(name) {
  return readFileSync(name.startsWith("@") ? require.resolve(name) : join(here, "src", name), "utf8");
}

function compile() {
  const solc = require("solc");
  const ours = readdirSync(join(here, "src")).filter((name) => name.endsWith(".sol")).sort();
  const roots = [...ours, ...LIBRARY_SOURCES];
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(roots.map((name) => [name, { content: readSource(name) }])),
    settings: SETTINGS,
  };
  const findImport = (name) => {
    try {
      return { contents: readSource(name) };
    } catch (error) {
      return { error: `${name}: ${error.message}` };
    }
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  const problems = output.errors ?? [];
  if (problems.length > 0) {
    throw new Error(problems.map((problem) => problem.formattedMessage).join("\n"));
  }
  return roots.flatMap((root) => Object.entries(output.contracts[root] ?? {}));
}

/** Name → text of the artifact. Abstract contracts have no bytecode and are left out. */
function artifacts() {
  const compiled = compile()
    .map(([name, { abi, evm }]) => [name, abi, evm.bytecode.object])
    .filter(([, , bytecode]) => bytecode !== "")
    .map(([name, abi, bytecode]) => [name, { abi, bytecode: `0x${bytecode}` }]);
  const published = PUBLISHED.map((path) => {
    const { contractName, abi, bytecode } = require(path);
    return [contractName, { abi, bytecode }];
  });
  return new Map([...compiled, ...published].map(([name, artifact]) => [`${name}.json`, JSON.stringify(artifact) + "\n"]));
}

function write(files) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  for (const [name, text] of files) writeFileSync(join(out, name), text);
  console.log(`contracts: wrote ${files.size} artifacts to contracts/out`);
}

function check(files) {
  const committed = new Set(readdirSync(out));
  const differing = [...files].filter(([name, text]) => !committed.has(name) || readFileSync(join(out, name), "utf8") !== text);
  const stray = [...committed].filter((name) => !files.has(name));
  if (differing.length + stray.length > 0) {
    const names = [...differing.map(([name]) => name), ...stray].join(", ");
    console.error(`contracts: contracts/out does not match its sources: ${names}\nRun "make contracts" and commit the result.`);
    process.exit(1);
  }
  console.log(`contracts: all ${files.size} committed artifacts are reproduced byte for byte`);
}

const [mode, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (mode !== undefined && mode !== "--check")) {
  console.error(`contracts: unknown argument "${[mode, ...rest].join(" ")}"; allowed: nothing, or --check`);
  process.exit(2);
}
(mode === "--check" ? check : write)(artifacts());
