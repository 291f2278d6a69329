// The part of verification that a reader sees: files in, verdicts out. The checks are verify.js.
//
// On a page of the explorer each proof has a link and a button; the genesis file is chosen once and
// kept for this tab alone. On the page for files, served or downloaded, the reader drops any proof.

import { decode, headerHash, readGenesis, toHex, verifyProof, whyUnable } from "./verify.js";

const section = document.getElementById("proofs");
const words = JSON.parse(section.dataset.words);
const KEPT = "iic.genesis";
let genesis = null;

const say = (name, values = {}) =>
  (words[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key]);

function element(tag, content, className) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content instanceof Node) made.append(content);
  else if (content !== undefined) made.textContent = content;
  return made;
}

// Genesis ---------------------------------------------------------------------------------------

function tellGenesis(className, text, hex = "") {
  const output = document.getElementById("genesis-state");
  output.className = className;
  output.replaceChildren(text);
  if (hex) output.append(" ", element("code", hex));
}

async function useGenesis(text, kept) {
  try {
    genesis = await readGenesis(text);
    tellGenesis("good", say("trusted", { network: genesis.network }), toHex(genesis.chainId));
  } catch (error) {
    genesis = null;
    tellGenesis("bad", `${say("noGenesis")} ${error.code ?? ""} ${error.message}`);
    return;
  }
  try {
    if (!kept) sessionStorage.setItem(KEPT, text);
  } catch {
    // A large genesis, or a page that may not keep anything: choose it again on the next page.
  }
}

