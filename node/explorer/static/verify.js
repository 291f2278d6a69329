// Verifies proof files of the ledger in the reader's own browser, from a genesis file alone.
//
// Nothing here asks a node. What is trusted is the genesis file that the reader supplies, the
// browser's WebCrypto (SHA-256 and Ed25519), and this file, which is short enough to be read:
//
//   1  bytes         comparing, joining, hexadecimal
//   2  encoding      canonical MessagePack: one value, one encoding
//   3  structures    headers, certificates, validators, receipts, proofs
//   4  hashing       SHA-256 over tag ‖ chain id ‖ bytes, Merkle paths (RFC 9162)
//   5  signatures    Ed25519 (RFC 8032) by the ledger's one acceptance rule
//   6  genesis       the document, its hash (the chain id) and every guarantor's approval
//   7  proofs        finality, receipts, records of the state, extensions
//
// It reaches the same verdicts as the ledger's own verifier, ledger/proof.py; the tests hold the
// two against each other. Integers are BigInt, because amounts go up to 2^63-1.
//
//   const genesis = await readGenesis(textOfTheFile);
//   const found = await verifyProof(bytesOfTheProof, genesis);   // or throws a ProofError

/** A verdict against a file. `code` is the ledger's stable code, as `iic audit` reports it. */
export class ProofError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const refuse = (code, message) => {
  throw new ProofError(code, message);
};

// 1 bytes ---------------------------------------------------------------------------------------

export const toHex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

export function fromHex(text) {
  if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) {
    refuse("BAD_GENESIS", "bytes are written in lower-case hexadecimal");
  }
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

