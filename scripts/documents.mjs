// Holds the documents against their rule: one sentence a line, and no line break inside a sentence.
//
//   node scripts/documents.mjs                every page, but those of scripts/documents.exceptions
//   node scripts/documents.mjs FILE...        these pages, whatever the exceptions say
//   node scripts/documents.mjs --fix FILE...  puts their sentences into lines of their own
//   node scripts/documents.mjs --self-test    this program against samples of its own
//
// Prints FILE:LINE: what is wrong, and exits with 1 if anything is. Tables, headings, code blocks and HTML are no prose; an item of a list
// begins a paragraph of its own, and its further sentences are lines that are indented below it.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const EXCEPTIONS = 'scripts/documents.exceptions'

// Words whose point ends no sentence.
const ABBREVIATIONS = /(?:^|[\s("'*_])(?:e\.g|i\.e|etc|cf|vs|no|approx|St|Mr|Ms|Dr)\.$/i

// A word in bold at the beginning of a line says what the line is about, and is no sentence.
const LABEL = /^\s*\*\*[^*]+\.\*\*$/

// Of a line: without what is between backticks, and without the targets of links, in which points and capitals mean nothing.
function bare(line) {
  return line
    .replace(/(`+)(?:(?!\1).)+\1/g, (code) => 'x'.repeat(code.length))
    .replace(/\]\([^)]*\)/g, (target) => ']' + 'x'.repeat(target.length - 1))
}

// Where a sentence ends within a line: behind ., ! or ?, with whatever closes it, before a capital, a digit, a quote or code.
function ends(line) {
  const found = []
  const text = bare(line)
  for (const match of text.matchAll(/([.!?])(["'”’)\]*_]*)\s+(?=["'“‘(\[*_]*[\p{Lu}\d`x])/gu)) {
    const before = text.slice(0, match.index + 1)
    const next = line.slice(match.index + match[0].length)
    const lowercase = /^["'“‘(\[*_]*\p{Ll}/u.test(next)
    const none = ABBREVIATIONS.test(before) || lowercase || /\.\.\.$/.test(before) || LABEL.test(before + match[2])
    if (!none) found.push(match.index + match[0].length)
  }
  return found
}

const ITEM = /^(\s*)(?:[-*+]|\d+[.)])\s+(.*)$/

// What kind of line this is, outside of code.
function kind(line) {
  if (/^\s*$/.test(line)) return 'blank'
  if (/^\s*\|/.test(line)) return 'table'
  if (/^#{1,6}\s/.test(line)) return 'heading'
  if (/^\s*(?:---+|\*\*\*+|___+)\s*$/.test(line)) return 'rule'
  if (/^\s*<[/!a-zA-Z]/.test(line)) return 'html'
  if (/^\[[^\]]+\]:\s/.test(line)) return 'definition'
  if (ITEM.test(line)) return 'item'
  return 'prose'
}

// A line that may stand before another one of its paragraph: it ends a sentence, or introduces what follows.
function isWhole(line) {
  return /(?:[.!?:…]["'”’)\]*_`]*|\\| {2})$/.test(bare(line).trimEnd()) || / {2}$/.test(line)
}

export function check(text) {
  const wrong = []
  let fence = null
  let before = null // the line before, where it belongs to the same paragraph
  text.split('\n').forEach((line, index) => {
    const mark = line.match(/^\s*(?:>\s*)?(`{3,}|~{3,})/)
    if (fence) {
      if (mark && mark[1][0] === fence[0] && mark[1].length >= fence.length) fence = null
      return
    }
    if (mark) {
      fence = mark[1]
      before = null
      return
    }
    const quoted = line.replace(/^\s*>\s?/, '')
    const what = kind(quoted)
    if (what !== 'prose' && what !== 'item') {
      before = null
      return
    }
    const content = what === 'item' ? quoted.match(ITEM)[2] : quoted.trim()
    if (what === 'prose' && before !== null && !isWhole(before.line)) {
      wrong.push({ line: before.number, what: 'a sentence goes on in the next line; put it into one' })
    }
    if (ends(content).length > 0) {
      const [at] = ends(content)
      wrong.push({ line: index + 1, what: `a second sentence begins here: "${content.slice(at, at + 40)}"; give it a line of its own` })
    }
    before = { line: quoted, number: index + 1 }
  })
  return wrong
}

// Puts the sentences of a page into lines of their own. Further lines of an item stand below its text.
export function mended(text) {
  const lines = []
  let fence = null
  let paragraph = null // of prose: how it begins, how its further lines are indented, and its words
  const flush = () => {
    if (paragraph === null) return
    const { lead, indent, words } = paragraph
    const cuts = [0, ...ends(words), words.length]
    cuts.slice(1).forEach((cut, n) => lines.push((n === 0 ? lead : indent) + words.slice(cuts[n], cut).trim()))
    paragraph = null
  }
  for (const line of text.split('\n')) {
    const mark = line.match(/^\s*(?:>\s*)?(`{3,}|~{3,})/)
    if (fence || mark) {
      flush()
      lines.push(line)
      if (!fence) fence = mark[1]
      else if (mark && mark[1][0] === fence[0] && mark[1].length >= fence.length) fence = null
      continue
    }
    const quote = line.match(/^\s*>\s?/)?.[0] ?? ''
    const rest = line.slice(quote.length)
    const what = kind(rest)
    if (what === 'item') {
      flush()
      const lead = rest.match(/^\s*(?:[-*+]|\d+[.)])\s+/)[0]
      paragraph = { lead: quote + lead, indent: quote + ' '.repeat(lead.length), words: rest.slice(lead.length).trim() }
    } else if (what !== 'prose') {
      flush()
      lines.push(line)
    } else if (paragraph === null) {
      const space = rest.match(/^\s*/)[0]
      paragraph = { lead: quote + space, indent: quote + space, words: rest.trim() }
    } else if (/:$/.test(paragraph.words)) {
      const { indent } = paragraph
      flush()
      paragraph = { lead: indent, indent, words: rest.trim() }
    } else {
      paragraph.words += ' ' + rest.trim()
    }
  }
  flush()
  return lines.join('\n')
}

function selfTest() {
  const fine = [
    'One sentence.\nAnother one.',
    'Version 1.5 of `a. B` and [x](y. Z) is fine, e.g. Adit.',
    '- one item without an end\n- another. \n',
    '1. A first sentence.\n   A second one.',
    '| a. B | c |\n|---|---|\n| one. Two. | x |',
    '```sh\none. Two.\nthree\n```\nAfter it.',
    'It says:\n- this',
    '## A heading. With a point',
    'What comes next…\nIs here.',
    '**Shape.** A file is one noun.',
  ]
  const bad = [
    ['One. Two.', 1],
    ['A sentence that\nis broken.', 1],
    ['It ends **here.** Another begins.', 1],
    ['- an item. Another sentence', 1],
    ['- an item that\n  goes on.', 1],
    ['See `a`. `b` follows.', 1],
    ['Whole.\nBroken\nhere.', 2],
    ['Is it? Yes.', 1],
    ['> quoted. Twice.', 1],
  ]
  for (const text of fine) {
    if (check(text).length > 0) throw new Error(`fine, and reported: ${JSON.stringify(text)} ${JSON.stringify(check(text))}`)
  }
  for (const [text, line] of bad) {
    if (check(text)[0]?.line !== line) throw new Error(`not reported in line ${line}: ${JSON.stringify(text)}`)
  }
  const before = 'One. Two\nis `c. D` broken.\n\n- item. More\n  of it.\n\n**Shape.** It is. Done.\n'
  const after = 'One.\nTwo is `c. D` broken.\n\n- item.\n  More of it.\n\n**Shape.** It is.\nDone.\n'
  if (mended(before) !== after) throw new Error(`mended otherwise: ${JSON.stringify(mended(before))}`)
  if (mended(after) !== after) throw new Error('what keeps the rule is changed')
  console.log(`documents: ${fine.length + bad.length} samples are judged as they should be`)
}

function pages() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', '*.md'], { encoding: 'utf8' })
  return listed.split('\n').filter((path) => path !== '')
}

function exceptions() {
  const lines = readFileSync(EXCEPTIONS, 'utf8').split('\n')
  return new Set(lines.map((line) => line.replace(/#.*/, '').trim()).filter((line) => line !== ''))
}

function main(given) {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)))
  if (given[0] === '--self-test') return selfTest()
  if (given[0] === '--fix') return given.slice(1).forEach((path) => writeFileSync(path, mended(readFileSync(path, 'utf8'))))
  const all = given.length > 0 ? given : pages()
  const excepted = given.length > 0 ? new Set() : exceptions()
  let found = 0
  for (const path of excepted) {
    if (!all.includes(path)) {
      console.error(`${EXCEPTIONS}: ${path} does not exist; remove the line`)
      found += 1
    } else if (check(readFileSync(path, 'utf8')).length === 0) {
      console.error(`${EXCEPTIONS}: ${path} keeps the rule by now; remove the line`)
      found += 1
    }
  }
  for (const path of all.filter((path) => !excepted.has(path))) {
    for (const { line, what } of check(readFileSync(path, 'utf8'))) {
      console.error(`${path}:${line}: ${what}`)
      found += 1
    }
  }
  if (found > 0) process.exit(1)
  console.log(`documents: one sentence a line in ${all.length - excepted.size} pages; ${excepted.size} are excepted`)
}

main(process.argv.slice(2))
