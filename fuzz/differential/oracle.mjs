// Judges claims and signatures with viem. One line of JSON on stdin asks, one line on stdout answers.
import { createInterface } from 'node:readline'
import {
  bytesToHex, compactSignatureToSignature, hashTypedData, hexToBytes, numberToHex, parseCompactSignature, parseSignature, recoverAddress,
  serializeCompactSignature, serializeSignature, signatureToCompactSignature,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const LAST = (1n << 256n) - 1n
const ENDS = { zero: 0n, order: ORDER, 'half order': ORDER >> 1n, last: LAST }
const WITHDRAWAL = [
  { name: 'user', type: 'address' }, { name: 'amount', type: 'uint256' }, { name: 'nonce', type: 'uint256' }, { name: 'deadline', type: 'uint256' },
]

const word = (value) => numberToHex(value & LAST, { size: 32 })

/** The typed data put together here from its fields, not as the server tells it. */
function built({ name, version, chainId, verifyingContract, user, amount, nonce, deadline }) {
  return {
    domain: { name, version, chainId: BigInt(chainId), verifyingContract },
    types: { Withdrawal: WITHDRAWAL },
    primaryType: 'Withdrawal',
    message: { user, amount: BigInt(amount), nonce: BigInt(nonce), deadline: BigInt(deadline) },
  }
}

/** The signature as it is sent, after what was done to it. */
function twisted(signature, twist) {
  const { r, s, yParity } = parseSignature(signature)
  const [half, v] = [signature.slice(0, 130), signature.slice(130)]
  switch (twist.kind) {
    case 'nothing':
    case 'field':
      return signature
    case 'compact':
      return serializeCompactSignature(signatureToCompactSignature({ r, s, yParity }))
    case 'high s':
      return serializeSignature({ r, s: word(ORDER - BigInt(s)), yParity: 1 - yParity })
    case 'v':
      return half + numberToHex(twist.v, { size: 1 }).slice(2)
    case 'flip': {
      const bytes = hexToBytes(signature)
      bytes[twist.byte % bytes.length] ^= 1 << twist.bit
      return bytesToHex(bytes)
    }
    case 'part': {
      const part = word(ENDS[twist.near.end] + BigInt(twist.near.step)).slice(2)
      return twist.part === 'r' ? `0x${part}${s.slice(2)}${v}` : `${r}${part}${v}`
    }
    case 'bytes':
      return twist.bytes
  }
  throw new Error(`unknown twist ${twist.kind}`)
}

/** Who signed, or why it is nobody: EIP-2 (low s), EIP-2098 (64 bytes), v of 0, 1, 27 or 28. */
async function judged(hash, sent, compact) {
  const bytes = hexToBytes(sent)
  if (bytes.length !== 65 && !(compact && bytes.length === 64)) return 'length'
  if (bytes.length === 65 && ![0, 1, 27, 28].includes(bytes[64])) return 'parity'
  const whole = bytes.length === 64 ? serializeSignature(compactSignatureToSignature(parseCompactSignature(sent))) : sent
  const [r, s] = [BigInt(whole.slice(0, 66)), BigInt(`0x${whole.slice(66, 130)}`)]
  if (s > ORDER >> 1n) return 'high s'
  if (r === 0n || s === 0n || r >= ORDER) return 'out of range'
  try {
    return await recoverAddress({ hash, signature: whole })
  } catch {
    return 'unrecoverable'
  }
}

function address(key) {
  try {
    return { address: privateKeyToAccount(key).address }
  } catch {
    return {}
  }
}

async function answer(question) {
  if (question.address) return address(question.address)
  const { typedData, fields, key, digest, compact, twist } = question
  const signature = await privateKeyToAccount(key).signTypedData(built({ ...fields, ...(twist.kind === 'field' ? twist : {}) }))
  const sent = twisted(signature, twist)
  return { shown: hashTypedData(typedData), built: hashTypedData(built(fields)), sent, judged: await judged(digest, sent, compact) }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`)
}