function join(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Below zero, zero or above, as bytes compare in order. */
function compare(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

const ascii = (text) => new TextEncoder().encode(text);

// 2 encoding ------------------------------------------------------------------------------------
// MessagePack without maps, floats and extensions; every integer, text and array in its shortest
// form; text in Unicode NFC. A value is null, a boolean, a BigInt, a string, a Uint8Array or an
// array of values.

const MAX_INT = 2n ** 63n - 1n;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 500;

/** The canonical bytes of a value. */
export function encode(value) {
  const parts = [];
  write(value, parts);
  return join(...parts);
}

function bigEndian(value, width) {
  const bytes = new Uint8Array(width);
  let rest = BigInt.asUintN(width * 8, BigInt(value));
  for (let i = width - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

function write(value, parts) {
  const put = (first, number, width) => parts.push(Uint8Array.of(first), bigEndian(number, width));
  if (value === null) parts.push(Uint8Array.of(0xc0));
  else if (typeof value === "boolean") parts.push(Uint8Array.of(value ? 0xc3 : 0xc2));
  else if (typeof value === "bigint") {
    if (value >= 0n) {
      if (value < 0x80n) parts.push(Uint8Array.of(Number(value)));
      else if (value < 0x100n) put(0xcc, value, 1);
      else if (value < 0x10000n) put(0xcd, value, 2);
      else if (value < 0x100000000n) put(0xce, value, 4);
      else put(0xcf, value, 8);
    } else if (value >= -32n) parts.push(bigEndian(value, 1));
    else if (value >= -0x80n) put(0xd0, value, 1);
    else if (value >= -0x8000n) put(0xd1, value, 2);
    else if (value >= -0x80000000n) put(0xd2, value, 4);
    else put(0xd3, value, 8);
  } else if (typeof value === "string") {
    const bytes = ascii(value);
    const size = bytes.length;
    if (size < 32) parts.push(Uint8Array.of(0xa0 | size));
    else if (size < 0x100) put(0xd9, size, 1);
    else if (size < 0x10000) put(0xda, size, 2);
    else put(0xdb, size, 4);
    parts.push(bytes);
  } else if (value instanceof Uint8Array) {
    const size = value.length;
    if (size < 0x100) put(0xc4, size, 1);
    else if (size < 0x10000) put(0xc5, size, 2);
    else put(0xc6, size, 4);
    parts.push(value);
  } else {
    const size = value.length;
    if (size < 16) parts.push(Uint8Array.of(0x90 | size));
    else if (size < 0x10000) put(0xdc, size, 2);
    else put(0xdd, size, 4);
    for (const item of value) write(item, parts);
  }
}

/** The value of canonical bytes; anything else is refused. */
export function decode(bytes, limit = MAX_FILE_BYTES) {
  if (bytes.length > limit) refuse("TOO_LARGE", `${bytes.length} bytes, at most ${limit}`);
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length) refuse("MALFORMED", "bytes are left after the value");
  requireProfile(value);
  // One comparison instead of a rule for every form: what is not shortest encodes differently.
  if (!equal(encode(value), bytes)) refuse("NOT_CANONICAL", "the encoding is not the shortest");
  return value;
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  take(size) {
    if (this.at + size > this.bytes.length) refuse("MALFORMED", "the file is cut short");
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  number(width) {
    let found = 0n;
    for (const byte of this.take(width)) found = (found << 8n) | BigInt(byte);
    return found;
  }

  text(size) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(size));
    } catch (error) {
      if (error instanceof ProofError) throw error;
      return refuse("MALFORMED", "text is not UTF-8");
    }
  }

  array(size, depth) {
    if (depth >= MAX_DEPTH) refuse("MALFORMED", "arrays are nested too deeply");
    if (size > this.bytes.length - this.at) refuse("MALFORMED", "the file is cut short");
    return Array.from({ length: size }, () => this.value(depth + 1));
  }

  value(depth) {
    const [first] = this.take(1);
    if (first < 0x80) return BigInt(first);
    if (first >= 0xe0) return BigInt(first) - 256n;
    if (first >= 0x90 && first < 0xa0) return this.array(first & 15, depth);
    if (first >= 0xa0 && first < 0xc0) return this.text(first & 31);
    switch (first) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: case 0xc5: case 0xc6:
        return this.take(Number(this.number(1 << (first - 0xc4)))).slice();
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return this.number(1 << (first - 0xcc));
      case 0xd0: case 0xd1: case 0xd2: case 0xd3: {
        const width = 1 << (first - 0xd0);
        return BigInt.asIntN(width * 8, this.number(width));
      }
      case 0xd9: case 0xda: case 0xdb: return this.text(Number(this.number(1 << (first - 0xd9))));
      case 0xdc: case 0xdd: return this.array(Number(this.number(2 << (first - 0xdc))), depth);
      default: return refuse("MALFORMED", "maps, floats and extensions are not of the ledger");
    }
  }
}

function requireProfile(value) {
  if (Array.isArray(value)) value.forEach(requireProfile);
  else if (typeof value === "string" && value.normalize("NFC") !== value) {
    refuse("NOT_CANONICAL", "text must be in Unicode NFC");
  } else if (typeof value === "bigint" && (value > MAX_INT || value < -MAX_INT - 1n)) {
    refuse("MALFORMED", "integers lie within -(2^63) and 2^63-1");
  }
}

// 3 structures ----------------------------------------------------------------------------------
// A kind is a function from a decoded value to what the code works with; it refuses what does not
// fit. A structure is the array [tag, field, field, …] and becomes an object with these fields and
// the array itself as `plain`, from which its exact bytes are made again for hashing.

function need(holds, path) {
  if (!holds) refuse("MALFORMED", `${path} is not what stands there in such a file`);
}

const anything = (value) => value;

const integer = (low, high) => (value, path) => {
  need(typeof value === "bigint" && value >= low && value <= high, path);
  return value;
};
const uint = integer(0n, MAX_INT);
const signed = integer(-MAX_INT - 1n, MAX_INT);

const bytes = (low, high = low) => (value, path) => {
  need(value instanceof Uint8Array && value.length >= low && value.length <= high, path);
  return value;
};
const hash32 = bytes(32);