function keptGenesis() {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

// What was proven, in words ----------------------------------------------------------------------

const moment = (ms) => {
  const date = new Date(Number(ms));
  return Number.isNaN(date.valueOf()) ? `${ms}` : date.toISOString();
};

/** A proven value as it stands on the ledger; a shape gives its fields their names. */
function told(value, shape, how) {
  if (value === null) return element("span", "–", "none");
  if (value instanceof Uint8Array) return element("code", toHex(value));
  if (Array.isArray(value)) {
    return shape && how !== "list" ? group(value, shape) : bullets(value, shape);
  }
  if (how === "instant" && value) return element("span", moment(value));
  if (typeof value === "boolean") return element("span", say(value ? "yes" : "no"));
  return element("span", `${value}`);
}

function bullets(values, shape) {
  if (!values.length) return element("span", "–", "none");
  const made = element("ul");
  for (const item of values) made.append(element("li", told(item, shape)));
  return made;
}

function group(values, [skip, ...fields]) {
  const made = element("dl", undefined, "facts");
  fields.forEach(([label, how, parts], i) => {
    const pair = element("div", element("dt", label));
    pair.append(element("dd", told(values[i + skip], parts, how)));
    made.append(pair);
  });
  return made;
}

function facts(pairs) {
  const made = element("dl", undefined, "facts");
  for (const [label, value] of pairs) {
    const pair = element("div", element("dt", say(label)));
    pair.append(element("dd", value instanceof Node ? value : `${value}`));
    made.append(pair);
  }
  return made;
}

function provenFacts(found, shape) {
  const { header, certified, signers } = found;
  const pairs = [];
  if (found.kind === "receipt") {
    const { receipt, transaction } = found;
    pairs.push(["id", element("code", toHex(receipt.subject))]);
    pairs.push(["outcome", receipt.code ? `${receipt.code}: ${receipt.reason}` : say("applied")]);
    if (transaction) {
      pairs.push(["author", transaction.author]);
      if (transaction.reference) pairs.push(["reference", transaction.reference]);
      pairs.push(["operations", bullets(transaction.operations)]);
      pairs.push(["keys", bullets(transaction.keys)]);
    }
    if (receipt.events.length) pairs.push(["events", bullets(receipt.events)]);
    if (receipt.postings.length) {
      pairs.push(["postings", bullets(receipt.postings.map(
        (p) => `${p.account} ${p.unit} ${p.amount} → ${p.balance} (${p.sequence})`))]);
    }
  }
  if (found.kind === "state") {
    pairs.push(["key", element("code", toHex(found.key))]);
    pairs.push(["record", found.value === null ? say("absent") : told(decode(found.value), shape)]);
  }
  pairs.push(["height", header.height], ["time", moment(header.time)]);
  if (certified.height !== header.height) pairs.push(["certified", certified.height]);
  pairs.push(["signers", say("quorum", {
    count: signers.names.length, size: signers.validators, names: signers.names.join(", "),
    epoch: signers.epoch, changes: signers.changes,
  })]);
  if (signers.recoveries.length) {
    pairs.push(["recoveries", bullets(signers.recoveries.map((r) => say("recovery", {
      height: r.height, count: r.signed.length, size: r.signed.length + r.lost.length,
      names: r.signed.join(", "), lost: r.lost.join(", "), borne: r.liesBorne,
    })))]);
  }
  return facts(pairs);
}

// Verdicts ---------------------------------------------------------------------------------------

function show(output, className, headline, detail) {
  output.className = `verdict ${className}`;
  output.replaceChildren(element("p", headline));
  if (detail) output.append(detail);
}

/** Why a verified proof is not the one that the page claims to offer, or an empty text. */
async function mismatch(found, { kind, expected, value }) {
  if (!kind) return "";
  if (found.kind !== kind) return say("otherKind");
  if (kind === "state") {
    if (toHex(found.key) !== expected) return say("otherRecord");
    const digest = found.value === null ? "" : await crypto.subtle.digest("SHA-256", found.value);
    if ((digest && toHex(new Uint8Array(digest))) !== value) return say("changedSince");
  } else if (kind === "receipt") {
    if (toHex(found.receipt.subject) !== expected) return say("otherRecord");
  } else if (toHex(await headerHash(found.header)) !== expected) return say("otherRecord");
  return "";
}

async function judge(bytes, output, claim = {}) {
  if (!genesis) {
    show(output, "bad", say("genesisFirst"));
    document.getElementById("genesis").focus();
    return;
  }
  try {
    const found = await verifyProof(bytes, genesis);
    const shape = claim.shape ? JSON.parse(claim.shape) : undefined;
    const wrong = await mismatch(found, claim);
    const headline = wrong ? `${say("provenBut")} ${wrong}` : say("verified");
    show(output, wrong ? "warn" : "good", headline, provenFacts(found, shape));
  } catch (error) {
    show(output, "bad", `${say("refused")} ${error.code ?? ""} ${error.message}`);
  }
}

async function judgeLink(item) {
  const output = item.querySelector("output");
  show(output, "", say("working"));
  try {
    const answer = await fetch(item.querySelector("a").href);
    if (!answer.ok) throw new Error(`${answer.status}`);
    await judge(new Uint8Array(await answer.arrayBuffer()), output, item.dataset);
  } catch (error) {
    show(output, "bad", `${say("noFile")} ${error.message}`);
  }
}

async function judgeFiles(files) {
  const all = document.getElementById("verdicts");
  for (const file of files) {
    const item = element("li", element("b", file.name));
    const output = element("output");
    item.append(output);
    all.prepend(item);
    await judge(new Uint8Array(await file.arrayBuffer()), output);
  }
}

// Wiring -----------------------------------------------------------------------------------------

async function begin() {
  const unable = await whyUnable();
  if (unable) {
    tellGenesis("bad", say(unable));
    return;
  }
  section.classList.add("able");
  const chosen = document.getElementById("genesis");
  chosen.addEventListener("change", async () => {
    if (chosen.files.length) await useGenesis(await chosen.files[0].text(), false);
  });
  const kept = keptGenesis();
  if (kept) await useGenesis(kept, true);
  for (const item of section.querySelectorAll("[data-kind]")) {
    item.querySelector("button").addEventListener("click", () => judgeLink(item));
  }
  const files = document.getElementById("files");
  files?.addEventListener("change", () => judgeFiles(files.files));
}

await begin();
