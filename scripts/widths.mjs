// Holds the Rust files against the width of style: no comment is wider than 100 columns, and few
// lines of code are (a text that has no place to break, SQL in columns).
//
// `node scripts/widths.mjs` checks the tree; `--self-test` checks the check.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const WIDTH = 100
// Lines of code past the width, of all lines. It only ever goes down; the aim is 0.003.
const SHARE_MAX = 0.0044

/** Returns the numbers of all lines, of wide lines of code, and the wide comments with their places. */
function measure(file, text) {
  const lines = text.split('\n')
  const wide = lines.flatMap((line, at) => ([...line].length > WIDTH ? [{ line, at: at + 1 }] : []))
  const isComment = ({ line }) => line.trimStart().startsWith('//')
  // An address stands alone and has no place to break.
  const comments = wide.filter(isComment).filter(({ line }) => line.trim().split(/\s+/).length > 2)
  return {
    lines: lines.length,
    code: wide.filter((one) => !isComment(one)).length,
    comments: comments.map(({ at }) => `${file}:${at} is a comment wider than ${WIDTH} columns`),
  }
}

function selfTest() {
  const long = 'x'.repeat(WIDTH)
  const found = measure('a.rs', `// so ${long}\n// ${long}\nlet ${long};\n// short\nlet umlaut = "${'ü'.repeat(80)}";`)
  const right = found.lines === 5 && found.code === 1 && found.comments.length === 1
  if (!right) throw new Error(`the check counts wrongly: ${JSON.stringify(found)}`)
}

if (process.argv.includes('--self-test')) {
  selfTest()
} else {
  const files = execFileSync('git', ['ls-files', '*.rs'], { encoding: 'utf8' }).split('\n')
  const found = files.filter(Boolean).map((file) => measure(file, readFileSync(file, 'utf8')))
  const sum = (of) => found.reduce((total, one) => total + of(one), 0)
  const comments = found.flatMap((one) => one.comments)
  const share = sum((one) => one.code) / sum((one) => one.lines)
  const said = `${sum((one) => one.code)} lines of code are wider than ${WIDTH} columns, ${(100 * share).toFixed(2)} %`
  comments.forEach((comment) => console.error(comment))
  if (share > SHARE_MAX) console.error(`${said}; allowed is ${100 * SHARE_MAX} %: break some`)
  if (comments.length > 0 || share > SHARE_MAX) process.exit(1)
  console.log(said)
}