const text = (low = 0, high = Infinity) => (value, path) => {
  // Length in code points, as the ledger counts.
  need(typeof value === "string" && [...value].length >= low && [...value].length <= high, path);
  return value;
};

const optional = (kind) => (value, path) => (value === null ? null : kind(value, path));

const list = (kind, low = 0, high = Infinity) => (value, path) => {
  need(Array.isArray(value) && value.length >= low && value.length <= high, path);
  return value.map((item, i) => kind(item, `${path}[${i}]`));
};

const struct = (tag, fields) => (value, path) => {
  const names = Object.keys(fields);
  const skip = tag === null ? 0 : 1;
  need(Array.isArray(value) && value.length === names.length + skip, path);
  need(tag === null || value[0] === tag, `${path}[0]`);
  const made = { plain: value };
  names.forEach((name, i) => {
    made[name] = fields[name](value[i + skip], `${path}.${name}`);
  });
  return made;
};

const HEADER = struct(1n, {
  chainId: hash32, height: uint, view: uint, epoch: uint, parent: hash32, time: uint,
  transactions: uint, receipts: uint, transactionsRoot: hash32, receiptsRoot: hash32,
  stateRoot: hash32, historyRoot: hash32, validatorsHash: hash32, nextValidatorsHash: hash32,
  protocol: uint,
});

const FINALIZE = 3n;
const RECOVER = 4n; // survivors of a disaster ended an epoch, where no quorum was left

const CERTIFICATE = struct(1n, {
  kind: integer(1n, 4n), epoch: uint, view: uint, block: hash32,
  signatures: list(struct(null, { signer: uint, signature: bytes(64) }), 1, 100),
});

const VALIDATOR = struct(1n, {
  party: text(20, 20), name: text(1, 64), country: text(2, 2), voteKey: hash32,
  certificate: bytes(0, 4096), address: text(3, 128),
});

const VALIDATORS = struct(1n, { epoch: uint, validators: list(VALIDATOR, 1, 100) });

const FINALITY = struct(1n, {
  header: HEADER, certificate: CERTIFICATE,
  changes: list(struct(1n, { header: HEADER, certificate: CERTIFICATE, validators: VALIDATORS })),
});

const POSTING = struct(null, {
  account: text(), unit: text(), amount: signed, balance: signed, sequence: uint,
  previous: list(uint, 2, 2),
});

const RECEIPT = struct(1n, {
  subject: hash32, code: text(), reason: text(0, 400), field: text(), postings: list(POSTING),
  events: list(list(anything)),
});

const PATH = list(hash32, 0, 64);
const MAX_TRANSACTION_BYTES = 64 * 1024;

const PROVEN_RECEIPT = struct("iic.receipt/1", {
  transaction: bytes(0, MAX_TRANSACTION_BYTES + 4096), receipt: RECEIPT, index: uint,
  transactionPath: PATH, receiptPath: PATH, header: HEADER, historyPath: PATH, finality: FINALITY,
});

const BRANCH_HEAD = 9;
const BRANCH_BYTES = BRANCH_HEAD + 16 * 32;
const BUCKET_BYTES = 1 + 64 * 64;

const PROVEN_STATE = struct("iic.state/1", {
  key: bytes(0, 400), value: optional(bytes(0, Infinity)),
  proof: struct(1n, {
    branches: list(bytes(BRANCH_BYTES), 0, 64), bucket: bytes(0, BUCKET_BYTES),
  }),
  finality: FINALITY,
});

const PROVEN_EXTENSION = struct("iic.extension/1", {
  header: HEADER, inclusionPath: PATH, consistencyPath: PATH, finality: FINALITY,
});

const SIGNED_TRANSACTION = struct(1n, {
  content: bytes(0, MAX_TRANSACTION_BYTES),
  signatures: list(struct(null, { key: hash32, signature: bytes(64) }), 0, 16),
});

const TRANSACTION = struct(1n, {
  chainId: hash32, author: text(20, 20), operations: list(list(anything), 1, 64),
  validUntil: uint, reference: text(0, 64), salt: bytes(8),
});

// 4 hashing -------------------------------------------------------------------------------------

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
}

/** What a signature of a domain covers: the domain's tag, the ledger's name, the bytes. */
const message = (tag, chainId, data) => join(ascii(`iic/${tag}/1\0`), chainId, data);

const digest = (tag, chainId, data) => sha256(message(tag, chainId, data));

/** A block's identity. */
export const headerHash = (header) => digest("header", header.chainId, encode(header.plain));

const leafHash = (leaf) => sha256(Uint8Array.of(0), leaf);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/** RFC 9162 §2.1.3.2: whether `leaf` is number `index` of the `size` leaves under `root`. */
export async function verifyInclusion(leaf, index, size, path, root) {
  if (index < 0n || index >= size) return false;
  let position = index;
  let last = size - 1n;
  let found = await leafHash(leaf);
  for (const sibling of path) {
    if (last === 0n) return false;
    if (position & 1n || position === last) {
      found = await nodeHash(sibling, found);
      while (!(position & 1n) && position) {
        position >>= 1n;
        last >>= 1n;
      }
    } else found = await nodeHash(found, sibling);
    position >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equal(found, root);
}

/** RFC 9162 §2.1.4.2: whether the tree of `size2` leaves begins with that of `size1` leaves. */
export async function verifyConsistency(size1, size2, path, root1, root2) {
  if (size1 === size2) return path.length === 0 && equal(root1, root2);
  if (size1 <= 0n || size1 > size2) return false;
  const nodes = (size1 & (size1 - 1n)) === 0n ? [root1, ...path] : path;
  if (!nodes.length) return false;
  let position = size1 - 1n;
  let last = size2 - 1n;
  while (position & 1n) {
    position >>= 1n;
    last >>= 1n;
  }
  let older = nodes[0];
  let newer = nodes[0];
  for (const node of nodes.slice(1)) {
    if (last === 0n) return false;
    if (position & 1n || position === last) {
      older = await nodeHash(node, older);
      newer = await nodeHash(node, newer);
      while (!(position & 1n) && position) {
        position >>= 1n;
        last >>= 1n;
      }
    } else newer = await nodeHash(newer, node);
    position >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equal(older, root1) && equal(newer, root2);
}

/**
 * The authenticated state: a 16-ary tree over digests of keys. A branch page is 0x01, a count of 8
 * bytes and 16 hashes of children; a bucket page is 0x00 and pairs of key digest and value digest.
 */
async function requireState(chainId, root, key, value, proof) {
  const keyDigest = await digest("state-key", chainId, key);
  const nibble = (depth) => (depth & 1 ? keyDigest[depth >> 1] & 15 : keyDigest[depth >> 1] >> 4);
  const none = new Uint8Array(32);
  let expected = root;
  for (const [depth, page] of proof.branches.entries()) {
    if (page[0] !== 1 || !equal(await digest("state-branch", chainId, page), expected)) {
      refuse("BAD_PROOF", `page ${depth} of the proof is not the tree's`);
    }
    const start = BRANCH_HEAD + 32 * nibble(depth);
    expected = page.slice(start, start + 32);
  }
  let found = null;
  if (proof.bucket.length === 0) {
    if (!proof.branches.length || !equal(expected, none)) {
      refuse("BAD_PROOF", "the proof stops before it reaches the key's place");
    }
  } else {
    const page = proof.bucket;
    if (page[0] !== 0 || !equal(await digest("state-bucket", chainId, page), expected)) {
      refuse("BAD_PROOF", "the last page of the proof is not the tree's");
    }
    for (let at = 1; at + 64 <= page.length && found === null; at += 64) {
      if (equal(page.subarray(at, at + 32), keyDigest)) found = page.subarray(at + 32, at + 64);
    }
  }
  if (value === null) {
    if (found !== null) refuse("BAD_PROOF", "the key is present under this root");
    return;
  }
  if (found === null) refuse("BAD_PROOF", "the key is absent under this root");
  if (!equal(found, await digest("state-value", chainId, join(keyDigest, value)))) {
    refuse("BAD_PROOF", "the key has another value under this root");
  }
}

// 5 signatures ----------------------------------------------------------------------------------
// Implementations of Ed25519 disagree on malformed signatures, so the ledger states its rule: S is
// below the order L, the key is a canonical encoding, neither the key nor R is of small order, and
// the equation holds without cofactor. Browsers check the equation and S; the rest is checked here.

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const PRIME = 2n ** 255n - 19n;

const littleEndian = (some) => some.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** The y coordinates of the eight points of small order. */
const SMALL_ORDER = new Set([
  0n, 1n, PRIME - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
]);

function isPlainPoint(encoded) {
  const y = littleEndian(encoded) & (2n ** 255n - 1n);
  return y < PRIME && !SMALL_ORDER.has(y);
}

/** Whether the ledger accepts this signature by this key over these bytes. */
export async function verifySignature(key, signature, data) {
  if (key.length !== 32 || signature.length !== 64) return false;
  if (littleEndian(signature.subarray(32)) >= ORDER) return false;
  if (!isPlainPoint(key) || !isPlainPoint(signature.subarray(0, 32))) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, signature, data);
  } catch (error) {
    if (error?.name === "NotSupportedError") throw error;
    return false; // no point of the curve
  }
}

/** Why this page cannot verify, or an empty text: some browsers and addresses lack WebCrypto. */
export async function whyUnable() {
  if (!globalThis.crypto?.subtle) return "insecure";
  try {
    const key = fromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return "";
  } catch {
    return "ed25519";
  }
}

// 6 genesis -------------------------------------------------------------------------------------

const PROTOCOL = 1n;

function bad(sentence) {
  refuse("BAD_GENESIS", sentence);
}

function fromBase64(encoded) {
  try {
    const raw = atob(encoded);
    if (btoa(raw) === encoded) return Uint8Array.from(raw, (c) => c.charCodeAt(0));
  } catch {
    // told below
  }
  return bad("not base64 of RFC 4648");
}

function requireFields(object, names, what) {
  const found = object !== null && typeof object === "object" ? Object.keys(object) : [];
  if (found.sort().join() !== [...names].sort().join()) bad(`${what} has other fields`);
}

/**
 * The genesis of a file's text, approved by every guarantor that it names.
 *
 * Its chain id is computed from the content: compare it with one that you were told elsewhere.
 */
export async function readGenesis(source) {
  let file;
  try {
    file = JSON.parse(source);
  } catch {
    bad("this is no genesis file");
  }
  requireFields(file, ["format", "network", "chain_id", "time", "protocol", "validators",
    "application", "application_text", "approvals"], "the genesis file");
  if (file.format !== "iic-genesis-1") bad("a genesis file has format iic-genesis-1");
  if (!/^[a-z0-9][a-z0-9-]{1,31}$/.test(file.network)) bad("the network's name is none");
  if (!Number.isSafeInteger(file.time) || file.time < 0) bad("the time is none");
  if (file.protocol !== Number(PROTOCOL)) bad(`this script knows protocol ${PROTOCOL}`);
  if (!Array.isArray(file.validators) || !Array.isArray(file.approvals)) bad("lists are missing");
  const validators = VALIDATORS([1n, 0n, file.validators.map(plainValidator)], "validators");
  requireDistinct(validators.validators);
  const plain = [1n, file.network, BigInt(file.time), validators.plain,
    fromBase64(file.application), PROTOCOL];
  const chainId = await digest("genesis", new Uint8Array(32), encode(plain));
  if (file.chain_id !== toHex(chainId)) bad(`the content has chain id ${toHex(chainId)}`);
  await requireApprovals(validators.validators, file.approvals, chainId);
  return { network: file.network, time: BigInt(file.time), chainId, validators };
}

function plainValidator(written) {
  requireFields(written, ["party", "name", "country", "address", "vote_key", "certificate"],
    "a validator");
  if (!/^[A-Z0-9]{20}$/.test(written.party)) bad("a party is an LEI");
  if (!/^[A-Z]{2}$/.test(written.country)) bad("a country is an ISO 3166 alpha-2 code");
  const port = /^(?:\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})$/.exec(written.address);
  if (!port || Number(port[1]) < 1 || Number(port[1]) > 65535) bad("an address is host:port");
  return [1n, written.party, written.name, written.country, fromHex(written.vote_key),
    fromBase64(written.certificate), written.address];
}

function requireDistinct(validators) {
  for (const field of ["party", "name", "voteKey", "certificate", "address"]) {
    if (new Set(validators.map((v) => String(v[field]))).size !== validators.length) {
      bad(`two validators have the same ${field}`);
    }
  }
}

async function requireApprovals(validators, approvals, chainId) {
  const given = new Map(approvals.map((entry) => [entry.party, entry.signature]));
  if (given.size !== approvals.length) bad("a party approves twice");
  for (const { party, voteKey } of validators) {
    if (!given.has(party)) bad(`not approved yet by ${party}`);
    const covered = message("genesis-approval", chainId, encode(party));
    if (!(await verifySignature(voteKey, fromHex(given.get(party)), covered))) {
      refuse("BAD_SIGNATURE", `the approval of ${party} does not verify`);
    }
    given.delete(party);
  }
  if (given.size) bad(`${[...given.keys()][0]} is no validator`);
}

// 7 proofs --------------------------------------------------------------------------------------

/**
 * What a proof file proves, or a ProofError.
 *
 * The answer has `kind` (receipt, state, extension), `signers` (who certified), `header` (the block
 * that it is about), `certified` (the header that they signed, itself or a descendant), and by
 * kind: `receipt`, `index`, `transaction` (null for a deadline); `key`, `value` (null: the key has
 * none); or only the header.
 */
export async function verifyProof(data, genesis) {
  const plain = decode(data);
  const kind = Array.isArray(plain) ? plain[0] : null;
  if (kind === "iic.state/1") return verifyState(PROVEN_STATE(plain, "proof"), genesis);
  if (kind === "iic.extension/1") return verifyExtension(PROVEN_EXTENSION(plain, "proof"), genesis);
  return verifyReceipt(PROVEN_RECEIPT(plain, "receipt"), genesis);
}

/**
 * Who finalized a header, along every change of validators since genesis, and the recoveries on the
 * way: where survivors ended an epoch in place of a quorum, who signed, who was lost, and how many
 * of the signers may have hidden votes without a final block being lost.
 */
async function verifyFinality(finality, { chainId, validators: first }) {
  let validators = first;
  let height = 0n;
  const recoveries = [];
  for (const change of finality.changes) {
    await requireCertified(change.header, change.certificate, validators, chainId);
    const following = change.validators;
    if (following.epoch !== validators.epoch + 1n || change.header.height <= height) {
      refuse("BAD_PROOF", "validator changes follow each other, oldest first");
    }
    const hash = await digest("validators", chainId, encode(following.plain));
    if (!equal(hash, change.header.nextValidatorsHash)) {
      refuse("BAD_PROOF", `block ${change.header.height} hands over to other validators`);
    }
    requireRightHeirs(change, validators);
    recoveries.push(...recoveryIn(change.header, change.certificate, validators));
    validators = following;
    height = change.header.height;
  }
  const { header, certificate, changes } = finality;
  if (header.height <= height && changes.length) {
    refuse("BAD_PROOF", "the header is older than the last change of validators");
  }
  await requireCertified(header, certificate, validators, chainId);
  recoveries.push(...recoveryIn(header, certificate, validators));
  return {
    recoveries,
    epoch: validators.epoch,
    validators: validators.validators.length,
    changes: changes.length,
    names: certificate.signatures.map((s) => validators.validators[Number(s.signer)].name),
  };
}

/** The survivors' own block hands over to those who signed it and to nobody else. */
function requireRightHeirs({ header, certificate, validators: following }, { validators }) {
  if (certificate.kind !== RECOVER || certificate.view !== header.view) return;
  const heirs = certificate.signatures.map((s) => validators[Number(s.signer)].plain);
  if (!equal(encode(heirs), encode(following.validators.map((v) => v.plain)))) {
    refuse("BAD_PROOF", `the recovery in block ${header.height} hands over to others`);
  }
}

function recoveryIn(header, certificate, { validators, epoch }) {
  if (certificate.kind !== RECOVER) return [];
  const signers = new Set(certificate.signatures.map((s) => Number(s.signer)));
  const named = (signs) => validators.filter((_, i) => signers.has(i) === signs).map((v) => v.name);
  return [{
    height: header.height, epoch, signed: named(true), lost: named(false),
    liesBorne: signers.size - faults(validators.length) - 1,
    confirms: certificate.view !== header.view,
  }];
}

/** How many of so many validators consensus bears. */
const faults = (size) => Math.floor((size - 1) / 3);

async function requireCertified(header, certificate, validators, chainId) {
  requireChain(header, chainId);
  const hash = await digest("validators", chainId, encode(validators.plain));
  if (header.epoch !== validators.epoch || !equal(header.validatorsHash, hash)) {
    refuse("BAD_PROOF", `block ${header.height} is not of epoch ${validators.epoch}`);
  }
  const block = await headerHash(header);
  const { kind, view, epoch, signatures } = certificate;
  // Only a block that hands over may be final in a later view than its own, or by survivors.
  const last = !equal(header.nextValidatorsHash, header.validatorsHash);
  const fits = kind === FINALIZE || (last && kind === RECOVER);
  const inTime = view === header.view || (last && view > header.view);
  if (!fits || !inTime || !equal(certificate.block, block)) {
    refuse("BAD_CERTIFICATE", `the certificate is no finalization of block ${header.height}`);
  }
  const size = validators.validators.length;
  const [needed, tag] = kind === RECOVER
    ? [Math.ceil(size / 2), "vote-recover"] : [size - faults(size), "vote-finalize"];
  if (epoch !== validators.epoch) refuse("BAD_CERTIFICATE", "the certificate is of another epoch");
  if (signatures.some((s, i) => i > 0 && s.signer <= signatures[i - 1].signer)) {
    refuse("BAD_CERTIFICATE", "signers are in ascending order, each once");
  }
  if (signatures.at(-1).signer >= BigInt(size)) refuse("BAD_CERTIFICATE", "no such validator");
  if (signatures.length < needed) {
    refuse("BAD_CERTIFICATE", `${signatures.length} signatures, it takes ${needed} of ${size}`);
  }
  const covered = message(tag, chainId, encode([epoch, view, block]));
  for (const { signer, signature } of signatures) {
    const key = validators.validators[Number(signer)].voteKey;
    if (!(await verifySignature(key, signature, covered))) {
      refuse("BAD_CERTIFICATE", `the signature of validator ${signer} does not verify`);
    }
  }
}

function requireChain(header, chainId) {
  if (!equal(header.chainId, chainId)) {
    refuse("WRONG_CHAIN", `block ${header.height} is of another ledger than the genesis file`);
  }
  if (header.protocol > PROTOCOL) refuse("BAD_PROOF", `this script knows protocol ${PROTOCOL}`);
}

async function requireHistory(header, path, certified) {
  const block = await headerHash(header);
  const { height, historyRoot } = certified;
  if (!(await verifyInclusion(block, header.height, height, path, historyRoot))) {
    refuse("BAD_PROOF", `block ${header.height} is not in the history of block ${height}`);
  }
}

const sameHeader = (a, b) => equal(encode(a.plain), encode(b.plain));

async function verifyReceipt(proven, genesis) {
  const { chainId } = genesis;
  const { header, receipt, index, finality, historyPath } = proven;
  const signers = await verifyFinality(finality, genesis);
  requireChain(header, chainId);
  if (sameHeader(header, finality.header)) {
    if (historyPath.length) refuse("BAD_PROOF", "a certified header needs no proof in a history");
  } else await requireHistory(header, historyPath, finality.header);
  const leaf = await digest("receipt", chainId, encode(receipt.plain));
  const { receipts, receiptsRoot } = header;
  if (!(await verifyInclusion(leaf, index, receipts, proven.receiptPath, receiptsRoot))) {
    refuse("BAD_PROOF", `the receipt is not number ${index} of its block`);
  }
  const transaction = await verifyTransaction(proven, chainId);
  return { kind: "receipt", signers, header, certified: finality.header, receipt, index,
    transaction };
}

async function verifyTransaction(proven, chainId) {
  const { header, receipt, transaction, transactionPath } = proven;
  const position = proven.index - (header.receipts - header.transactions);
  if (position < 0n) {
    if (transaction.length || transactionPath.length) {
      refuse("BAD_RECEIPT", "a deadline's receipt answers no transaction");
    }
    return null;
  }
  const envelope = SIGNED_TRANSACTION(
    decode(transaction, MAX_TRANSACTION_BYTES + 4096), "transaction");
  const { content, signatures } = envelope;
  if (signatures.some((s, i) => i > 0 && compare(signatures[i - 1].key, s.key) >= 0)) {
    refuse("MALFORMED", "signatures are in ascending order of keys, each key once");
  }
  if (!equal(await digest("transaction", chainId, content), receipt.subject)) {
    refuse("BAD_RECEIPT", "the receipt answers another transaction");
  }
  const leaf = await digest("transaction-wire", chainId, transaction);
  const { transactions, transactionsRoot } = header;
  if (!(await verifyInclusion(leaf, position, transactions, transactionPath, transactionsRoot))) {
    refuse("BAD_PROOF", `the transaction is not number ${position} of its block`);
  }
  const covered = message("transaction-signature", chainId, content);
  for (const { key, signature } of signatures) {
    if (!(await verifySignature(key, signature, covered))) {
      refuse("BAD_SIGNATURE", `the signature by key ${toHex(key).slice(0, 16)}… does not verify`);
    }
  }
  const read = TRANSACTION(decode(content, MAX_TRANSACTION_BYTES), "transaction");
  if (!equal(read.chainId, chainId)) refuse("WRONG_CHAIN", "made for another ledger");
  return { ...read, keys: signatures.map((s) => s.key) };
}

async function verifyState(proven, genesis) {
  const { key, value, proof, finality } = proven;
  const signers = await verifyFinality(finality, genesis);
  await requireState(genesis.chainId, finality.header.stateRoot, key, value, proof);
  return { kind: "state", signers, header: finality.header, certified: finality.header, key,
    value };
}

async function verifyExtension(proven, genesis) {
  const { header: older, inclusionPath, consistencyPath, finality } = proven;
  const newer = finality.header;
  const signers = await verifyFinality(finality, genesis);
  const found = { kind: "extension", signers, header: older, certified: newer };
  requireChain(older, genesis.chainId);
  if (sameHeader(older, newer)) {
    if (inclusionPath.length || consistencyPath.length) {
      refuse("BAD_PROOF", "a ledger extends itself without a proof");
    }
    return found;
  }
  await requireHistory(older, inclusionPath, newer);
  if (older.height === 0n) {
    if (consistencyPath.length || !equal(older.historyRoot, await sha256())) {
      refuse("BAD_PROOF", "block 0 has no history before it");
    }
  } else if (!(await verifyConsistency(older.height, newer.height, consistencyPath,
    older.historyRoot, newer.historyRoot))) {
    refuse("BAD_PROOF", `the history of block ${newer.height} does not begin with the older one`);
  }
  return found;
}
